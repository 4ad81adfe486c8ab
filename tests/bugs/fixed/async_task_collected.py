"""A log is flushed by a background task."""

import asyncio
import gc
import weakref


class Log:
    def __init__(self):
        self.flushed = False
        self.waiters = weakref.WeakSet()

    async def flush_later(self):
        waiter = asyncio.get_running_loop().create_future()
        self.waiters.add(waiter)
        await waiter
        self.flushed = True

    def close(self):
        for waiter in list(self.waiters):
            waiter.set_result(None)


async def main():
    log = Log()
    flushing = asyncio.create_task(log.flush_later())
    await asyncio.sleep(0.1)
    gc.collect()
    log.close()
    await flushing
    assert log.flushed, "the background task is gone"


if __name__ == "__main__":
    asyncio.run(main())
