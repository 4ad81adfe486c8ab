"""One call of map as an engine sees it: the function, the feed, the limits, and a place for what happened."""

from __future__ import annotations

from _collections_abc import Callable
from collections import deque
from contextvars import Context

from plait._core.batch import Batch
from plait._core.current import current_task
from plait._core.feed import Feed
from plait._core.importable import imported
from plait._core.quota import Quota
from plait._core.rng import seeding
from plait._core.worker_state import Mishap


class Running:
    """One item that a worker is running at this moment.

    `among` is more than 1 when it may as well be one of the items that follow: the worker runs so many so fast that
    nobody knows which.
    """

    __slots__ = ("among", "index", "item", "seconds", "worker")

    def __init__(self, index: int, item: object, worker: str, seconds: float, among: int = 1) -> None:
        self.among = among
        self.index = index
        self.item = item
        self.worker = worker
        self.seconds = seconds


class Tally:
    """What an engine counted during one run.

    Attributes:
        threads: those of this process that run items, by the names of the workers: the system's numbers.
    """

    __slots__ = ("abandoned", "engine", "mishaps", "peak", "reasons", "threads", "workers", "workers_died")

    def __init__(self) -> None:
        self.engine = ""
        self.workers = 0
        self.peak = 0
        self.workers_died = 0
        self.abandoned: list[Running] = []
        self.mishaps: list[str] = []  # tear-downs of workers that failed or did not end in time
        self.reasons: list[str] = []
        self.threads: dict[str, int] = {}

    def note(self, mishap: Mishap) -> None:
        """Something went wrong in a worker, and there is no item whose failure it could be; any thread."""
        from plait._core.mishaps import log  # brings logging along

        log(mishap)
        self.mishaps.append(mishap.text)

    def settle_on(self, engine: str, workers: int, reason: str) -> None:
        """An engine that uses others says which it uses now, and why."""
        self.engine = engine
        self.workers = workers
        if reason and reason not in self.reasons:
            self.reasons.append(reason)


class Job:
    """What an engine runs.

    `cancel` and `revoke` may be called from any thread. The engine that runs the job sets `wake`, which makes its
    driver look at `cancelled` and `revoked` at once, `snapshot`, which lists what is running now, and `unfetched`: its
    queue of finished batches, in which those are found that it had not yielded when an exception, such as Ctrl-C, ended
    its generator. It may set `arrived`, which is then called instead of `wake` for an item that comes by itself.

    Attributes:
        final: whether the engine is closed after this run, so that no worker need be kept.
        pumped: whether a thread of ours iterates, on behalf of a coroutine, and no Ctrl-C comes there.
        arithmetic: the context of `decimal` in which it was made, as it was then; None where nobody uses one.
        seeding: what the random generators of its items are made from.
        quota: what it shares with the other runs of a pool.
    """

    def __init__(
        self,
        fn: Callable[..., object],
        feed: Feed,
        *,
        workers: int,
        timeout: float | None,
        context: Context,
        timed: bool = False,
    ) -> None:
        self.fn = fn
        self.feed = feed
        self.workers = workers
        self.timeout = timeout
        self.context = context
        self.timed = timed
        self.arithmetic = _arithmetic()
        self.seeding = seeding(context.get(current_task))
        self.tally = Tally()
        self.final = self.pumped = False
        self.cancelled = False
        self.quota = Quota()
        self.revoked: deque[int] = deque()
        self.unfetched: deque[Batch] = deque()
        self.wake: Callable[[], None] = _nothing
        self.arrived: Callable[[], None] | None = None
        self.snapshot: Callable[[], list[Running]] = _nobody

    def cancel(self) -> None:
        """Ask the engine's driver to stop now."""
        self.cancelled = True
        self.wake()

    def revoke(self, index: int) -> None:
        """Ask the engine's driver to stop one item, whether it runs or waits: it ends as `Cancelled`, the others go on.

        An item that has ended keeps its outcome.
        """
        self.revoked.append(index)
        self.wake()

    def rest(self, running: list[Running]) -> None:
        """Nobody drives it any more; it was running these."""
        self.wake = _nothing
        self.arrived = None
        self.snapshot = running.copy


def _arithmetic() -> object:
    decimal = imported("decimal")
    return None if decimal is None else decimal.getcontext().copy()


def _nothing() -> None:
    """Nobody drives the job yet."""


def _nobody() -> list[Running]:
    return []
