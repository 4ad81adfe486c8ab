"""Tasks wait for a starting shot."""

import asyncio


async def run(start, name, finished):
    await start.wait()
    finished.append(name)


async def main():
    start, finished = asyncio.Event(), []
    runner = asyncio.create_task(run(start, "ann", finished))
    start.set()
    start.clear()
    await runner
    assert finished == ["ann"]


if __name__ == "__main__":
    asyncio.run(main())
