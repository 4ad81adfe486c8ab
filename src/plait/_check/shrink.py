"""Leaves out the switches that a failure does not need: delta debugging (Zeller and Hildebrandt, 2002)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from plait._check.record import Failure, Record, Switch

Run = Callable[[Sequence[Switch]], Record]
Same = Callable[[Record, Record], bool]


def shrink(record: Record, run: Run, more: Callable[[], bool], same: Same | None = None) -> Record:
    """The record of an execution that fails in the same way with as few switches as could be found.

    Args:
        record: an execution that failed.
        run: the program under these switches, and the plain choice everywhere else.
        more: whether there is time for another execution; it is asked before each.
        same: whether an execution shows what the second one shows; by default, whether they fail in the same way.

    No single switch of the result can be left out, nor two neighbours, if there was time to try.
    """
    return _Shrinking(record, run, more, same or _fail_alike).result()


def same_failure(one: Failure | None, other: Failure | None) -> bool:
    """Whether two executions failed in the same way: the same kind, and the same exception in the same function."""
    if one is None or other is None:
        return one is other
    return _signature(one) == _signature(other)


def _fail_alike(one: Record, other: Record) -> bool:
    return same_failure(one.failure, other.failure)


def _signature(failure: Failure) -> tuple[str, ...]:
    if failure.exception is None:
        return ("stuck",) if failure.kind in ("hang", "deadlock") else (failure.kind,)
    innermost = next((frame for frame in reversed(failure.stack) if frame.mine), None)
    return (failure.kind, type(failure.exception).__name__, innermost.function if innermost else "")


class _Shrinking:
    """Keeps the best execution so far; a candidate replaces it when it fails in the same way and is no worse."""

    def __init__(self, record: Record, run: Run, more: Callable[[], bool], same: Same) -> None:
        self._best = record
        self._run = run
        self._more = more
        self._same = same
        self._tried: set[tuple[tuple[int, int, int], ...]] = set()

    def result(self) -> Record:
        if not self._fails(()):
            self._halve()
            self._leave_out_pairs()
        return self._best

    def _halve(self) -> None:
        """Leave out ever smaller parts until no single switch can be left out."""
        size = max(1, len(self._best.switches) // 2)
        while self._more():
            if not self._leave_out(size):
                if size == 1:
                    return
                size = max(1, size // 2)
            size = min(size, max(1, len(self._best.switches)))

    def _leave_out_pairs(self) -> None:
        """There and back again: two switches that need each other often can go together."""
        while self._leave_out(2) and self._more():
            self._halve()

    def _leave_out(self, size: int) -> bool:
        """Try without each part of this size, the last ones first: whether one was not needed."""
        better = False
        start = len(self._best.switches) - size
        while start >= 0:
            switches = tuple(self._best.switches)
            if self._fails(switches[:start] + switches[start + size :]):
                better = True
                start = min(start, len(self._best.switches))
            start -= size if better else max(1, size // 2)
        return better

    def _fails(self, switches: Sequence[Switch]) -> bool:
        key = tuple((switch.thread, switch.step, switch.to) for switch in switches)
        if key in self._tried or not self._more():
            return False
        self._tried.add(key)
        record = self._run(switches)
        if not self._same(record, self._best):
            return False
        if len(record.switches) > len(self._best.switches):
            return False
        self._best = record
        return True
