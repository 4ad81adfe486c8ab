"""A running task is cancelled: how long until it is gone, was its thread left behind, what is left in the end?

Who holds the GIL, or the loop, also holds up whoever wants to cancel: the time counts from when they get to it.

Run: python bench/cancelling.py
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil
from _table import Table, spread

import plait

ROUNDS = 5
PATIENCE = 30.0
_SLEEP = 0.6  # seconds: long enough to be left behind on a thread, short enough to see that thread end
_HOLD = 30_000_000  # numbers to be added in one call into C that keeps the GIL
_RELEASE = 1_500_000  # rounds of a hash in one call into C that releases it


def sleep(begun: str) -> None:
    """In C code without the GIL, and without a core."""
    Path(begun).touch()
    time.sleep(_SLEEP)


def spin(begun: str) -> None:
    """In Python code."""
    Path(begun).touch()
    while True:
        pass


def hold_the_gil(begun: str) -> None:
    """In C code that lets nobody else run."""
    Path(begun).touch()
    sum(range(_HOLD))


def release_the_gil(begun: str) -> None:
    """In C code that lets others run."""
    Path(begun).touch()
    hashlib.pbkdf2_hmac("sha256", b"", b"", _RELEASE)


def wait_at_a_channel(begun: str) -> None:
    """In a wait of plait's."""
    Path(begun).touch()
    plait.channel(0).get()


def be_in_a_scope(begun: str) -> None:
    """At the end of a scope with tasks of its own."""
    with plait.scope() as s:
        s.submit(wait_at_a_channel, begun)
        s.submit(spin, begun)


async def sleep_in_loop(begun: str) -> None:
    """At an await."""
    Path(begun).touch()  # noqa: ASYNC240  # one system call
    await asyncio.sleep(PATIENCE)


async def hold_the_loop(begun: str) -> None:
    """Between two awaits, in Python code."""
    Path(begun).touch()  # noqa: ASYNC240  # one system call
    await asyncio.sleep(0)
    end = time.perf_counter() + _SLEEP / 2
    while time.perf_counter() < end:
        pass
    await asyncio.sleep(PATIENCE)


async def wait_at_a_channel_in_loop(begun: str) -> None:
    """At the async end of a channel."""
    Path(begun).touch()  # noqa: ASYNC240  # one system call
    await plait.channel(0).aget()


async def be_in_a_scope_in_loop(begun: str) -> None:
    """At the end of an async scope with tasks of its own, on threads and in the loop."""
    async with plait.scope() as s:
        s.submit(wait_at_a_channel_in_loop, begun)
        s.submit(spin, begun)


DEEDS: tuple[Callable[[str], None], ...] = (
    sleep,
    spin,
    hold_the_gil,
    release_the_gil,
    wait_at_a_channel,
    be_in_a_scope,
)
IN_LOOP = (sleep_in_loop, hold_the_loop, wait_at_a_channel_in_loop, be_in_a_scope_in_loop)
CASES = [(engine, deed) for engine in ("thread", "process") for deed in DEEDS] + [("loop", deed) for deed in IN_LOOP]


class Found(NamedTuple):
    """What became of one cancelled task.

    Attributes:
        gone: seconds from the cancellation until its future had ended.
        over: seconds until the block had been left.
        left_behind: how many threads the block named as left behind.
        left: what was still there when those had had the time to end.
    """

    gone: float
    over: float
    left_behind: int
    left: set[str]


def measure(engine: str, deed: Callable[[str], object]) -> Found:
    """Cancel a task that is in the middle of a deed."""
    before = held()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        begun = f"{folder}/begun"
        if engine == "loop":
            gone, over = asyncio.run(_cancel_in_loop(deed, begun))
        else:
            gone, over = _cancel(engine, deed, begun)
        left_behind = sum("left behind" in str(warning.message) for warning in warned)
    end = time.monotonic() + PATIENCE
    while (left := held() - before) and time.monotonic() < end:
        time.sleep(0.005)
    return Found(gone, over, left_behind, left)


def _cancel(engine: str, deed: Callable[[str], object], begun: str) -> tuple[float, float]:
    with plait.scope(engine, workers=None if engine == "thread" else 1) as s:
        task = s.submit(deed, begun)
        while not Path(begun).exists():
            time.sleep(0.0005)
        time.sleep(0.01)  # so that it is well inside
        began = time.perf_counter()
        task.cancel()
        try:
            task.result()
        except plait.errors.Cancelled:
            pass
        gone = time.perf_counter() - began
    return gone, time.perf_counter() - began


async def _cancel_in_loop(deed: Callable[[str], object], begun: str) -> tuple[float, float]:
    async with plait.scope() as s:
        task = s.submit(deed, begun)
        while not Path(begun).exists():  # noqa: ASYNC110, ASYNC240  # nobody else could tell
            await asyncio.sleep(0.0005)
        await asyncio.sleep(0.01)
        began = time.perf_counter()
        task.cancel()
        try:
            await task
        except plait.errors.Cancelled:
            pass
        gone = time.perf_counter() - began
    return gone, time.perf_counter() - began


def held() -> set[str]:
    """Threads and processes of this program."""
    threads = {f"thread {thread.name} {thread.ident}" for thread in threading.enumerate()}
    return threads | {f"process {child.pid}" for child in psutil.Process().children(recursive=True)}


def main() -> None:
    table = Table("cancelling a running task")
    for engine, deed in CASES:
        rounds = [measure(engine, deed) for _ in range(ROUNDS)]
        found = (
            f"gone {spread([one.gone for one in rounds])}, block over {spread([one.over for one in rounds])}; "
            f"{max(one.left_behind for one in rounds)} left behind; {max(len(one.left) for one in rounds)} left"
        )
        table.add_fact(
            f"{deed.__name__.replace('_', ' ')}", engine, found, "0 left", met=not any(one.left for one in rounds)
        )
    table.show()


if __name__ == "__main__":
    sys.exit(main())
