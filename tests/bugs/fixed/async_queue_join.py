"""A worker task works on a queue until all is done."""

import asyncio


async def work(jobs, results):
    while True:
        job = await jobs.get()
        if job:
            results.append(job.upper())
        jobs.task_done()


async def main():
    jobs, results = asyncio.Queue(), []
    worker = asyncio.create_task(work(jobs, results))
    for job in ("a", "", "b"):
        await jobs.put(job)
    await jobs.join()
    worker.cancel()
    assert results == ["A", "B"]


if __name__ == "__main__":
    asyncio.run(main())
