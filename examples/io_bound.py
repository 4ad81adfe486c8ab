"""Waiting for a hundred answers: the same call on every engine, with the measured time and memory per worker.

Whoever waits needs no core, so threads and coroutines are as fast as processes here, and need far less memory.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from _measuring import memory_bytes, show

import plait

REQUESTS, LATENCY = 100, 0.2


class Slow(BaseHTTPRequestHandler):
    """Answers after a moment, as servers do."""

    def do_GET(self) -> None:
        """Wait, then answer."""
        time.sleep(LATENCY)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        """Be quiet."""


class Server(ThreadingHTTPServer):
    """A server that lets a hundred clients knock at once."""

    request_queue_size = 2 * REQUESTS
    daemon_threads = True


def fetch(url: str) -> bytes:
    """The answer, for engines that call functions."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return answer.partition(b"\r\n\r\n")[2]


async def fetch_async(url: str) -> bytes:
    """The answer, for the engine that awaits coroutines."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n\r\n")[2]


def main() -> None:
    """Time the engines on the same requests and print the table."""
    with Server(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        urls = [f"http://127.0.0.1:{server.server_port}"] * REQUESTS
        began = time.perf_counter()
        for url in urls[:5]:
            fetch(url)
        rows = [("a plain loop", (time.perf_counter() - began) * REQUESTS / 5, "reckoned from 5 requests")]
        calls: list[tuple[str, Callable[[str], Any]]] = [("thread", fetch), ("process", fetch), ("async", fetch_async)]
        for engine, call in calls:
            began = time.perf_counter()
            with Memory() as memory:
                found = list(plait.map(call, urls, engine=engine, workers=REQUESTS))
            assert found == [b"hello"] * REQUESTS
            rows.append((engine, time.perf_counter() - began, f"{memory.most / REQUESTS / 1e6:.2f} MB per worker"))
        server.shutdown()
    show(f"{REQUESTS} requests of {LATENCY:g} s, all at once, start-up of workers included", rows)


class Memory:
    """How much more memory this program and its workers had than at the start, at most."""

    def __enter__(self) -> Memory:
        self._before = memory_bytes()
        self.most = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            self.most = max(self.most, memory_bytes() - self._before)


if __name__ == "__main__":
    main()
