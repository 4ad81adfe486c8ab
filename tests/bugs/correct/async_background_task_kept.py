"""Background tasks are kept in a set that they leave when they are done."""

import asyncio


class Background:
    def __init__(self):
        self.tasks = set()
        self.done = []

    def start(self, name):
        task = asyncio.create_task(self.work(name))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def work(self, name):
        await asyncio.sleep(0.1)
        self.done.append(name)

    async def close(self):
        while self.tasks:
            await asyncio.wait(self.tasks)


async def main():
    background = Background()
    background.start("a")
    background.start("b")
    await background.close()
    assert sorted(background.done) == ["a", "b"]


if __name__ == "__main__":
    asyncio.run(main())
