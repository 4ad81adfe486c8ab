"""CallerRuns: the caller's own thread runs items while it would only wait for them, so that none is handed over.

One thread that is handed its items takes up to one and a half times as long as a plain loop. That is spared where more
threads than one do no more, as long as the caller comes back for the next result at once, and items do not wait. Nor is
it done where the memory of its thread, which may be managed in another way, costs more than that.
"""

from __future__ import annotations

import math
import time
from _collections_abc import Callable, Generator

from plait._core.batch import Batch
from plait._core.cancelling import sources
from plait._core.interrupts import only_ours
from plait._core.job import Job
from plait._core.loop_here import loop_here
from plait._engines.choosing.choice import in_words
from plait._engines.core_wait import waited_for_core
from plait._engines.inline import InlineEngine

try:
    from resource import RUSAGE_SELF, getrusage
except ImportError:  # Windows
    getrusage = None  # type: ignore[assignment]  # then nobody can tell

_BRIEF = 0.01  # seconds: nobody but Ctrl-C can end an item here, so only those that end soon by themselves are run
_WORTH = 0.005  # seconds of work that is left: for less it is not worth the change
_AWAY = 0.5  # the share of all its time that the caller spends elsewhere, from which on somebody had better go on
_WAITING = 0.25  # the share of a while that items or the caller wait, from which on threads do more
_WINDOW = 0.01  # seconds after which that is judged
_WINDOWS = 3  # one after the other that must say so: the machine may stand still for a moment
_FAULTS = 100_000  # pages that the system gives in a second, from which on that takes a good part of it,
_MORE_FAULTS = 2  # if there are so many times as many as there were on threads
_PUMPED = "threads: a coroutine iterates"
_PAGED = "threads: the memory of large objects is taken from the system and given back for each of them in this one"


class CallerRuns:
    """Whether the items of a job run in the thread that iterates, and those that do.

    Only where that makes no difference but speed: where no timeout, rate, task or block may have to end an item, where
    no signal handler may raise in one, and where nothing shows that the function notices in which thread it runs.

    Attributes:
        wanted: whether the caller should run what is left.
        against: why it should no longer, once it has begun, or an empty string.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._may = job.timeout is None and job.feed.limit is None and not job.pumped
        self._began = time.perf_counter()
        self._faults = page_faults()
        self._away = 0.0
        self._window = _Window(math.inf)
        self.wanted = False
        self.against = ""

    def watched(self, batches: Generator[Batch, None, None]) -> Generator[Batch, None, None]:
        """The same batches, of threads, while it is noted how long the caller is elsewhere."""
        for batch in batches:
            left = time.perf_counter()
            yield batch
            self._away += time.perf_counter() - left

    def note_look(self, seconds: float) -> None:
        """So long a look at the calls has taken: it is not the caller who was elsewhere."""
        self._away -= seconds
        self._window.away -= seconds

    def consider(self, cost: float, left: int | None, stays: Callable[[], bool]) -> bool:
        """Whether the caller should run what is left from now on; asked again, it should not.

        `cost` is seconds of one item; `stays` tells, when it comes to that, whether something speaks against it.
        """
        if not self._may:
            return False
        self._may = False
        here = time.perf_counter() - self._began
        self.wanted = (
            cost <= _BRIEF
            and (left is None or left * cost >= _WORTH)
            and self._away < _AWAY * here
            and only_ours()
            and not sources()
            and loop_here() is None  # else a function could not start one of its own
            and not stays()
        )
        return self.wanted

    def batches(self, pause: Callable[[], float]) -> Generator[Batch, None, None]:
        """Run items here; hold the feed when that was no good idea after all. `pause` says how long it has waited."""
        faults = (page_faults() - self._faults) / (time.perf_counter() - self._began)
        self._window = window = _Window(max(_FAULTS, _MORE_FAULTS * faults))
        for batch in InlineEngine().run(self._job):
            window.work()
            yield batch
            self.against = window.consume(pause()) or (_PUMPED if self._job.pumped else "")
            if self.against:
                self.wanted = False
                self._job.feed.hold()


class _Window:
    """What the calling thread does: how much of its time it works, waits, or is elsewhere.

    `most_faults` are pages that it may take from the system in a second.

    Attributes:
        away: seconds in which it was elsewhere, altogether.
    """

    def __init__(self, most_faults: float) -> None:
        self._most_faults = most_faults
        self._bad = self._paged = 0
        self._took = self.away = 0.0
        self._start(time.perf_counter())

    def _start(self, now: float) -> None:
        self._began = self._at = now
        self._computed = time.thread_time()
        self._ready = waited_for_core()
        self._faults = page_faults()
        self._paused = 0.0

    def work(self) -> None:
        """It has run items until now."""
        self._at = time.perf_counter()

    def consume(self, paused: float) -> str:
        """It has been elsewhere since, but for so many seconds in which it paused; what speaks against it, if any."""
        now = time.perf_counter()
        self.away += now - self._at - paused
        self._paused += paused
        if now - self._began < _WINDOW:
            return ""
        took, waited = now - self._began - self._paused, 0.0
        if not self._paused:  # who pauses lets others have the GIL
            waited = took - (time.thread_time() - self._computed)
            if waited > _WAITING * took:
                waited -= waited_for_core() - self._ready
        self._took += took
        self._paged = self._paged + 1 if page_faults() - self._faults > self._most_faults * took else 0
        self._start(now)
        self._bad = self._bad + 1 if waited > _WAITING * took else 0
        if self.away > _AWAY * self._took and self._took > _WINDOWS * _WINDOW:
            return f"threads: {100 * self.away / self._took:.0f} % of the time is spent on the results, between items"
        if self._bad >= _WINDOWS:
            return f"threads: of {in_words(took)} it has waited {in_words(waited)}"
        return _PAGED if self._paged >= _WINDOWS else ""


def page_faults() -> int:
    """How many pages the system has given this process without reading from a disk; 0 where nobody can tell."""
    return getrusage(RUSAGE_SELF).ru_minflt if getrusage is not None else 0
