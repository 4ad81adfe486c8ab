"""Two tasks move files between two folders, each with a lock."""

import asyncio


class Folder:
    def __init__(self, files):
        self.files = files
        self.lock = asyncio.Lock()


async def move(file, source, target):
    async with source.lock:
        await asyncio.sleep(0)
        source.files.remove(file)
    async with target.lock:
        target.files.append(file)


async def main():
    x, y = Folder(["a"]), Folder(["b"])
    await asyncio.gather(move("a", x, y), move("b", y, x))
    assert (x.files, y.files) == (["b"], ["a"])


if __name__ == "__main__":
    asyncio.run(main())
