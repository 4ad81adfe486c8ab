"""Progress of a map, counted where results arrive: a bar in a terminal, plain lines elsewhere, or a callback."""

from __future__ import annotations

import time
from _collections_abc import Callable
from dataclasses import dataclass
from typing import Protocol

from plait._run.report import Report


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a map is.

    Attributes:
        done: items that have their outcome.
        failed: how many of them failed.
        total: how many there will be, or None when the input's length is not known.
        seconds: since the map began.
        name: what is being done.
    """

    done: int
    failed: int
    total: int | None
    seconds: float
    name: str


class Meter(Protocol):
    """Is told how far a run is; two methods."""

    def advance(self, done: int, failed: int) -> None:
        """So many items have their outcome; called once per finished batch."""
        ...

    def finish(self, report: Report) -> None:
        """The run has ended, for whatever reason."""
        ...


class SilentMeter:
    """Shows nothing."""

    def advance(self, done: int, failed: int) -> None:
        """Nothing to show."""

    def finish(self, report: Report) -> None:
        """Nothing to show."""


class CallbackMeter:
    """Calls a function with a `Progress`, at most ten times a second and once at the end."""

    def __init__(self, callback: Callable[[Progress], object], total: int | None, name: str) -> None:
        self._callback = callback
        self._total = total
        self._name = name
        self._began = time.perf_counter()
        self._next = 0.0

    def advance(self, done: int, failed: int) -> None:
        """Call the callback unless it was called a moment ago."""
        now = time.perf_counter()
        if now >= self._next:
            self._next = now + 0.1
            self._callback(Progress(done, failed, self._total, now - self._began, self._name))

    def finish(self, report: Report) -> None:
        """Call it a last time."""
        self._callback(
            Progress(report.items, report.failed, self._total, time.perf_counter() - self._began, self._name)
        )


def start_meter(progress: bool | Callable[[Progress], object], total: int | None, name: str) -> Meter:
    """The meter for ``progress=``."""
    if progress is False or progress is None:
        return SilentMeter()
    if callable(progress):
        return CallbackMeter(progress, total, name)
    return SilentMeter()
