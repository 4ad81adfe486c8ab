"""A counter that is read, awaited and written under an asyncio.Lock."""

import asyncio


class Counter:
    def __init__(self):
        self.lock = asyncio.Lock()
        self.value = 0

    async def increment(self):
        async with self.lock:
            value = self.value
            await asyncio.sleep(0)
            self.value = value + 1


async def main():
    counter = Counter()
    await asyncio.gather(*(counter.increment() for _ in range(3)))
    assert counter.value == 3


if __name__ == "__main__":
    asyncio.run(main())
