"""CallMeter: calls a function and notes what calls cost, thread by thread, and whether items and results can move."""

from __future__ import annotations

import threading
import time
from _collections_abc import Callable
from types import AsyncGeneratorType, GeneratorType

from plait._core.gil import Promptly
from plait._core.green import own_clock
from plait._core.notes import text_of
from plait._engines.choosing.choice import TINY
from plait._engines.choosing.hindsight import Ended
from plait._engines.choosing.measuring_gil import Canary
from plait._engines.choosing.measuring_helpers import Helpers
from plait._engines.choosing.seen import Seen
from plait._engines.core_wait import is_runnable, waited_for_core
from plait._engines.pickling.careful import dumps_carefully

TINY_CALLS = 256  # who takes so little time for each of them need not be measured any further
_SAMPLES = 2  # calls whose argument is compared before and after
_MOSTLY = 0.75  # the share of calls that must be short, whatever the others had to wait for
_LONG = 0.001  # seconds: who takes longer to pickle is not pickled for a second call
_STALE = 0.005  # seconds that a look at the threads may last
_FEW = 8  # threads, for each of which a file is read
_EXACT = 0.0005  # seconds: of calls that take longer it is noted what they have computed when they end
_LAZY: dict[type, str] = {
    GeneratorType: "a generator", AsyncGeneratorType: "an asynchronous generator", map: "a map object",
    filter: "a filter object",
}  # fmt: skip
_ATOMS = (int, str, float, bytes, bool, complex, type(None))


class CallMeter:
    """Calls the function, notes what that costs, and calls `tiny` when the first calls cost next to nothing.

    Attributes:
        threads: what each thread that has called it spent, by its identity.
        samples: arguments and results of the first calls that succeeded.
        may_change: whether an argument was an object that can be changed.
        obstacle: why arguments or results cannot be moved to another process, as far as was seen.
        lazy: what calls gave whose code does not run before it is iterated, such as "a generator"; or nothing.
        exact: whether threads that begin now note how long they are ready for a core: to know that, each opens a file.
    """

    def __init__(self, fn: Callable[..., object], tiny: Callable[[], None]) -> None:
        self._fn = fn
        self._tiny = tiny
        self._sampled = 0
        self._helpers: Helpers | None = None
        self.threads: dict[int, Spent] = {}
        self.samples: list[tuple[object, object]] = []
        self.obstacle = self.lazy = ""
        self.may_change = False
        self.exact = True

    def __call__(self, item: object) -> object:
        spent = self.threads.get(threading.get_ident()) or self._new_thread()
        if self._sampled < _SAMPLES:
            return self._sample(item, spent)
        spent.began = time.perf_counter()
        try:
            return self._fn(item)
        finally:
            spent.end()
            if spent.calls == TINY_CALLS and is_tiny(TINY_CALLS, spent.short, spent.computed()):
                self._tiny()

    @property
    def helped(self) -> float:
        """How many cores threads that are not Python's have kept busy since the first call began."""
        return self._helpers.cores() if self._helpers is not None else 0.0

    def seen(self, canary: Canary | None, *, tiny: bool) -> Seen:
        """What all threads have spent until now, and what the canary has; `tiny`: calls cost next to nothing."""
        seen = self._seen(canary, tiny=tiny)
        if time.perf_counter() - seen.now > _STALE:  # others took the GIL meanwhile: its parts are of different times
            with Promptly():
                seen = self._seen(canary, tiny=tiny)
        return seen

    def _seen(self, canary: Canary | None, *, tiny: bool) -> Seen:
        now = time.perf_counter()
        threads = list(self.threads.values())
        settled = [thread.settled() for thread in threads]
        spent = [thread.spent() for thread in threads]
        seen = Seen(
            now=now,
            calls=sum(calls for calls, _ in settled),
            seconds=sum(thread.seconds(now) for thread in threads),
            computed=sum(computed for computed, _ in spent),
            ready=sum(ready for _, ready in spent),
            gil=canary.waiting if canary is not None else 0.0,
            settled=sum(computed for _, computed in settled),
            inside=sum(thread.inside for thread in threads),
        )
        short = sum(thread.short for thread in threads)
        if tiny or is_tiny(seen.calls, short, seen.computed):
            seen = seen._replace(tiny=sum(thread.briefly for thread in threads) / short)
        return seen._replace(doubtful=seen.seems_to_wait and any(thread.runnable for thread in threads))

    def ended(self, *, exact: bool) -> Ended:
        """What the calls that have ended took; if `exact`, of few threads also how long they were ready for a core."""
        threads = list(self.threads.values())
        settled = [thread.settled() for thread in threads]
        return Ended(
            now=time.perf_counter(),
            calls=sum(calls for calls, _ in settled),
            seconds=sum(thread.inside for thread in threads),
            computed=sum(computed for _, computed in settled),
            ready=sum(thread.spent()[1] for thread in threads[:_FEW]) if exact else 0.0,
        )

    def forget(self) -> None:
        """Note what calls cost from now on; those in progress do not count."""
        self.threads = {}
        self._helpers = None
        self.exact = True

    def _new_thread(self) -> Spent:
        self._helpers = self._helpers or Helpers()
        self.threads[threading.get_ident()] = spent = Spent(exact=self.exact)
        return spent

    def _sample(self, item: object, spent: Spent) -> object:
        self._sampled += 1
        before = self._picture(item)
        spent.began = time.perf_counter()
        try:
            value = self._fn(item)
        finally:
            spent.end()
        self._compare(item, before, value)
        self.lazy = self.lazy or _LAZY.get(type(value), "")
        self.samples.append((item, value))
        return value

    def _picture(self, item: object) -> bytes | None:
        if type(item) in _ATOMS:
            return None
        self.may_change = self.may_change or type(item) is not tuple or any(type(part) not in _ATOMS for part in item)
        began = time.perf_counter()
        try:
            return dumps_carefully(item)
        except Exception as error:
            self.obstacle = f"its arguments cannot be pickled: {text_of(error)}"
            return None
        finally:
            if time.perf_counter() - began > _LONG:
                self._sampled = _SAMPLES

    def _compare(self, item: object, before: bytes | None, value: object) -> None:
        if before is not None and self._picture(item) != before:
            self.obstacle = 'it changes its argument; pass engine="process" to give it a copy'
        elif before is not None and _is_part(item, value):
            self.obstacle = 'it returns its argument itself; pass engine="process" if a copy will do'


