"""A counter shared by a coroutine and a thread, under a threading.Lock."""

import asyncio
import threading


class Counter:
    def __init__(self):
        self.lock = threading.Lock()
        self.value = 0

    def increment(self):
        with self.lock:
            self.value += 1


async def count(counter):
    counter.increment()
    await asyncio.sleep(0)
    counter.increment()


async def main():
    counter = Counter()
    await asyncio.gather(count(counter), asyncio.to_thread(counter.increment))
    assert counter.value == 3


if __name__ == "__main__":
    asyncio.run(main())
