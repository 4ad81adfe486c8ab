"""A consumer task takes what a producer task puts into a queue."""

import asyncio
import queue

items = queue.Queue()


async def consume():
    return items.get()


async def produce():
    await asyncio.sleep(0.1)
    items.put("item")


async def main():
    item, _ = await asyncio.gather(consume(), produce())
    assert item == "item"


if __name__ == "__main__":
    asyncio.run(main())
