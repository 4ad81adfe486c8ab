"""A request is cancelled while it uses the only connection."""

import asyncio


class Client:
    def __init__(self):
        self.connections = asyncio.Semaphore(1)
        self.done = []

    async def request(self, name):
        await self.connections.acquire()
        await asyncio.sleep(1.0)
        self.done.append(name)
        self.connections.release()


async def main():
    client = Client()
    first = asyncio.create_task(client.request("first"))
    await asyncio.sleep(0.1)
    first.cancel()
    await client.request("second")
    assert client.done == ["second"]


if __name__ == "__main__":
    asyncio.run(main())
