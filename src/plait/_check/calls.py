"""The calls of `check` that a script makes as it runs: it is run anew up to the one that is being answered.

A script without a main guard calls `check` again whenever it is run to have its functions anew. What has been answered
in this process gets the same answer again, in the order of the calls; what comes behind those is the call that waits
for its answer, and at that call the script has just the functions and values that it had when it made it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import TypeVar, cast

T = TypeVar("T")


class Reached(BaseException):
    """The script has come to the call that is being answered: the rest of it has not happened yet."""


class Calls:
    """What the calls of `check` in this process have come to."""

    def __init__(self) -> None:
        self._answers: list[tuple[object, Exception | None]] = []
        self._next = 0  # of them
        self._thread = 0  # on which a script is run anew

    def answer(self, ask: Callable[[], T]) -> T:
        """What `ask` gives or raises; to a script that is run anew, what it was told before."""
        if self._thread == get_ident():
            if self._next >= len(self._answers):
                raise Reached
            value, error = self._answers[self._next]
            self._next += 1
            if error is not None:
                raise copy.copy(error)
            return cast("T", value)
        try:
            given = ask()
        except Exception as error:
            self._answers.append((None, copy.copy(error)))
            raise
        self._answers.append((given, None))
        return given

    @contextmanager
    def anew(self) -> Iterator[None]:
        """A script is run anew in this block, which ends where it has come to."""
        self._next, self._thread = 0, get_ident()
        try:
            yield
        except Reached:
            pass
        finally:
            self._thread = 0
