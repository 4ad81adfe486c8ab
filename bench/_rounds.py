"""Contenders that take turns: one that is missing or breaks is said to, and the others are measured all the same.

A machine that slows down slows all of them, because one round measures each once; the first round warms up and is
dropped. Ratios inside one table can be compared, seconds of different runs cannot.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any

Map = Callable[[Callable[..., Any], Any], Any]  # map(fn, items): everything is computed when it returns


class Took:
    """The seconds of each of a contender's rounds, or why there are none."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self.seconds: list[float] = []
        self.failure = ""

    def add(self, seconds: float) -> None:
        """One more round."""
        self.seconds.append(seconds * self.scale)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def best(self) -> float:
        """The quietest round: what others do on the machine only ever adds to it."""
        return min(self.seconds)


class Rounds:
    """Measures contenders by turns.

    >>> with Rounds() as rounds:
    ...     rounds.add("sum", lambda: sum(range(10)))
    ...     rounds.add_peer("peer", lambda: __import__("not_there"), lambda peer_map: peer_map(abs, [1]))
    ...     took = rounds.run(3)
    >>> len(took["sum"].seconds), took["peer"].failure
    (3, "ModuleNotFoundError: No module named 'not_there'")
    """

    def __init__(self) -> None:
        self._open = ExitStack()
        self._runs: dict[str, Callable[[], object]] = {}
        self._took: dict[str, Took] = {}

    def __enter__(self) -> Rounds:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> bool | None:
        return self._open.__exit__(kind, error, tb)

    def add(self, name: str, run: Callable[[], object], *, scale: float = 1.0) -> None:
        """A contender that must work. If `run` gives a float, that is its time; `scale` multiplies times."""
        self._runs[name] = run
        self._took[name] = Took(scale)

    def add_peer(
        self,
        name: str,
        opened: Callable[[], AbstractContextManager[Map]],
        run: Callable[[Map], object],
        *,
        scale: float = 1.0,
    ) -> None:
        """Somebody else's map, which may be missing or break; `opened` makes it."""
        self._took[name] = Took(scale)
        try:
            peer = self._open.enter_context(opened())
        except Exception as error:
            self._took[name].failure = in_words(error)
        else:
            self._runs[name] = lambda: run(peer)

    def run(self, rounds: int) -> dict[str, Took]:
        """What `rounds` rounds of each contender took, after one that is dropped."""
        for number in range(rounds + 1):
            for name, run in self._runs.items():
                took = self._took[name]
                if not took.failure:
                    self._measure(run, took, warm=number > 0)
        return self._took

    def _measure(self, run: Callable[[], object], took: Took, *, warm: bool) -> None:
        gc.collect()
        began = time.perf_counter()
        try:
            said = run()
        except Exception as error:
            took.failure = in_words(error)
            return
        seconds = time.perf_counter() - began
        if warm:
            took.add(said if type(said) is float else seconds)


def in_words(error: BaseException) -> str:
    """What went wrong, in one line."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:120]
