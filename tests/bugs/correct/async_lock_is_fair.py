"""Tasks that wait for a lock get it in the order in which they asked."""

import asyncio


async def use(lock, name, order):
    async with lock:
        order.append(name)


async def main():
    lock, order = asyncio.Lock(), []
    await lock.acquire()
    tasks = []
    for name in "abc":
        tasks.append(asyncio.create_task(use(lock, name, order)))
        await asyncio.sleep(0.1)
    lock.release()
    await asyncio.gather(*tasks)
    assert order == ["a", "b", "c"]


if __name__ == "__main__":
    asyncio.run(main())
