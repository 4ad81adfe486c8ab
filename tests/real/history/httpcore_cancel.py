"""httpcore #658/#830: requests that are cancelled must leave no slot of the pool taken."""

import asyncio

import httpcore
from httpcore import AsyncMockBackend

REPLY = [b"HTTP/1.1 200 OK\r\n", b"Content-Length: 2\r\n\r\n", b"ok"]


class SlowBackend(AsyncMockBackend):
    async def connect_tcp(self, *args, **kwargs):
        await asyncio.sleep(0)
        return await super().connect_tcp(*args, **kwargs)


async def main():
    async with httpcore.AsyncConnectionPool(max_connections=1, network_backend=SlowBackend(REPLY)) as pool:

        async def get():
            response = await pool.request("GET", "http://example.com/", extensions={"timeout": {"pool": 5.0}})
            return response.status

        tasks = [asyncio.create_task(get()) for _ in range(3)]

        async def stop():
            for _ in range(3):
                await asyncio.sleep(0)
            tasks[1].cancel()

        await asyncio.gather(*tasks, stop(), return_exceptions=True)
        assert await get() == 200


asyncio.run(main())
