"""Crawls a site: 20 pages at a time, at most 200 a second, busy ones again; killed and restarted, it goes on.

python examples/crawler.py                    crawls a small site of its own
python examples/crawler.py http://HOST:PORT   crawls that one; started again it fetches only what is missing
"""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import plait

JOURNAL = "crawler.sqlite"
AGAIN = plait.Retry(4, on=OSError, backoff=0.02)


@dataclass(frozen=True)
class Page:
    """What was found at one address."""

    size: int
    links: tuple[str, ...]


async def fetch(url: str) -> Page:
    """Load one page and find its links; a server that has no time raises OSError, which is worth another try."""
    host, _, path = url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    try:
        writer.write(f"GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
    finally:
        writer.close()
    status = head.split()[1:2]
    if status == [b"503"]:
        raise OSError(f"{url} is busy")
    if status != [b"200"]:
        raise LookupError(f"{url}: status {status}")
    links = re.findall(rb'href="(/[^"]*)"', body)
    return Page(len(body), tuple(f"http://{host}{link.decode()}" for link in links))


def crawl(start: str) -> tuple[dict[str, Page], dict[str, BaseException]]:
    """Every page that can be reached, and what went wrong with the others; one map for each distance from the start."""
    pages: dict[str, Page] = {}
    errors: dict[str, BaseException] = {}
    frontier = [start]
    while frontier:
        found = plait.map(fetch, frontier, workers=20, rate="200/s", timeout=10, retry=AGAIN, journal=JOURNAL)
        for outcome in found.outcomes():
            if outcome.error is not None:
                errors[outcome.input] = outcome.error
            elif isinstance(outcome.value, Page):
                pages[outcome.input] = outcome.value
        links = (link for url in frontier if url in pages for link in pages[url].links)
        frontier = [link for link in dict.fromkeys(links) if link not in pages and link not in errors]
    return pages, errors


class Shop(BaseHTTPRequestHandler):
    """A shop with 120 pages; every seventh is busy when it is asked for the first time, and one is missing."""

    asked: dict[str, int] = {}  # noqa: RUF012  one for all requests

    def do_GET(self) -> None:
        """Answer."""
        number = int(self.path.strip("/") or 0)
        times = self.asked[self.path] = self.asked.get(self.path, 0) + 1
        status = 404 if number == 99 else 503 if number % 7 == 3 and times == 1 else 200
        links = "".join(f'<a href="/{link}">{link}</a> ' for link in (2 * number + 1, 2 * number + 2) if link < 120)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(f"<h1>Page {number}</h1>{links}".encode())

    def log_message(self, *_: object) -> None:
        """Be quiet."""


def main(start: str = "") -> None:
    """Crawl and say what was found."""
    with ExitStack() as stack:
        if not start:
            shop = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Shop))
            threading.Thread(target=shop.serve_forever, daemon=True).start()
            stack.callback(shop.shutdown)
            start = f"http://127.0.0.1:{shop.server_port}/"
        pages, errors = crawl(start)
    print(f"{len(pages)} pages, {sum(page.size for page in pages.values())} bytes")
    for url, error in errors.items():
        print(f"failed: {url.rpartition('/')[2]}: {type(error).__name__}")


if __name__ == "__main__":
    main(*sys.argv[1:])
