"""anyio #398: a waiter of a Lock is hit by a native cancellation as the lock is handed to it."""

import asyncio

import anyio


async def main():
    lock = anyio.Lock()
    got = []

    async def worker(name):
        async with lock:
            got.append(name)
            await asyncio.sleep(0)

    async def canceller(task):
        await asyncio.sleep(0)
        task.cancel()

    tasks = [asyncio.create_task(worker(n)) for n in range(3)]
    stop = asyncio.create_task(canceller(tasks[1]))
    await asyncio.wait_for(asyncio.gather(*tasks, stop, return_exceptions=True), 10)
    assert {0, 2} <= set(got)


asyncio.run(main())
