"""redis-py #2624: a command that is cancelled must not leave its answer to the next one."""

import asyncio

import redis.asyncio as redis
from redis.asyncio.connection import Connection, ConnectionPool


class FakeWriter:
    def __init__(self, reader):
        self.reader = reader

    def writelines(self, parts):
        data = b"".join(parts)
        key = data.split(b"\r\n")[-2]
        asyncio.get_running_loop().call_later(0.01, self.reader.feed_data, b"$%d\r\n%s\r\n" % (len(key), key))

    async def drain(self):
        await asyncio.sleep(0)

    def close(self):
        pass

    async def wait_closed(self):
        pass


class FakeConnection(Connection):
    async def _connect(self):
        self._reader = asyncio.StreamReader()
        self._writer = FakeWriter(self._reader)

    async def on_connect(self):
        self._parser.on_connect(self)


async def main():
    pool = ConnectionPool(connection_class=FakeConnection, max_connections=1)
    client = redis.Redis(connection_pool=pool, single_connection_client=False)

    task = asyncio.create_task(client.get("a"))

    async def stop():
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()

    await asyncio.gather(task, stop(), return_exceptions=True)
    assert await client.get("b") == b"b"


asyncio.run(main())
