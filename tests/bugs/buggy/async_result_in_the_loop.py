"""A sync function of an asyncio program needs the result of a coroutine."""

import asyncio


async def fetch():
    await asyncio.sleep(0)
    return "data"


class Client:
    def __init__(self, loop):
        self.loop = loop

    def load(self):
        return asyncio.run_coroutine_threadsafe(fetch(), self.loop).result()


async def main():
    client = Client(asyncio.get_running_loop())
    data = client.load()
    assert data == "data"


if __name__ == "__main__":
    asyncio.run(main())
