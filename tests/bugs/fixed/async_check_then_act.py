"""A cache in front of a slow service."""

import asyncio


class Cache:
    def __init__(self):
        self.entries = {}
        self.loads = 0
        self.lock = asyncio.Lock()

    async def load(self, key):
        self.loads += 1
        await asyncio.sleep(0.1)
        return key.upper()

    async def get(self, key):
        async with self.lock:
            if key not in self.entries:
                self.entries[key] = await self.load(key)
        return self.entries[key]


async def main():
    cache = Cache()
    assert await asyncio.gather(cache.get("a"), cache.get("a")) == ["A", "A"]
    assert cache.loads == 1, f"loaded {cache.loads} times"


if __name__ == "__main__":
    asyncio.run(main())
