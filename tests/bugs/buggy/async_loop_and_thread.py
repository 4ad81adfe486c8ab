"""A metric is counted by a thread and by a coroutine that it submits."""

import asyncio


class Metric:
    def __init__(self):
        self.value = 0

    def plus_one(self):
        return self.value + 1

    def hit(self):
        self.value = self.plus_one()

    async def hit_later(self):
        self.hit()


def feed(loop, metric):
    future = asyncio.run_coroutine_threadsafe(metric.hit_later(), loop)
    metric.hit()
    future.result()


async def main():
    metric = Metric()
    await asyncio.to_thread(feed, asyncio.get_running_loop(), metric)
    assert metric.value == 2, metric.value


if __name__ == "__main__":
    asyncio.run(main())
