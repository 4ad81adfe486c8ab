"""A task is given its first turn before it is told to go on."""

import asyncio


async def follow(go, log):
    log.append("ready")
    await go.wait()
    log.append("gone")


async def main():
    go, log = asyncio.Event(), []
    task = asyncio.create_task(follow(go, log))
    await asyncio.sleep(0)
    assert log == ["ready"]
    go.set()
    await task
    assert log == ["ready", "gone"]


if __name__ == "__main__":
    asyncio.run(main())
