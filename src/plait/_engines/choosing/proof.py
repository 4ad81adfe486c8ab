"""Proof: whether processes do more of a job than one thread, by what both have done of it.

What the first items cost in one thread does not say what they cost in several processes at once: these may wait for the
system, for memory or for a disk, get less than the cores there seem to be, or lack what this process had at hand.
"""

from __future__ import annotations

from plait._core.batch import Batch
from plait._engines.core_wait import waited_for_core
from plait._engines.facts import pid_in

_LOOKS = 0.05  # seconds of each worker after which there may be a doubt
_TRUSTS = 0.5  # the same, after which there will be none
_HERE = 0.05  # seconds that are tried in this process if there is


class Proof:
    """Of processes, of which there are so many, against one thread, in which an item has cost so many seconds.

    Attributes:
        doubted: whether they seemed to do less than it.
    """

    def __init__(self, cost: float, workers: int, cores: int) -> None:
        self._cost = cost
        self._workers = workers
        self._side_by_side = min(workers, cores)
        self._known: dict[str, _Worker] = {}
        self._there = _Pace()
        self._here = _Pace()
        self._self: _Worker | None = None
        self.doubted = False

    def note(self, batch: Batch) -> bool:
        """Processes have done a batch; whether they had better stop, to be compared with this one."""
        if self.doubted or self._there.spent >= _TRUSTS * self._workers:
            return False
        worker = self._known.get(batch.worker)
        if worker is None:  # it imports in its first batch what it needs, and fills caches
            self._known[batch.worker] = _Worker(batch.worker)
            return False
        self._there.add(batch, worker.waited())
        self.doubted = self._there.spent >= _LOOKS * self._workers and self._speed(self._cost) < 1
        return self.doubted

    def note_here(self, batch: Batch) -> bool:
        """A thread of this process has done a batch; whether that is enough to compare."""
        if self._self is None:
            self._self = _Worker(None)
            return False
        self._here.add(batch, self._self.waited())
        return self._here.spent >= _HERE

    @property
    def failed(self) -> str:
        """Why what is left is better done here, or an empty string."""
        speed = self._speed(self._here.cost or self._cost)
        if speed >= 1:
            return ""
        return f"threads: {self._workers} processes did only {speed:.1f} times the work of one thread"

    def _speed(self, cost: float) -> float:
        """How many times the work of one thread they do together, if an item costs it so much."""
        return self._side_by_side * cost / self._there.cost if self._there.cost else float("inf")


class _Worker:
    """One that runs items: a process with this label, or the calling thread."""

    def __init__(self, label: str | None) -> None:
        self._pid = None if label is None else pid_in(label)
        self._until_now = self._waits()

    def _waits(self) -> float:
        return waited_for_core(self._pid, self._pid)

    def waited(self) -> float:
        """Seconds since it was last asked in which it was ready for a core that others had."""
        before, self._until_now = self._until_now, self._waits()
        return max(0.0, self._until_now - before)


class _Pace:
    """How fast items are done, if others have no core."""

    def __init__(self) -> None:
        self.spent = 0.0
        self._items = 0

    def add(self, batch: Batch, waited: float) -> None:
        self.spent += max(0.0, batch.ended - batch.started - waited)
        self._items += len(batch.values)

    @property
    def cost(self) -> float:
        """Seconds of one, or 0.0 when there was none."""
        return self.spent / self._items if self._items else 0.0
