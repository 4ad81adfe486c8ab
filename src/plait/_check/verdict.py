"""What a search has found out, never more than that: failed, passed, proved, inconclusive or not checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from plait._check.chained import busiest, chain_of_timers
from plait._check.record import IF_IT_HANGS, Record, Standstill
from plait._core.event import Kind
from plait._core.how_many import how_many


class Coverage(NamedTuple):
    """What was seen of the program.

    Attributes:
        schedules: executions; `distinct` is how many of them differed.
        threads: threads under control, at most in one execution.
        accesses: reads and writes of what could be shared, at most in one execution.
        outside: the calls that were let go.
        uncontrolled: foreign threads that took part.
        left: threads that would not end.
        plain: the user's files that could not be observed, each with the reason.
        tasks: asyncio tasks under control, at most in one execution.
        processes: how many have searched.
        one_order: whether there was nothing to choose in any execution: they are all the same.
    """

    schedules: int
    distinct: int
    threads: int
    accesses: int
    outside: tuple[str, ...]
    uncontrolled: int
    left: tuple[str, ...]
    plain: tuple[str, ...]
    tasks: int = 0
    processes: int = 1
    one_order: bool = False

    @property
    def alone(self) -> bool:
        """Whether there was one thread in every execution, and nothing to choose: they are all the same."""
        return self.threads + self.tasks + self.uncontrolled == 1

    def __str__(self) -> str:
        words = [
            how_many(self.schedules, "schedule") + self._how(),
            how_many(self.threads, "thread")
            + (f" and {how_many(self.tasks, 'task')}" if self.tasks else "")
            + " controlled",
            how_many(self.accesses, "shared access", "shared accesses"),
        ]
        if self.outside:
            words.append(f"{how_many(len(self.outside), 'call')} outside our control")
        if self.uncontrolled:
            words.append(f"{how_many(self.uncontrolled, 'thread')} not controlled")
        if self.left:
            words.append(f"{how_many(len(self.left), 'thread')} left behind")
        if self.plain:
            words.append(f"{how_many(len(self.plain), 'file')} not observed")
        return ", ".join(words)

    def _how(self) -> str:
        if self.schedules <= 1:
            return ""
        by = f"{self.processes} processes, " if self.processes > 1 else ""
        return f" ({by}{self.distinct:,} distinct)"


class Verdict(NamedTuple):
    """The answer in one word of the five, and why."""

    word: str
    reason: str

    @property
    def exit_status(self) -> int:
        """For the command: 0 passed or proved, 1 failed, 3 otherwise."""
        return {"passed": 0, "proved": 0, "failed": 1}.get(self.word, 3)


_LONG = 5_000  # steps; below, it may be the machine that is slow
_FAR = 10  # times the longest execution that has ended
_TICK = 0.2  # seconds that executions are taken to need at least: the machine may be busy

Counted = tuple[int, list[int], tuple[int, int, int, int, int], list[str], list[str], str]
"""What a tally has counted, in values that go from one process to another."""


class Tally:
    """Counts what each execution showed; its order does not matter, so nothing of a record is kept."""

    def __init__(self) -> None:
        self.schedules = 0
        self._distinct: set[int] = set()
        self._threads = self._tasks = self._accesses = self._longest = self._uncontrolled = 0
        self._outside: set[str] = set()
        self._left: set[str] = set()
        self._chosen = 0
        self._slowest = _TICK
        self.gave_up = ""

    def add(self, record: Record, seconds: float = 0.0) -> None:
        """One more execution, and how long it took."""
        self.schedules += 1
        self._slowest = max(self._slowest, seconds)
        self._chosen = max(self._chosen, not record.one_order)
        self._distinct.add(hash(record.switches))
        tasks = sum(1 for info in record.threads if info.kind == "task")
        self._tasks = max(self._tasks, tasks)
        self._threads = max(self._threads, len(record.threads) - tasks)
        if len(record.events) > self._longest:  # others show hardly more, and counting takes its time
            self._longest = len(record.events)
            accesses = sum(1 for event in record.events if event.kind is Kind.READ or event.kind is Kind.WRITE)
            self._accesses = max(self._accesses, accesses)
        self._uncontrolled = max(self._uncontrolled, record.uncontrolled)
        self._outside.update(record.outside)
        self._left.update(record.left)
        self.gave_up = self.gave_up or record.gave_up

    def cut_short(self, record: Record) -> None:
        """One that had not ended when the time was up; it may never end if it is longer by far than those that have."""
        standstill = record.standstill
        if not self.schedules:
            self.gave_up = self.gave_up or f"{_NONE_ENDED}{_still(standstill)}"
        elif standstill.seconds > _FAR * self._slowest:
            self.gave_up = self.gave_up or f"one execution had not ended when the time was up{_still(standstill)}"
        elif len(record.events) >= max(_LONG, _FAR * self._longest):
            self.gave_up = self.gave_up or self._rounds(record)

    def _rounds(self, record: Record) -> str:
        """What one has done that may go on for ever."""
        lately = busiest(record.events[-_LONG:], record.threads)
        where = f"{lately}," if lately else ""
        return (
            f"one execution had made {len(record.events):,} steps{where} and not ended when the time was up; the "
            f"others have at most {self._longest:,}. {chain_of_timers(record.threads)}Does it end by itself? With more "
            "seconds check may say so"
        )

    def all(self) -> Counted:
        """All of it, to be added to the tally of another process."""
        return (
            self.schedules,
            list(self._distinct),
            (self._threads, self._tasks, self._accesses, self._uncontrolled, self._chosen),
            list(self._outside),
            list(self._left),
            self.gave_up,
        )

    def add_all(self, counted: Counted) -> None:
        """What another tally has counted."""
        schedules, distinct, most, outside, left, gave_up = counted
        mine = self._threads, self._tasks, self._accesses, self._uncontrolled, self._chosen
        self.schedules += schedules
        self._distinct.update(distinct)
        self._threads, self._tasks, self._accesses, self._uncontrolled, self._chosen = map(max, mine, most)
        self._outside.update(outside)
        self._left.update(left)
        self.gave_up = self.gave_up or gave_up

    def coverage(self, plain: Sequence[str], processes: int = 1) -> Coverage:
        """All of it."""
        return Coverage(
            self.schedules,
            len(self._distinct),
            self._threads,
            self._accesses,
            tuple(sorted(self._outside)),
            self._uncontrolled,
            tuple(sorted(self._left)),
            tuple(sorted(plain)),
            self._tasks,
            processes,
            not (self._chosen or self._uncontrolled),
        )


def verdict(coverage: Coverage, *, failed: bool, exhausted: str, gave_up: str, observed: bool, canary: bool) -> Verdict:
    """The word that these facts allow; `exhausted` says what was searched to the end, if something was.

    A failure is a failure, whatever else was not seen; nothing else is said without its conditions.
    """
    if not canary:
        return Verdict("not checked", "the built-in race was not found: the checker does not work here")
    if failed:
        return Verdict("failed", "a schedule breaks it")
    if not coverage.schedules:
        return Verdict("inconclusive", gave_up or f"{_NONE_ENDED}; {_LONGER}")
    if not observed:
        return Verdict("not checked", "none of its code could be observed")
    doubt = gave_up or _doubt(coverage)
    if doubt:
        return Verdict("inconclusive", doubt)
    if exhausted and not coverage.outside:
        return Verdict("proved", exhausted)
    return Verdict("passed", f"{how_many(coverage.schedules, 'schedule')}, not a proof")


def waits_for_process(call: str) -> bool:
    """Whether a call outside our control was one that waits for another process."""
    return call.startswith(("os.wait", "Popen.", "BaseProcess."))


_NONE_ENDED = "the time was up before the first execution had ended"
_LONGER = "give it more seconds, if it does end by itself"
_HANGS = f"{IF_IT_HANGS}; else give it more seconds"


def _still(standstill: Standstill) -> str:
    """What an execution was doing that had not ended, and what to do about it."""
    doing = f": {standstill.doing}" if standstill.doing else ""
    return f"{doing}; {_HANGS if standstill.outside else _LONGER}"


def _doubt(coverage: Coverage) -> str:
    if coverage.plain:
        return f"could not be observed: {'; '.join(coverage.plain)}"
    if coverage.uncontrolled:
        return f"{how_many(coverage.uncontrolled, 'thread')} took part that we do not control"
    if coverage.left:
        return f"would not end: {', '.join(coverage.left)}"
    return ""
