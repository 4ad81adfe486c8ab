"""Signs of life of a search, in memory that the process which looks after it reads."""

from __future__ import annotations

import _thread
import mmap
from time import sleep

_BEAT = 0.1  # seconds
_BEATS, _NUMBER, _SAID, _REPEATING = range(4)


class Pulse:
    """Made before the fork; the child writes, the parent reads.

    Attributes:
        number: of the execution that has begun last, from 1; 0 before the first.
        beats: how often the child has beaten; it does not while C code keeps its GIL.
        said: the exit status of the child, when it has said all that it had to say; None before.
        repeating: whether the execution is one that a scout had begun, of the scout's seed (see `scout`).
    """

    def __init__(self) -> None:
        self._words = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("Q")

    @property
    def number(self) -> int:
        return self._words[_NUMBER]

    @property
    def beats(self) -> int:
        return self._words[_BEATS]

    @property
    def said(self) -> int | None:
        status = self._words[_SAID]
        return status - 1 if status else None

    @property
    def repeating(self) -> bool:
        return bool(self._words[_REPEATING])

    def start(self) -> None:
        """Beat from now on, in a thread that nothing controls."""
        _thread.start_new_thread(self._beat, ())

    def begin(self, number: int) -> None:
        """This execution begins."""
        self._words[_NUMBER] = number

    def repeat(self, repeating: bool) -> None:
        """The executions from here on are those of the scout, or no longer."""
        self._words[_REPEATING] = repeating

    def end(self, status: int) -> None:
        """All has been said, and only the interpreter has yet to end, with this exit status."""
        self._words[_SAID] = status + 1

    def _beat(self) -> None:
        while True:
            self._words[_BEATS] += 1
            sleep(_BEAT)
