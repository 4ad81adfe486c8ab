"""Worker tasks empty a queue."""

import asyncio


async def work(jobs, results):
    while True:
        job = await jobs.get()
        try:
            results.append(job * 2)
        finally:
            jobs.task_done()


async def main():
    jobs, results = asyncio.Queue(), []
    workers = [asyncio.create_task(work(jobs, results)) for _ in range(2)]
    for job in range(3):
        jobs.put_nowait(job)
    await jobs.join()
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    assert sorted(results) == [0, 2, 4]


if __name__ == "__main__":
    asyncio.run(main())
