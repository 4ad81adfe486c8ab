"""Waits that have not ended when the trace does: of those too it is known what they are for, as their frames tell."""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable, Mapping
from types import CodeType, FrameType
from typing import Any, TypeVar

Wrapper = TypeVar("Wrapper", bound=Callable[..., Any])


class Unfinished:
    """The functions that note waits, found in the stacks of the threads that are in them.

    Each has a variable `told`: what makes a note of the wait, or None, of variables of the function, of its frame, and
    of the thread as the system calls it.
    """

    def __init__(self) -> None:
        self._functions: dict[CodeType, tuple[str, ...]] = {}

    def knows(self, function: Wrapper, *names: str) -> Wrapper:
        """The function, which notes waits, and whose `told` takes variables of these names first."""
        self.know(function.__code__, *names)
        return function

    def know(self, function: CodeType, *names: str) -> None:
        """As `knows`, of a function that is yet to be made."""
        self._functions[function] = names

    def noted(self, natives: Mapping[int, int]) -> list[Any]:
        """A note of each thread that is in one of them; `natives` has the system's numbers of threads."""
        found = []
        for ident, innermost in sys._current_frames().items():
            outermost = self._outermost(innermost)
            if outermost is not None and ident in natives:
                variables = outermost.f_locals
                names = self._functions[outermost.f_code]
                if all(name in variables for name in names):  # or else it has not begun to wait
                    values = [variables[name] for name in names]
                    found.append(variables["told"](*values, outermost, natives[ident]))
        return [one for one in found if one is not None]

    def _outermost(self, frame: FrameType | None) -> FrameType | None:
        found = None
        while frame is not None:
            found = frame if frame.f_code in self._functions else found
            frame = frame.f_back
        return found


def here() -> tuple[FrameType, int]:
    """The frame of the caller, and its thread as the system calls it."""
    return sys._getframe(1), _thread.get_native_id()
