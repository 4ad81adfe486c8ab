"""anyio: a task that has just got a lock is cancelled by asyncio, not by anyio; the others must get it."""

import asyncio

import anyio


async def main():
    lock = anyio.Lock()
    got = []

    async def work(number):
        await asyncio.to_thread(int)  # each comes when it has been somewhere else
        async with lock:
            got.append(number)
            await asyncio.sleep(0)

    async def cancel(task):
        await asyncio.to_thread(int)
        task.cancel()

    tasks = [asyncio.create_task(work(number)) for number in range(3)]
    stop = asyncio.create_task(cancel(tasks[1]))
    await asyncio.gather(*tasks, stop, return_exceptions=True)
    assert {0, 2} <= set(got), got


if __name__ == "__main__":
    asyncio.run(main())
