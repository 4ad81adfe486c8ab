"""What a thread really did, from its own clocks and from moments that both sides of a wait have written down.

Nothing here looks at plait. Time on a core is the thread's CPU clock, time without one the system's count, a wait lasts
until the moment at which the other side wrote down that it let go; what is left over is the wait that can be left over:
for the GIL, where others run Python.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from plait._core.trace import State


@dataclass
class Truth:
    """Seconds of one thread or task in each state, and the system's number of the thread, or the name of the task.

    `spans` are the stretches that were measured, by ``time.perf_counter``, where that is not all of its life.
    """

    who: int | str
    seconds: dict[State, float] = field(default_factory=dict)
    spans: list[tuple[float, float]] = field(default_factory=list)

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


class Stopwatch:
    """Run by a thread around its work.

    Args:
        rest: what the time is that is neither on a core, nor without one, nor noted.
        born: when the thread was started, if all of its life is to be measured.
    """

    def __init__(self, rest: State = State.GIL, born: float = 0.0) -> None:
        self._rest = rest
        self._born = born
        self._known: dict[State, float] = {}
        self._native = 0.0

    def __enter__(self) -> Stopwatch:
        self._queued, self._cpu, self._began = (0.0, 0.0, self._born) if self._born else clocks()
        return self

    def __exit__(self, *_: object) -> None:
        waited, cpu, ended = clocks()
        waited, cpu, wall = waited - self._queued, cpu - self._cpu, ended - self._began
        seconds = {State.PYTHON: cpu - self._native, State.NATIVE: self._native, State.CORE: waited, **self._known}
        rest = max(0.0, wall - sum(seconds.values()))
        seconds[self._rest] = seconds.get(self._rest, 0.0) + rest
        self.truth = Truth(threading.get_native_id(), seconds, [] if self._born else [(self._began, ended)])

    @contextmanager
    def without_the_gil(self) -> Iterator[None]:
        """What runs here on a core is C that has let the GIL go."""
        before = time.thread_time()
        try:
            yield
        finally:
            self._native += time.thread_time() - before

    @contextmanager
    def waiting(self, state: State, let_go: Callable[[], float]) -> Iterator[None]:
        """It waits for something, until the other side lets go at the moment that `let_go` tells afterwards.

        What it then takes longer is the wait for a core and the GIL; a core it had, or had not, before that is counted
        as such.
        """
        queued, cpu, began = clocks()
        yield
        lacked, ran, ended = clocks()
        until = min(ended, max(began, let_go()))
        elsewhere = lacked - queued + ran - cpu - (ended - until)
        self.knows(state, max(0.0, until - began - max(0.0, elsewhere)))

    def sleep(self, seconds: float) -> None:
        """As `time.sleep`: what it takes longer is the wait for a core and the GIL afterwards."""
        time.sleep(seconds)
        self.knows(State.SLEEP, seconds)

    def knows(self, state: State, seconds: float) -> None:
        """So long it was in this state, whatever the clocks say."""
        self._known[state] = self._known.get(state, 0.0) + seconds


def clocks() -> tuple[float, float, float]:
    """Of this thread: seconds that it was ready and had no core, and had one; and the moment.

    Its file stays open: to read it lets the GIL go, and so would to open and to close it each time.
    """
    if not hasattr(_own, "schedstat"):
        _own.schedstat = open(f"/proc/self/task/{threading.get_native_id()}/schedstat", "rb", buffering=0)  # noqa: SIM115
    queued = int(os.pread(_own.schedstat.fileno(), 64, 0).split()[1]) / 1e9
    return queued, time.thread_time(), time.perf_counter()


_own = threading.local()


class Crew:
    """Threads, each with a stopwatch, and what they found out about themselves."""

    def __init__(self) -> None:
        self.truths: list[Truth] = []
        self.threads: list[threading.Thread] = []

    def start(self, work: Callable[[Stopwatch], object], times: int = 1, rest: State = State.GIL) -> None:
        """So many threads that do this."""

        def run(born: list[float]) -> None:
            with Stopwatch(rest, born[0]) as watch:
                work(watch)
            self.truths.append(watch.truth)

        for _ in range(times):
            born: list[float] = []
            thread = threading.Thread(target=run, args=(born,), name=work.__name__)
            self.threads.append(thread)
            born.append(time.perf_counter())
            thread.start()

    def join(self) -> list[Truth]:
        for thread in self.threads:
            thread.join()
        return self.truths


Number = TypeVar("Number", int, float)


def scaled(number: Number) -> Number:
    """So many, or so long, in a program of the length that was asked for; workers are told by the environment."""
    return type(number)(number * float(os.environ.get("PLAIT_TRACE_SCALE", "1")))


def compute(seconds: float) -> None:
    """Pure Python for so long on a core."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        sum(range(500))
