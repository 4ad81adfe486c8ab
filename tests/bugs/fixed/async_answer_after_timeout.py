"""A database thread answers through futures of the loop; a caller may have given up.

After reports on drivers of databases: a thread sets the result of a future that a timeout has cancelled.
"""

import asyncio
import queue
import threading
import time


class Database(threading.Thread):
    def __init__(self, loop):
        super().__init__(daemon=True)
        self.jobs = queue.SimpleQueue()
        self.loop = loop

    def run(self):
        while (job := self.jobs.get()) is not None:
            future, fn = job
            result = fn()
            self.loop.call_soon_threadsafe(self._answer, future, result)

    @staticmethod
    def _answer(future, result):
        if not future.done():
            future.set_result(result)

    async def execute(self, fn):
        future = self.loop.create_future()
        self.jobs.put((future, fn))
        return await future


def slow():
    time.sleep(0.1)
    return 42


async def main():
    db = Database(asyncio.get_running_loop())
    db.start()
    try:
        await asyncio.wait_for(db.execute(slow), 0.05)
    except TimeoutError:
        pass
    assert await db.execute(lambda: 7) == 7
    db.jobs.put(None)


if __name__ == "__main__":
    asyncio.run(main())
