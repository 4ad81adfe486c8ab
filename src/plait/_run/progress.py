"""Progress of a map, counted where results arrive: a bar, a notebook's display, plain lines, or a callback.

Promises:
 * counting costs two assignments per batch; nothing is done per item, and nothing travels for it between processes;
 * what is shown is drawn by a thread of its own, so a slow, stuck or closed terminal never holds up the work; the end
   of the map waits for the last line for at most a second;
 * a callback runs in the thread that drives the map, at most ten times a second. When it raises, the error is logged
   with its traceback to the logger ``plait``, the report says so, the callback is not called again, and the map goes
   on: no result is lost. To stop a map from a callback, call the stream's ``cancel()``.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from _collections_abc import Callable
from collections import deque
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from plait._core.errors import UsageError
from plait._core.how_many import how_many
from plait._core.notes import text_of
from plait._run.report import Report

_CALLBACK_PAUSE = 0.1  # seconds between two calls of a callback
_RATE_WINDOW = 30.0  # seconds that the rate looks back: long enough to be calm, short enough to follow a change


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a map is.

    Attributes:
        done: items that have their outcome.
        failed: how many of them failed.
        total: how many there will be, or None when the input's length is not known.
        seconds: since the map began.
        name: what is being done.
        per_second: items per second lately.
    """

    done: int
    failed: int
    total: int | None
    seconds: float
    name: str
    per_second: float = 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long the rest will take at the present rate, or None when nobody can say."""
        if self.total is None or self.per_second <= 0:
            return None
        return max(0, self.total - self.done) / self.per_second


@runtime_checkable
class Meter(Protocol):
    """Is told how far a run is; three methods, all called by the thread that drives the run."""

    def start(self) -> None:
        """The first result has been asked for."""
        ...

    def advance(self, done: int, failed: int) -> None:
        """So many items have their outcome; called once per finished batch."""
        ...

    def finish(self, report: Report) -> None:
        """The run has ended, for whatever reason; called once, also when it was never started."""
        ...


def start_meter(progress: bool | Callable[[Progress], object] | Meter, total: int | None, name: str) -> Meter:
    """The meter for ``progress=``; True chooses by where standard error goes, and a Meter is itself.

    Raises:
        UsageError: neither a truth value nor something to call.
    """
    if progress is False or progress is None:
        return SilentMeter()
    if isinstance(progress, Meter):
        return progress
    if callable(progress):
        return CallbackMeter(progress, total, name)
    if progress is not True:
        raise UsageError(f"progress={progress!r}: expected True, False, or a function that takes a plait Progress")
    from plait._run import progress_display  # threads and drawing: only for those who want to see something

    return progress_display.DisplayMeter(lambda: progress_display.choose_display(sys.stderr), total, name)


class SilentMeter:
    """Shows nothing."""

    def start(self) -> None:
        """Nothing to show."""

    def advance(self, done: int, failed: int) -> None:
        """Nothing to show."""

    def finish(self, report: Report) -> None:
        """Nothing to show."""


class CallbackMeter:
    """Calls a function with a `Progress` at the start, at most ten times a second, and once at the end."""

    def __init__(self, callback: Callable[[Progress], object], total: int | None, name: str) -> None:
        self._callback: Callable[[Progress], object] | None = callback
        self._total = total
        self._name = name
        self._rate = RecentRate()
        self._began: float | None = None
        self._next = 0.0
        self._error = ""

    def start(self) -> None:
        """Call it with nothing done yet."""
        self._began = time.perf_counter()
        self._call(0, 0, self._began)

    def advance(self, done: int, failed: int) -> None:
        """Call the callback unless it was called a moment ago."""
        now = time.perf_counter()
        if now >= self._next:
            self._call(done, failed, now)

    def finish(self, report: Report) -> None:
        """Call it a last time."""
        if self._began is not None:
            self._call(report.items, report.failed, time.perf_counter())
        if self._error:
            report.why.append(f"the progress callback was not called to the end: {self._error}")

    def _call(self, done: int, failed: int, now: float) -> None:
        self._next = now + _CALLBACK_PAUSE
        if self._callback is None:
            return
        seconds = now - (self._began or now)
        rate = self._rate.record(seconds, done)
        try:
            self._callback(Progress(done, failed, self._total, seconds, self._name, rate))
        except Exception as error:  # not KeyboardInterrupt: Ctrl-C in a callback is still Ctrl-C
            logging.getLogger("plait").exception(
                "the progress callback %r raised and is not called again; the map goes on", self._callback
            )
            self._error = f"it raised {type(error).__name__}: {text_of(error)}"
            self._callback = None


class RecentRate:
    """Items per second over the last half minute. Pure: told the time.

    >>> rate = RecentRate()
    >>> [rate.record(seconds, done) for seconds, done in [(0.0, 0), (1.0, 10), (2.0, 40)]]
    [0.0, 10.0, 20.0]
    """

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()

    def record(self, seconds: float, done: int) -> float:
        """The rate, now that `done` items are done after `seconds`."""
        marks = self._marks
        while len(marks) > 1 and marks[1][0] <= seconds - _RATE_WINDOW:
            marks.popleft()
        if not marks or seconds - marks[-1][0] >= _RATE_WINDOW / 100:
            marks.append((seconds, done))
        began, before = marks[0]
        return (done - before) / (seconds - began) if seconds > began else 0.0


def progress_line(progress: Progress) -> str:
    """One line about how far a map is.

    >>> progress_line(Progress(1234, 2, 5000, 3.0, "resize", 411.0))
    'resize: 1,234 of 5,000 (24 %), 2 failed, 411/s, 9.2 s left'
    """
    return ", ".join([f"{progress.name}: {counted(progress)}", *details(progress)])


def counted(progress: Progress) -> str:
    """How many are done, of how many."""
    if progress.total is None:
        return f"{progress.done:,} done"
    share = f" ({math.floor(100 * progress.done / progress.total)} %)" if progress.total else ""
    return f"{progress.done:,} of {progress.total:,}{share}"


def details(progress: Progress) -> list[str]:
    """Failures, rate and the time that is left or has passed."""
    found = [f"{progress.failed:,} failed"] if progress.failed else []
    if progress.per_second > 0:
        found.append(rate_in_words(progress.per_second))
    left = progress.seconds_left
    return [*found, f"{duration(progress.seconds)} so far" if left is None else f"{duration(left)} left"]


def last_line(progress: Progress, report: Report | None) -> str:
    """What is left to be read: how a map has ended; without a report, how far it is while the interpreter exits."""
    return progress_line(progress) if report is None else closing_line(report, progress.name)


def closing_line(report: Report, name: str) -> str:
    """One line about a map that has ended: what was done, how fast, on which engine, and why on that."""
    failed = f", {report.failed:,} failed" if report.failed else ""
    items = how_many(report.items, "item")
    begin = f"{name}: {items}" if report.finished else f"{name}: stopped after {items}"
    workers, reason = max(1, report.peak_workers), report.why[0] if report.why else ""
    counts = (f"workers={workers} ", f"{workers} thread", f"{workers} process", f"{workers} interpreter")
    how = [f"{report.engine} engine", *([] if reason.startswith(counts) else [how_many(workers, "worker")])]
    rate = f", {rate_in_words(report.per_second)}" if report.per_second else ""
    return f"{begin}{failed} in {duration(report.seconds)}{rate} ({', '.join([*how, *([reason] if reason else [])])})"


def rate_in_words(per_second: float) -> str:
    """Items per second, or per minute or hour when that is easier to read.

    >>> [rate_in_words(rate) for rate in (12345.6, 3.21, 0.25, 0.001)]
    ['12,346/s', '3.2/s', '15/min', '3.6/h']
    """
    for rate, unit in ((per_second, "s"), (per_second * 60, "min")):
        if rate >= 1:
            return f"{rate:,.0f}/{unit}" if rate >= 10 else f"{rate:.2g}/{unit}"
    return f"{per_second * 3600:.2g}/h"


def duration(seconds: float) -> str:
    """A time span for people.

    >>> [duration(seconds) for seconds in (0.0123, 4.56, 59.99, 125, 7384, 200000)]
    ['0.01 s', '4.6 s', '1:00 min', '2:05 min', '2:03 h', '2 d 7 h']
    """
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    if whole < 86400:
        return f"{whole // 3600}:{whole % 3600 // 60:02} h"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
