"""A group of tasks in which one fails."""

import asyncio


async def fail():
    await asyncio.sleep(0.1)
    raise ValueError("no")


async def work(log):
    try:
        await asyncio.sleep(5)
    except asyncio.CancelledError:
        log.append("cancelled")
        raise


async def main():
    log = []
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(work(log))
            group.create_task(fail())
    except* ValueError:
        log.append("failed")
    assert log == ["cancelled", "failed"]


if __name__ == "__main__":
    asyncio.run(main())
