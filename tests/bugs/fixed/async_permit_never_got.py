"""Calls with a limit, one of which is cancelled while it waits."""

import asyncio


async def call(limit, inside, peak, seconds):
    await limit.acquire()
    try:
        inside.append(1)
        peak.append(len(inside))
        await asyncio.sleep(seconds)
        inside.pop()
    finally:
        limit.release()


async def main():
    limit, inside, peak = asyncio.Semaphore(1), [], []
    first = asyncio.create_task(call(limit, inside, peak, 2))
    second = asyncio.create_task(call(limit, inside, peak, 2))
    await asyncio.sleep(0.5)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    third = asyncio.create_task(call(limit, inside, peak, 2))
    await asyncio.gather(first, third)
    assert max(peak) == 1


if __name__ == "__main__":
    asyncio.run(main())
