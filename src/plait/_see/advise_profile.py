"""What one call costs when nothing else runs: wall and processor time, the GIL, and what it takes to move its data."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from plait._engines.auto import Plain
from plait._engines.measuring_calls import CallMeter
from plait._engines.measuring_gil import Canary
from plait._engines.measuring_transfer import measure_transfer
from plait._engines.sharing import obstacle

_LIBRARIES = ("openblas", "mkl_rt", "blis", "libgomp", "libomp", "accelerate")
_CALLS_AT_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Profile:
    """What one call costs, measured one after the other in the calling thread.

    Attributes:
        calls: how many were measured.
        seconds: wall time of one.
        busy_seconds: processor time of one, in its own thread.
        cores: how many cores the process kept busy meanwhile; above 1 when the function has threads of its own.
        gil: the share of the time, from 0 to 1, in which others would have had to wait for the GIL.
        transfer_seconds, transfer_bytes: to pickle and unpickle one argument and one result.
        obstacle: why items must not move to other processes, or an empty string.
        libraries: numeric libraries that are loaded and start threads.
    """

    calls: int
    seconds: float
    busy_seconds: float
    cores: float
    gil: float
    transfer_seconds: float = 0.0
    transfer_bytes: int = 0
    obstacle: str = ""
    libraries: tuple[str, ...] = ()


def profile(fn: Callable[..., object], items: Sequence[object], seconds: float) -> Profile:
    """Call the function with the items, round and round, for about so many seconds.

    Raises:
        Exception: what the function raised.
    """
    meter = CallMeter(Plain(fn), lambda: None)
    for item in items[:2]:  # what it imports and fills now, it will not again
        meter(item)
    canary = Canary()
    calls, step = 0, 1
    try:
        began, busy, all_busy = time.perf_counter(), time.thread_time(), time.process_time()
        while True:
            for position in range(calls, calls + step):
                fn(items[position % len(items)])
            calls += step
            spent = time.perf_counter() - began
            if spent >= seconds or calls >= _CALLS_AT_MOST:
                break
            step = max(1, min(calls, int(calls * (seconds - spent) / max(spent, 1e-6))))
        busy, all_busy = time.thread_time() - busy, time.process_time() - all_busy
        gil = canary.waiting
    finally:
        canary.join()
    transfer = measure_transfer(meter.samples)
    return Profile(
        calls=calls,
        seconds=spent / calls,
        busy_seconds=min(busy, spent) / calls,
        cores=all_busy / spent,
        gil=gil,
        transfer_seconds=transfer.seconds,
        transfer_bytes=transfer.size,
        obstacle=meter.obstacle or transfer.obstacle or obstacle(fn, transfer.classes, may_change=meter.may_change),
        libraries=_libraries(),
    )


def _libraries() -> tuple[str, ...]:
    try:
        with open(f"/proc/{os.getpid()}/maps", encoding="utf-8", errors="replace") as file:
            loaded = file.read().lower()
    except OSError:
        return ()
    return tuple(name for name in _LIBRARIES if name in loaded)


def profile_coroutine(fn: Callable[..., object], items: Sequence[object], seconds: float) -> Profile:
    """As `profile`, for a coroutine function: in an event loop of its own, one call after the other.

    Raises:
        Exception: what the function raised.
    """
    found: list[Profile | BaseException] = []

    def run() -> None:
        import asyncio  # only those who have coroutine functions need it

        try:
            found.append(asyncio.run(_one_after_the_other(fn, items, seconds)))
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=run, name="plait-advise")  # another loop may be running in the caller's
    thread.start()
    thread.join()
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


async def _one_after_the_other(fn: Callable[..., Any], items: Sequence[object], seconds: float) -> Profile:
    await fn(items[0])
    canary = Canary()
    calls = 0
    try:
        began, busy, all_busy = time.perf_counter(), time.thread_time(), time.process_time()
        while (spent := time.perf_counter() - began) < seconds or not calls:
            await fn(items[calls % len(items)])
            calls += 1
        busy, all_busy = time.thread_time() - busy, time.process_time() - all_busy
        gil = canary.waiting
    finally:
        canary.join()
    return Profile(calls, spent / calls, min(busy, spent) / calls, all_busy / spent, gil)
