"""A client opens at most one connection."""

import asyncio


class Client:
    def __init__(self, limit):
        self.limit = limit
        self.open = 0
        self.most = 0

    async def connect(self):
        while self.open >= self.limit:
            await asyncio.sleep(0.1)
        self.open += 1
        self.most = max(self.most, self.open)
        await asyncio.sleep(0)  # the handshake

    async def request(self):
        await self.connect()
        await asyncio.sleep(0.1)
        self.open -= 1


async def main():
    client = Client(limit=1)
    await asyncio.gather(client.request(), client.request())
    assert client.most <= client.limit, f"{client.most} connections were open"


if __name__ == "__main__":
    asyncio.run(main())
