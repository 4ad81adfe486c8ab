"""Tasks count in one step each, and let others count between their rounds."""

import asyncio


class Stats:
    seen = 0


stats = Stats()
by_name = {"done": 0}


async def work(rounds):
    for _ in range(rounds):
        stats.seen += 1
        by_name["done"] += 1
        await asyncio.sleep(0)


async def main():
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(work(2))
    assert stats.seen == 6, stats.seen
    assert by_name["done"] == 6, by_name


if __name__ == "__main__":
    asyncio.run(main())
