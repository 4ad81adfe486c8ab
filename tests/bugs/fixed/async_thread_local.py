"""The id of a request in a threading.local, in a server of tasks.

After reports on web applications that moved to asyncio: their threading.local is one variable for all requests.
"""

import asyncio
import contextvars

_var = contextvars.ContextVar("request")


def set_request(r):
    _var.set(r)


def get_request():
    return _var.get()


async def load():
    await asyncio.sleep(0.01)
    return f"user of {get_request()}"


async def handle(request):
    set_request(request)
    return await load()


async def main():
    got = await asyncio.gather(handle("r1"), handle("r2"))
    assert got == ["user of r1", "user of r2"], got


if __name__ == "__main__":
    asyncio.run(main())
