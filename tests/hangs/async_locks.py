import asyncio


async def move(source, target):
    async with source:
        await asyncio.sleep(0.01)
        async with target:
            pass


async def main():
    one, two = asyncio.Lock(), asyncio.Lock()
    await asyncio.gather(move(one, two), move(two, one))


asyncio.run(main())
