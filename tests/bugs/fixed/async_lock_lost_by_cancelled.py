"""A lock for tasks, handed to whoever waits longest.

After reports on locks and semaphores of event loops: who is cancelled when it has just been given the lock loses it.
"""

import asyncio
from collections import deque


class Lock:
    def __init__(self):
        self._held = False
        self._waiters = deque()

    async def acquire(self):
        if not self._held:
            self._held = True
            return
        fut = asyncio.get_running_loop().create_future()
        self._waiters.append(fut)
        try:
            await fut
        except asyncio.CancelledError:
            if fut in self._waiters:
                self._waiters.remove(fut)
            elif fut.done() and not fut.cancelled():
                self.release()
            raise

    def release(self):
        while self._waiters:
            fut = self._waiters.popleft()
            if not fut.done():
                fut.set_result(None)
                return
        self._held = False


async def user(lock, victim=None):
    await lock.acquire()
    try:
        await asyncio.sleep(0)
    finally:
        lock.release()
        if victim is not None:
            victim[0].cancel()


async def main():
    lock = Lock()
    victim = []
    first = asyncio.create_task(user(lock, victim))
    victim.append(asyncio.create_task(user(lock)))
    third = asyncio.create_task(user(lock))
    await asyncio.gather(first, third)


if __name__ == "__main__":
    asyncio.run(main())
