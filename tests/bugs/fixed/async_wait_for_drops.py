"""Items are delivered with a time limit; what fails stays in the queue."""

import asyncio


async def deliver(items, delivered):
    item = items[0]
    await asyncio.sleep(1.0)
    delivered.append(item)
    items.remove(item)


async def main():
    items, delivered = ["parcel"], []
    try:
        await asyncio.wait_for(deliver(items, delivered), timeout=0.1)
    except TimeoutError:
        pass
    assert items + delivered == ["parcel"], "the parcel is lost"


if __name__ == "__main__":
    asyncio.run(main())
