"""Results are put into a shared list by gathered tasks."""

import asyncio


class Results:
    def __init__(self):
        self.names = []

    async def fetch(self, name):
        position = len(self.names)
        await asyncio.sleep(0)
        self.names.append(None)
        self.names[position] = name


async def main():
    results = Results()
    await asyncio.gather(*(results.fetch(name) for name in "ab"))
    assert sorted(map(str, results.names)) == ["a", "b"], results.names


if __name__ == "__main__":
    asyncio.run(main())
