"""What one call costs when nothing else runs: wall and processor time, the GIL, and what it takes to move its data."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import get_native_id
from traceback import walk_tb
from typing import Any

from plait._core.errors import UsageError
from plait._core.notes import add_note
from plait._core.outcome import brief
from plait._engines.auto import Plain
from plait._engines.choosing.measuring_calls import CallMeter
from plait._engines.choosing.measuring_gil import Canary
from plait._engines.choosing.measuring_transfer import measure_transfer
from plait._engines.core_wait import children_seconds, waited_for_core
from plait._engines.reading.process_wide import process_wide
from plait._engines.reading.sharing import obstacle
from plait._engines.reading.tables import Tables
from plait._see.recorder.garbage import GarbageRecorder
from plait._see.system import taken_again, used
from plait._see.whereabouts import PLAIT

_LIBRARIES = ("openblas", "mkl_rt", "blis", "libgomp", "libomp", "accelerate")
_ASKED, _FAR_LESS, _LEAST = 2, 10, 1e-4  # items asked for twice; times as fast, and seconds, of what is remembered
_FEW, _FAR_MORE, _SOON = 4, 3, 1.0  # calls measured, times the call before them, and seconds: what is measured again
_CALLS_AT_MOST = 1_000_000
BUSY = 0.1  # the share of the time others had the cores, from which on the machine is called busy
_WAITING = 0.5  # below this share of busy time it waits for something
_LETS_GO = 0.2  # below this share of the time threads do not wait for one another
_CHILDREN = 0.1  # from this share of the time on its child processes count
_HOLDS = 0.7  # from this share of the time on, threads hardly do anything but wait for one another


@dataclass(frozen=True, slots=True)
class Profile:
    """What one call costs, measured one after the other in the calling thread.

    Attributes:
        calls: how many were measured.
        seconds: wall time of one, less what it had to wait for a core that other programs had.
        busy_seconds: processor time of one, in its own thread.
        cores: how many cores the process kept busy meanwhile; above 1 when the function has threads of its own.
        gil: the share of the time, from 0 to 1, in which others would have had to wait for the GIL.
        transfer_seconds, transfer_bytes: to pickle and unpickle one argument and one result.
        obstacle: why items must not move to other processes, or an empty string.
        one_at_a_time: why two calls must not run at the same time in one process, or an empty string.
        tables: names of what it only reads, of which other processes have copies.
        libraries: numeric libraries that are loaded and start threads.
        hindered: of the time that threads were ready for a core, the share, from 0 to 1, in which others had it.
        children_seconds: processor time of the child processes that one call runs.
        first_seconds, again_seconds: of a function that remembers its results: wall time of the first call with an
            item, and of another with the same; 0 of others.
        garbage: the share of the time, from 0 to 1, in which garbage was collected.
        paging: the share of the time, from 0 to 1, in which the system gave it memory, again and again.
        collects_at: the line that calls gc.collect, where it is that which takes most of it, or an empty string.
    """

    calls: int
    seconds: float
    busy_seconds: float
    cores: float
    gil: float
    transfer_seconds: float = 0.0
    transfer_bytes: int = 0
    obstacle: str = ""
    one_at_a_time: str = ""
    tables: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    hindered: float = 0.0
    children_seconds: float = 0.0
    first_seconds: float = 0.0
    again_seconds: float = 0.0
    garbage: float = 0.0
    paging: float = 0.0
    collects_at: str = ""

    @property
    def waits(self) -> bool:
        """Whether it mostly waits for something else than a core or the GIL."""
        return self.busy_seconds < _WAITING * self.seconds and self.gil < _HOLDS

    @property
    def runs_children(self) -> bool:
        """Whether child processes compute for it, which need cores as well."""
        return self.children_seconds >= _CHILDREN * self.seconds

    @property
    def shares_well(self) -> bool:
        """Whether threads hardly get in one another's way, so that no workers with memory of their own are needed."""
        return self.waits or self.gil < _LETS_GO

    @property
    def holds(self) -> bool:
        """Whether it computes and hardly ever lets the GIL go."""
        return self.gil >= _HOLDS


def profile(fn: Callable[..., object], items: Sequence[object], seconds: float) -> Profile:
    """Call the function with the items, round and round, for about so many seconds.

    Raises:
        Exception: what the function raised.
        UsageError: all it does is to make a generator.
    """
    meter = CallMeter(Plain(fn), lambda: None)
    for item in items[:2]:  # what it imports and fills now, it will not again
        before = _timed(meter, item)
        if meter.lazy:
            name = getattr(fn, "__qualname__", type(fn).__qualname__)
            raise UsageError(
                f"{name} gives {meter.lazy}: its code does not run before that is iterated, so there is nothing to "
                "measure; pass a function that iterates it, such as one that returns a list"
            )
    first, again = remembered(fn, items[2:], seconds)
    found = _round_and_round(fn, items, seconds)
    if _stalled(found, before):
        found = _round_and_round(fn, items, seconds)
    transfer, tables, only = measure_transfer(meter.samples), Tables(), process_wide(fn)
    against = meter.obstacle or transfer.obstacle
    against = against or obstacle(fn, transfer.classes, may_change=meter.may_change, tables=tables)
    return replace(
        found,
        transfer_seconds=transfer.seconds,
        transfer_bytes=transfer.size,
        obstacle=against,
        one_at_a_time=only.own_thread or only.one_at_a_time,
        tables=tuple(dict.fromkeys(one.name for one in tables.found)),
        libraries=_libraries(),
        first_seconds=first,
        again_seconds=again,
    )