class Spent:
    """What one thread has spent in calls.

    Attributes:
        began: when the call in progress began, or 0.
        inside: seconds of calls that have ended.
        calls: how many these are.
        short: how many of them took next to no time.
        briefly: seconds of these.
    """

    __slots__ = (
        "_base",
        "_clock_id",
        "_exact",
        "_last",
        "_native_id",
        "_settled",
        "began",
        "briefly",
        "calls",
        "inside",
        "short",
    )

    def __init__(self, *, exact: bool) -> None:
        self._native_id = threading.get_native_id()
        self._exact = exact
        self._clock_id = own_clock()
        self.began = self.inside = self.briefly = 0.0
        self.calls = self.short = 0
        self._settled: tuple[int, float] | None = (0, 0.0)
        self._base = 0.0, 0.0
        self._last = 0.0, 0.0  # what was known before the thread has ended
        self._base = self.spent()
        self._last = 0.0, 0.0

    def end(self) -> None:
        """The call in progress has ended."""
        took = time.perf_counter() - self.began
        self.inside += took
        if took < TINY:
            self.short += 1
            self.briefly += took
        self.calls += 1
        self._settled = (self.calls, self.computed()) if took > _EXACT else None
        self.began = 0.0

    def settled(self) -> tuple[int, float]:
        """How many calls have ended, and the seconds on a core that they took."""
        return self._settled or (self.calls, self.computed())  # short ones: the one in progress does not matter

    def seconds(self, now: float) -> float:
        """Seconds in calls, that in progress included."""
        began = self.began
        return self.inside + (max(0.0, now - began) if began else 0.0)

    def computed(self) -> float:
        """Seconds on a core."""
        if self._clock_id is None:
            return time.perf_counter() - self._base[0]
        try:
            return time.clock_gettime(self._clock_id) - self._base[0]
        except OSError:  # the thread has ended
            return self._last[0]

    def spent(self) -> tuple[float, float]:
        """Seconds on a core, and seconds ready for one that was not free: to know these takes a look at a file."""
        ready = 0.0
        if self._exact and self._clock_id is not None:
            ready = max(0.0, waited_for_core(self._native_id) - self._base[1])
        self._last = self.computed(), max(ready, self._last[1])
        return self._last

    @property
    def runnable(self) -> bool:
        """Whether it has a core or is ready for one: then what it waited lately is not in `spent` yet."""
        return is_runnable(self._native_id)


def is_tiny(calls: int, short: int, computed: float) -> bool:
    """Whether so many calls, with so many short ones among them and so many seconds on a core, say that calls are tiny.

    Those that were not short may have waited for a core or the GIL, unless they have computed themselves. To measure
    a call costs about as much as the call.

    >>> is_tiny(256, 250, 300e-6), is_tiny(256, 250, 0.1), is_tiny(20, 20, 20e-6)
    (True, False, False)
    """
    return calls >= TINY_CALLS and short >= _MOSTLY * calls and computed < 2 * calls * TINY


def _is_part(item: object, value: object) -> bool:
    return value is item or (type(value) in (tuple, list) and any(part is item for part in value))  # type: ignore[attr-defined]  # both can be iterated
