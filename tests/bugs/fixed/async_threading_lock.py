"""Two tasks write to a file, one after the other."""

import asyncio

lock = asyncio.Lock()
lines = []


async def write(text):
    async with lock:
        lines.append(text)
        await asyncio.sleep(0.1)
        lines.append(text)


async def main():
    await asyncio.gather(write("a"), write("b"))
    assert lines in (["a", "a", "b", "b"], ["b", "b", "a", "a"])


if __name__ == "__main__":
    asyncio.run(main())
