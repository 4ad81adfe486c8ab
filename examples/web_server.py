"""A web server that stays responsive while it computes: heavy requests run on processes, the others at once.

python examples/web_server.py wsgi     a WSGI application under waitress (as Flask and Django are)
python examples/web_server.py asgi     an ASGI application under uvicorn (as FastAPI and Starlette are)

/               a page that starts a long job and shows its progress
/light          answered at once, whatever else goes on
/heavy?n=20000  counts primes in a worker process; 503 when that takes longer than two seconds, 500 if the worker dies
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import plait

DEADLINE = 2.0  # seconds that a heavy request may take
JSON, HTML = "application/json", "text/html; charset=utf-8"
Answer = tuple[int, str, bytes]

PAGE = b"""<!doctype html><html lang="en"><title>plait</title>
<style>body{font:18px system-ui;margin:4em auto;max-width:30em} progress{width:100%;height:2em}</style>
<h1>A long job</h1><button id="start">Start</button><p><progress id="bar" max="1" value="0"></progress>
<p id="words">not started</p>
<script>
const get = async path => (await fetch(path)).json();
document.getElementById("start").onclick = async () => {
  await get("/start");
  const timer = setInterval(async () => {
    const job = await get("/progress");
    document.getElementById("bar").value = job.done / job.total;
    document.getElementById("words").textContent = `${job.done} of ${job.total} done, ${job.found} primes found`;
    if (job.done === job.total) clearInterval(timer);
  }, 100);
};
</script></html>"""


def count_primes(limit: int) -> int:
    """How many primes there are below `limit`, the slow way; 13 stands for a bug that kills the process."""
    if limit == 13:
        os.abort()
    return sum(all(n % d for d in range(2, int(n**0.5) + 1)) for n in range(2, limit))


class Site:
    """What the server knows: warm worker processes, a scope for work that outlives its request, and the long job.

    The pool bounds how many heavy requests compute at the same time; each request has a scope of its own on it, so what
    happens to one request stays with that request.
    """

    def __init__(self, pool: plait.Pool, background: plait.Scope) -> None:
        self.pool = pool
        self.background = background
        self.job = {"done": 0, "total": 200, "found": 0}

    def light(self, path: str) -> Answer:
        """Everything that needs no time."""
        if path == "/":
            return 200, HTML, PAGE
        if path == "/start":
            self.job.update(done=0, found=0)
            self.background.submit(self.run_job)
        elif path not in ("/light", "/progress"):
            return 404, JSON, as_json({"error": f"there is no {path}"})
        return 200, JSON, as_json(self.job)

    def heavy(self, limit: int) -> Answer:
        """Counts primes on a worker process, for servers with threads."""
        try:
            with plait.scope(self.pool, deadline=DEADLINE) as s:
                found = s.submit(count_primes, limit).result()
        except (plait.errors.TaskTimeout, plait.errors.WorkerDied) as error:
            return failure(error)
        return 200, JSON, as_json({"limit": limit, "primes": found})

    async def heavy_async(self, limit: int) -> Answer:
        """The same for servers with an event loop, which goes on meanwhile."""
        try:
            async with plait.scope(self.pool, deadline=DEADLINE) as s:
                found = await s.submit(count_primes, limit)
        except (plait.errors.TaskTimeout, plait.errors.WorkerDied) as error:
            return failure(error)
        return 200, JSON, as_json({"limit": limit, "primes": found})

    def run_job(self) -> None:
        """The long job: a map over the workers, counted where results arrive."""
        for found in plait.map(count_primes, [3_000] * self.job["total"], engine=self.pool):
            self.job["done"] += 1
            self.job["found"] += found

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        """The WSGI application."""
        path = environ["PATH_INFO"]
        status, kind, body = self.heavy(limit_in(environ["QUERY_STRING"])) if path == "/heavy" else self.light(path)
        start_response(f"{status} ", [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]

    async def asgi(self, scope: dict[str, Any], receive: object, send: Callable[..., Awaitable[None]]) -> None:
        """The ASGI application."""
        if scope["type"] != "http":
            return
        path = scope["path"]
        query = scope["query_string"].decode()
        status, kind, body = await self.heavy_async(limit_in(query)) if path == "/heavy" else self.light(path)
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def as_json(value: object) -> bytes:
    """The value as the body of an answer."""
    return json.dumps(value).encode()


def failure(error: Exception) -> Answer:
    """503 means: try again later; 500: this request cannot be answered."""
    status = 503 if isinstance(error, plait.errors.TaskTimeout) else 500
    return status, JSON, as_json({"error": f"{type(error).__name__}: {error}"})


def limit_in(query: str) -> int:
    """The number after ``n=``."""
    return int(parse_qs(query).get("n", ["20000"])[0])


def main(kind: str = "wsgi", port: str = "8000") -> None:
    """Serve until Ctrl-C."""
    with plait.Pool("process") as pool, plait.scope() as background:
        site = Site(pool, background)
        print(f"http://127.0.0.1:{port}/ ({kind})", flush=True)
        if kind == "wsgi":
            import waitress  # type: ignore[import-untyped]  # it has no types

            waitress.serve(site.wsgi, host="127.0.0.1", port=int(port), threads=16)
        else:
            import uvicorn

            uvicorn.run(
                site.asgi, host="127.0.0.1", port=int(port), log_level="warning", lifespan="off", interface="asgi3"
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
