"""A pool of connections; a new user pings the connection before it is handed out.

After reports on pools of database connections: a task that is cancelled between the taking and its `try:` keeps one.
"""

import asyncio
import contextlib


class Connection:
    async def ping(self):
        await asyncio.sleep(0.02)


class Pool:
    def __init__(self, size):
        self._free = asyncio.Queue()
        for _ in range(size):
            self._free.put_nowait(Connection())

    async def acquire(self):
        conn = await self._free.get()
        await conn.ping()
        return conn

    def release(self, conn):
        self._free.put_nowait(conn)


async def use(pool):
    conn = await pool.acquire()
    try:
        await asyncio.sleep(0.01)
    finally:
        pool.release(conn)


async def main():
    pool = Pool(1)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(use(pool), 0.01)
    await use(pool)


if __name__ == "__main__":
    asyncio.run(main())
