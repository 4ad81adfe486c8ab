"""anyio #387: a waiter of a Lock is cancelled while another one waits."""

import anyio


async def main():
    lock = anyio.Lock()
    got = []

    async def worker(name):
        async with lock:
            got.append(name)

    async with anyio.create_task_group() as outer:
        await lock.acquire()
        async with anyio.create_task_group() as first:
            first.start_soon(worker, "cancelled")
            await anyio.sleep(0.1)
            outer.start_soon(worker, "second")
            await anyio.sleep(0.1)
            first.cancel_scope.cancel()
            lock.release()
    assert "second" in got


anyio.run(main)
