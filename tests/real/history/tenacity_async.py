"""tenacity: concurrent calls of one decorated coroutine, with predicates that await."""

import asyncio

from tenacity import retry, stop_after_attempt, wait_none

calls = {}


async def again(state):
    await asyncio.sleep(0)
    return state.outcome.failed


@retry(stop=stop_after_attempt(3), wait=wait_none(), retry=again)
async def flaky(name):
    calls[name] = calls.get(name, 0) + 1
    await asyncio.sleep(0)
    if calls[name] < 3:
        raise OSError(name)
    return name


async def main():
    got = await asyncio.gather(flaky("a"), flaky("b"))
    assert got == ["a", "b"], got


asyncio.run(main())
