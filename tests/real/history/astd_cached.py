"""asyncstdlib: a cached_property awaited by two tasks at once runs twice."""

import asyncio

import asyncstdlib as a

made = []


class Resource:
    @a.cached_property(asyncio.Lock) if hasattr(a.functools, "_FutureCachedPropertyValue") else a.cached_property
    async def connection(self):
        made.append(1)
        await asyncio.sleep(0)
        return object()


async def main():
    r = Resource()

    async def get():
        return await r.connection

    one, two = await asyncio.gather(get(), get())
    assert one is two


asyncio.run(main())
