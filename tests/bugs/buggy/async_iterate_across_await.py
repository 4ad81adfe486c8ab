"""A chat server sends a message to everybody while somebody joins."""

import asyncio


class Server:
    def __init__(self):
        self.clients = {"ann", "bob"}
        self.sent = []

    async def send(self, client, text):
        await asyncio.sleep(0)
        self.sent.append((client, text))

    async def broadcast(self, text):
        for client in self.clients:
            await self.send(client, text)

    async def join(self, client):
        await asyncio.sleep(0)
        self.clients.add(client)


async def main():
    server = Server()
    await asyncio.gather(server.broadcast("hello"), server.join("eve"))
    assert len(server.sent) >= 2


if __name__ == "__main__":
    asyncio.run(main())
