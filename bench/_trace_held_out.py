"""Programs of other kinds than _trace_programs.py has, written when the tracer was finished."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import queue
import select
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from _trace_programs import merged, now, sends
from _trace_truth import Crew, Stopwatch, Truth, compute, scaled

import plait
from plait._core.trace import State


def fsync() -> list[Truth]:
    """A thread that waits for the disk and nothing else."""
    crew = Crew()

    def writes(watch: Stopwatch) -> None:
        with tempfile.TemporaryFile() as file:
            for _ in range(scaled(3000)):
                with watch.without_the_gil():
                    os.pwrite(file.fileno(), b"x" * 4096, 0)
                    os.fsync(file.fileno())

    crew.start(writes, rest=State.FILE)
    return crew.join()


def child_process() -> list[Truth]:
    crew = Crew()

    def waits(_: Stopwatch) -> None:
        child = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({scaled(0.4)})"])
        child.wait()

    crew.start(waits, rest=State.CHILD)
    return crew.join()


def full_queue() -> list[Truth]:
    """The producer is too fast: it waits to put."""
    crew, line, taken = Crew(), queue.Queue[int](1), [0.0]

    def produces(watch: Stopwatch) -> None:
        for n in range(scaled(20)):
            with watch.waiting(State.QUEUE, lambda: taken[0]):
                line.put(n)

    def consumes(watch: Stopwatch) -> None:
        for _ in range(scaled(20)):
            watch.sleep(0.03)
            taken[0] = now()
            line.get()

    crew.start(produces)
    crew.start(consumes)
    return crew.join()


def barrier() -> list[Truth]:
    """Three that meet; the slowest is the last."""
    crew, meet, came = Crew(), threading.Barrier(3), [0.0]

    def meets(watch: Stopwatch, pause: float) -> None:
        for _ in range(scaled(5)):
            watch.sleep(pause)
            came[0] = now()
            with watch.waiting(State.BARRIER, lambda: came[0]):
                meet.wait()

    for pause in (0.02, 0.06, 0.12):

        def waits(watch: Stopwatch, pause: float = pause) -> None:
            meets(watch, pause)

        crew.start(waits)
    return crew.join()


def nested_rlock() -> list[Truth]:
    crew, lock, let_go, held = Crew(), threading.RLock(), [0.0], threading.Event()

    def holds(watch: Stopwatch) -> None:
        with lock, lock:
            held.set()
            watch.sleep(scaled(0.5))
            let_go[0] = now()

    def waits(watch: Stopwatch) -> None:
        with watch.waiting(State.LOCK, lambda: let_go[0]):
            lock.acquire()
        lock.release()

    crew.start(holds)
    held.wait()
    crew.start(waits, 2)
    return crew.join()


def compression() -> list[Truth]:
    """C that lets the GIL go for milliseconds, three on two cores.

    Called by ctypes, which needs the GIL for nothing meanwhile: `zlib.compress` has it for a twentieth of its time, in
    which it gets memory and puts the result together.
    """
    crew, block, compress = Crew(), os.urandom(300_000) * 3, ctypes.CDLL("libz.so.1").compress2

    def compresses(watch: Stopwatch) -> None:
        room, size = ctypes.create_string_buffer(1_000_000), ctypes.c_ulong()
        for _ in range(scaled(10)):
            size.value = 1_000_000
            with watch.without_the_gil():
                failed = compress(room, ctypes.byref(size), block, ctypes.c_ulong(len(block)), 6)
            assert not failed

    crew.start(compresses, 3)
    return crew.join()


def c_that_holds() -> list[Truth]:
    """C that keeps the GIL: two that make JSON."""
    crew, data = Crew(), [{"n": n, "text": str(n)} for n in range(2000)]

    def dumps(_: Stopwatch) -> None:
        for _ in range(scaled(150)):
            json.dumps(data)

    crew.start(dumps, 2)
    return crew.join()


def database() -> list[Truth]:
    """SQLite in memory computes without the GIL."""
    crew = Crew()

    def queries(watch: Stopwatch) -> None:
        connection = sqlite3.connect(":memory:")
        sql = (
            "with recursive c(n) as (select 1 union all select n + 1 from c where n < 200000) select sum(n % 7) from c"
        )
        for _ in range(scaled(6)):
            with watch.without_the_gil():
                connection.execute(sql).fetchone()
        connection.close()

    crew.start(queries)
    return crew.join()


def select_loop() -> list[Truth]:
    crew = Crew()
    here, there = socket.socketpair()

    def selects(watch: Stopwatch) -> None:
        for _ in range(scaled(15)):
            with watch.waiting(State.SOCKET, lambda: sent):  # noqa: B023  called at once
                select.select([there], [], [])
                sent = int(there.recv(30)) / 1e9
            compute(0.002)

    with here, there:
        crew.start(sends(here, 15, 0.04))
        crew.start(selects)
        return crew.join()


def futures_of_futures() -> list[Truth]:
    """A pool whose tasks wait for tasks of another pool."""
    truths, ended = [], {}

    def inner(n: int) -> int:
        with Stopwatch() as watch:
            watch.sleep(0.1)
        truths.append(watch.truth)
        ended[n] = now()
        return n

    with ThreadPoolExecutor(2) as below, ThreadPoolExecutor(2) as above:

        def outer(n: int) -> None:
            with Stopwatch() as watch:
                future = below.submit(inner, n)
                with watch.waiting(State.FUTURE, lambda: ended[n]):
                    future.result()
            truths.append(watch.truth)

        list(above.map(outer, range(scaled(10))))
    found = merged(truths)
    for truth in found:
        truth.spans.clear()
    return found


def starved_tasks() -> list[Truth]:
    """Tasks of asyncio that wait for a queue which is filled slowly."""
    waited: list[float] = []

    async def fills(line: asyncio.Queue[float]) -> None:
        for _ in range(scaled(10)):
            await asyncio.sleep(0.05)
            await line.put(now())
        await line.put(float("inf"))

    async def takes(line: asyncio.Queue[float]) -> None:
        began = now()
        while await line.get() != float("inf"):
            pass
        waited.append(now() - began)

    async def main() -> None:
        line: asyncio.Queue[float] = asyncio.Queue()
        await asyncio.gather(*(asyncio.create_task(work(line), name=work.__name__) for work in (fills, takes)))

    asyncio.run(main())
    return [Truth("takes", {State.QUEUE: waited[0]})]


def sleepers_in_processes() -> list[Truth]:
    return merged(list(plait.map(_sleeps_there, range(scaled(4)), engine="process", workers=2)))


def _sleeps_there(_: int) -> Truth:
    with Stopwatch(State.OTHER) as watch:
        watch.sleep(0.2)
        compute(0.02)
    return watch.truth


HELD_OUT: tuple[Callable[[], list[Truth]], ...] = (
    fsync,
    child_process,
    full_queue,
    barrier,
    nested_rlock,
    compression,
    c_that_holds,
    database,
    select_loop,
    futures_of_futures,
    starved_tasks,
    sleepers_in_processes,
)
