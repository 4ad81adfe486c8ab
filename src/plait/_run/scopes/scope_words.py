"""What a scope says: what it waits for, what ran when it was stopped, what could not be stopped."""

from __future__ import annotations

import sys
import time
from _collections_abc import Sequence

from plait._core.checked import patience
from plait._core.how_many import how_many
from plait._core.streams import is_terminal
from plait._run.farewell import and_running

_SHOWN = 3  # tasks that are named
_FIRST = 5.0  # seconds of waiting after which it is said for what
_FACTOR = 4  # each time it is said this many times later


def waiting_words(running: Sequence[str], waiting: int) -> str:
    """One line about what the end of a block waits for: what runs, in words, and how many tasks have not begun.

    >>> waiting_words(["fetch('a') on thread-1 for 5.1 s"], 0)
    "plait.scope waits for 1 task: fetch('a') on thread-1 for 5.1 s"
    """
    total = len(running) + waiting
    line = f"plait.scope waits for {how_many(total, 'task')}"
    return line + (f": {in_short(running, waiting)}" if total else "")


def in_short(running: Sequence[str], waiting: int) -> str:
    """Some of what runs, and how many more there are."""
    parts = list(running[:_SHOWN])
    if len(running) > _SHOWN:
        parts.append(f"{len(running) - _SHOWN} more")
    if waiting:
        parts.append(f"{waiting} not begun")
    return ", ".join(parts) if parts else "nothing but the block itself"


def stopping_words(running: Sequence[str]) -> str:
    """What was running when Ctrl-C was pressed."""
    return and_running(f"plait: stopped; {how_many(len(running), 'task was', 'tasks were')} running", running)


class Patience:
    """When to say what is waited for: after some seconds, and then ever more seldom."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._due = self._began + _FIRST

    def next(self) -> float | None:
        """Seconds until it should be said; None for never, in a check."""
        return patience(max(0.0, self._due - time.monotonic()))

    def used(self) -> None:
        """It has been said."""
        self._due = self._began + (self._due - self._began) * _FACTOR


def say(line: str) -> None:
    """On stderr where somebody reads along, else in the log."""
    if is_terminal(sys.stderr):
        print(line, file=sys.stderr, flush=True)
    else:
        import logging  # only here: most blocks end before there is anything to say

        logging.getLogger("plait").info(line)