def _round_and_round(fn: Callable[..., object], items: Sequence[object], seconds: float) -> Profile:
    calls, step = 0, 1
    with _Watch() as watch:
        while True:
            position = calls
            try:
                for position in range(calls, calls + step):
                    fn(items[position % len(items)])
            except BaseException as error:
                _tell(error, items[position % len(items)])
                raise
            calls += step
            spent = watch.seconds
            if spent >= seconds or calls >= _CALLS_AT_MOST:
                return watch.found(calls)
            step = max(1, min(calls, int(calls * (seconds - spent) / max(spent, 1e-6))))


def _stalled(found: Profile, before: float) -> bool:
    """Whether it took as long as it did because the machine, not the function, stood still: a few calls say little."""
    return found.calls <= _FEW and _FAR_MORE * before < found.seconds < _SOON


def remembered(fn: Callable[..., object], items: Sequence[object], seconds: float) -> tuple[float, float]:
    """How long a first call with an item takes and another with the same, if that is far less; or zeros.

    Each of two items has to say so. Calls that take long beside so many seconds are not made again.

    >>> import functools
    >>> first, again = remembered(functools.cache(lambda n: sum(range(100_000))), [1, 2], seconds=1.0)
    >>> first > 10 * again > 0, remembered(lambda n: sum(range(100_000)), [1, 2], seconds=1.0)
    (True, (0.0, 0.0))
    """
    found = (0.0, 0.0)
    for item in items[:_ASKED]:
        first = _timed(fn, item)
        if not _LEAST < first < seconds / _ASKED:
            return 0.0, 0.0
        again = _timed(fn, item)
        if again * _FAR_LESS > first:
            return 0.0, 0.0
        found = first, again
    return found if len(items) >= _ASKED else (0.0, 0.0)


def _timed(fn: Callable[..., object], item: object) -> float:
    began = time.perf_counter()
    try:
        fn(item)
    except BaseException as error:
        _tell(error, item)
        raise
    return max(1e-9, time.perf_counter() - began)


def _tell(error: BaseException, item: object) -> None:
    """Have an exception say with which item it was raised, and at which line of the program."""
    if isinstance(error, (KeyboardInterrupt, UsageError)):
        return
    frames = [frame for frame, _ in walk_tb(error.__traceback__) if not frame.f_code.co_filename.startswith(PLAIT)]
    lines = [f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}" for frame in frames]
    add_note(error, f"plait: raised while it was measured with the item {brief(item)}{', at '.join(['', *lines[-1:]])}")


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
    began = time.perf_counter()
    await _told(fn, items[0])
    before = time.perf_counter() - began
    found = await _awaited(fn, items, seconds)
    return await _awaited(fn, items, seconds) if _stalled(found, before) else found


async def _awaited(fn: Callable[..., Any], items: Sequence[object], seconds: float) -> Profile:
    calls = 0
    with _Watch() as watch:
        while watch.seconds < seconds or not calls:
            await _told(fn, items[calls % len(items)])
            calls += 1
        return watch.found(calls)


async def _told(fn: Callable[..., Any], item: object) -> None:
    try:
        await fn(item)
    except BaseException as error:
        _tell(error, item)
        raise


class _Watch:
    """What the calling thread has spent since it was entered, and how long others had to wait for the GIL meanwhile."""

    def __enter__(self) -> _Watch:
        self._canary = Canary()
        self._garbage = GarbageRecorder()
        self._garbage.install()
        self._used = used()
        self._began = _clocks()
        return self

    def __exit__(self, *_: object) -> None:
        self._garbage.remove()
        self._canary.join()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began[0]

    def found(self, calls: int) -> Profile:
        """What one of so many calls cost."""
        spent, busy, all_busy, waited, children = (now - then for now, then in zip(_clocks(), self._began, strict=True))
        own = max(spent - waited, busy, 1e-9)
        heard, garbage = self._canary.heard, self._garbage.sums()
        return Profile(
            calls=calls,
            seconds=own / calls,
            busy_seconds=busy / calls,
            cores=max(0.0, all_busy - self._canary.busy) / own,  # two clocks, which differ by a little
            gil=heard.unhindered(busy, max(0.0, waited)),
            hindered=waited / (busy + waited) if waited > 0 else 0.0,
            children_seconds=children / calls,
            paging=min(1.0, taken_again(self._used, used()) / max(all_busy, own)),
            garbage=min(1.0, garbage.by_thread.get(get_native_id(), 0.0) / own),
            collects_at=garbage.asked,
        )


def _clocks() -> tuple[float, float, float, float, float]:
    return time.perf_counter(), time.thread_time(), time.process_time(), waited_for_core(), children_seconds()
