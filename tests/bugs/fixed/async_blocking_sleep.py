"""A heartbeat is sent while a slow job runs."""

import asyncio
import time


class Heart:
    def __init__(self):
        self.latest = 0.0

    async def beat(self):
        for _ in range(3):
            began = time.monotonic()
            await asyncio.sleep(0.1)
            self.latest = max(self.latest, time.monotonic() - began)


async def job():
    await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)


async def main():
    heart = Heart()
    await asyncio.gather(heart.beat(), job())
    assert heart.latest < 0.8, f"a beat took {heart.latest:.1f} s"


if __name__ == "__main__":
    asyncio.run(main())
