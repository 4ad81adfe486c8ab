"""What happened in a map, in figures and in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from plait._core.how_many import how_many
from plait._core.job import Tally
from plait._run.farewell import in_words


@dataclass(slots=True)
class Report:
    """What happened so far in a map; ``str()`` says it in a few lines.

    Attributes:
        engine: the engine that ran the items, such as ``"process"``.
        workers: how many workers it could use.
        peak_workers: how many it did use at the same time.
        why: the reason for the engine and for the number of workers, one sentence each.
        items: how many items have their outcome.
        failed: how many of them failed.
        retries: how many attempts were made again.
        recalled: how many items got their outcome from the journal, without being run.
        journal: what the journal had, and what was run again and why; empty without one.
        workers_died: how many worker processes died.
        abandoned: items whose threads could not be stopped, in words.
        mishaps: tear-downs of `per_worker` functions that failed or did not end in time, in words.
        seed: what ``plait.rng()`` without a seed was made from; ``plait.rng(seed)`` gives the same numbers again.
        seconds: wall time from the first item pulled to the last outcome so far.
        finished: whether every item has its outcome.
        cancelled: whether the work was stopped before that.

    >>> import plait
    >>> stream = plait.map(abs, [-1, 2], engine="thread")
    >>> sum(stream)
    3
    >>> stream.report.items, stream.report.failed, stream.report.engine
    (2, 0, 'thread')
    """

    engine: str
    workers: int
    peak_workers: int = 0
    why: list[str] = field(default_factory=list)
    items: int = 0
    failed: int = 0
    retries: int = 0
    recalled: int = 0
    journal: str = ""
    workers_died: int = 0
    abandoned: list[str] = field(default_factory=list)
    mishaps: list[str] = field(default_factory=list)
    seed: int = 0
    seconds: float = 0.0
    finished: bool = False
    cancelled: bool = False

    @property
    def per_second(self) -> float:
        """Items per second of wall time."""
        return self.items / self.seconds if self.seconds > 0 else 0.0

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))  # what IPython and notebooks show

    def __str__(self) -> str:
        state = "done" if self.finished else "cancelled" if self.cancelled else "running"
        failed = f", {self.failed:,} failed" if self.failed else ""
        lines = [
            f"{state}: {how_many(self.items, 'item')}{failed} in {self.seconds:.2f} s ({self.per_second:,.0f} items/s)",
            f"engine: {self.engine}, {self.peak_workers:,} of {how_many(self.workers, 'worker')}",
        ]
        lines += [f"  {reason}" for reason in self.why]
        if self.journal:
            lines.append(f"journal: {self.journal}")
        if self.retries:
            lines.append(f"retries: {self.retries:,}")
        if self.workers_died:
            lines.append(f"workers that died: {self.workers_died}")
        lines += [f"could not be stopped: {name}" for name in self.abandoned]
        lines += [f"went wrong: {text}" for text in self.mishaps]
        return "\n".join(lines)


def count_in(report: Report, tally: Tally) -> None:
    """Bring the report up to what the engine has counted so far."""
    if tally.engine:
        report.engine, report.workers = tally.engine, tally.workers
    report.peak_workers = tally.peak
    report.workers_died = tally.workers_died
    report.why += [reason for reason in tally.reasons if reason not in report.why]
    report.abandoned = [in_words(running) for running in tally.abandoned]
    report.mishaps = list(tally.mishaps)
