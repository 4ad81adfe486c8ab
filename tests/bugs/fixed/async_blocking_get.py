"""A consumer task takes what a producer task puts into a queue."""

import asyncio

items = asyncio.Queue()


async def consume():
    return await items.get()


async def produce():
    await asyncio.sleep(0.1)
    await items.put("item")


async def main():
    item, _ = await asyncio.gather(consume(), produce())
    assert item == "item"


if __name__ == "__main__":
    asyncio.run(main())
