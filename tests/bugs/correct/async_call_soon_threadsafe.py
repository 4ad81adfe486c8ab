"""A thread reports its progress to the loop."""

import asyncio


class Progress:
    def __init__(self):
        self.done = 0

    def advance(self):
        self.done += 1


def work(loop, progress):
    for _ in range(2):
        loop.call_soon_threadsafe(progress.advance)


async def main():
    progress = Progress()
    await asyncio.to_thread(work, asyncio.get_running_loop(), progress)
    progress.advance()
    while progress.done < 3:
        await asyncio.sleep(0.01)
    assert progress.done == 3


if __name__ == "__main__":
    asyncio.run(main())
