"""A resolver of names that joins questions for one host.

After reports on clients of the web: to cancel the first one cancels all.
"""

import asyncio


class Resolver:
    def __init__(self):
        self.flights = {}

    async def ask(self, host):
        await asyncio.sleep(0.1)
        return f"address of {host}"

    async def resolve(self, host):
        if host in self.flights:
            return await self.flights[host]
        task = self.flights[host] = asyncio.create_task(self.ask(host))
        try:
            return await task
        finally:
            self.flights.pop(host, None)


async def main():
    resolver = Resolver()
    first = asyncio.create_task(resolver.resolve("host"))
    second = asyncio.create_task(resolver.resolve("host"))
    await asyncio.sleep(0.05)
    first.cancel()
    assert await second == "address of host"


if __name__ == "__main__":
    asyncio.run(main())
