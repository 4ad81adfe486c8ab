"""A client whose access token expires; the server takes each refresh token once.

After reports on clients of web services: the server takes each refresh token once, and two requests find the
access token expired at the same time.
"""

import asyncio
import time


class Server:
    def __init__(self):
        self.valid = "r0"
        self.n = 0

    async def refresh(self, token):
        await asyncio.sleep(0.05)
        if token != self.valid:
            raise PermissionError("invalid_grant")
        self.n += 1
        self.valid = f"r{self.n}"
        return f"a{self.n}", self.valid


class Client:
    def __init__(self, server):
        self.server = server
        self._refresh_token = "r0"
        self._access = None
        self._expires = 0.0
        self._lock = asyncio.Lock()

    def _expiring(self):
        return time.monotonic() >= self._expires - 60

    async def _ensure_token(self):
        async with self._lock:
            if self._expiring():
                await self.refresh()

    async def refresh(self):
        self._access, self._refresh_token = await self.server.refresh(self._refresh_token)
        self._expires = time.monotonic() + 600

    async def get(self, path):
        await self._ensure_token()
        return path, self._access


async def main():
    client = Client(Server())
    await asyncio.gather(client.get("/me"), client.get("/devices"))


if __name__ == "__main__":
    asyncio.run(main())
