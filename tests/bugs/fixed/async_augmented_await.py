"""The sizes of some pages are summed as they arrive."""

import asyncio


class Crawler:
    def __init__(self):
        self.total = 0

    async def fetch(self, page):
        await asyncio.sleep(0.1)
        return len(page)

    async def visit(self, page):
        size = await self.fetch(page)
        self.total += size


async def main():
    crawler = Crawler()
    await asyncio.gather(crawler.visit("abc"), crawler.visit("de"))
    assert crawler.total == 5, crawler.total


if __name__ == "__main__":
    asyncio.run(main())
