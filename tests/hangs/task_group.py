import asyncio


async def read(inbox):
    return await inbox.get()


async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(read(asyncio.Queue()), name="reader")


asyncio.run(main())
