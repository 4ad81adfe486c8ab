import asyncio
import queue

inbox = queue.Queue()


async def consume():
    return inbox.get()


async def tick():
    while True:
        await asyncio.sleep(0.1)


async def main():
    await asyncio.gather(consume(), tick())


asyncio.run(main())
