"""Says how the outcome of a program depends on the schedule: what it printed under one, and under another."""

from __future__ import annotations

from itertools import zip_longest

from plait._check.findings import Finding, Side
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import Words
from plait._check.record import Record

_LONGEST = 60


def explain_outcome(history: History, other: Record | None, moments: list[int], sources: Sources) -> Finding:
    """The finding for an execution that printed something else than `other` did; `moments` are the events to show."""
    words = Words(history, sources)
    why = "What it prints depends on the order in which the threads run."
    if other is not None:
        number, one, two = _difference(history.record.output, other.output)
        why += f" Line {number} is {_quoted(one)} in this execution and {_quoted(two)} in another one."
    return Finding(
        "depends on the schedule",
        "The output depends on the schedule",
        why,
        "If the order matters, make it: collect the results and print them in the order of the input, or join each "
        "thread before the next one prints. If it does not matter, do not ask for one output.",
        tuple(
            Side(info.number, words.thread(info.number), "", info.started)
            for info in history.record.threads
            if info.started is not None
        )[:2],
        tuple(words.moment(index) for index in moments),
        gil=True,
    )


def _difference(one: str, other: str) -> tuple[int, str | None, str | None]:
    """The number of the first line that differs, and what it is in both; None where there is none."""
    pairs = enumerate(zip_longest(one.splitlines(), other.splitlines()), 1)
    return next(((number, *pair) for number, pair in pairs if pair[0] != pair[1]), (1, None, None))


def _quoted(line: str | None) -> str:
    if line is None:
        return "missing"
    return f"`{line if len(line) <= _LONGEST else line[:_LONGEST] + '…'}`"
