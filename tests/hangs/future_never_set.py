import asyncio


class Client:
    def __init__(self):
        self.answer = asyncio.get_running_loop().create_future()

    async def ask(self):
        return await self.answer


async def main():
    client = Client()
    print(await client.ask())


asyncio.run(main())
