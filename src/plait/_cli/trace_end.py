"""Has a signal that would kill a traced program at once end its trace first."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType

_DEADLY = ("SIGTERM", "SIGHUP")


class LastAct:
    """While it is open, a signal whose action is the default calls `last_act`, and then does what it would have done.

    A program that wants to hear such a signal itself takes our place. A forked child has the default again.
    """

    def __init__(self, last_act: Callable[[], object]) -> None:
        self._last_act = last_act
        self._pid = os.getpid()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._leave)

    def __enter__(self) -> None:
        for number in _numbers():
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, self._handle)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._leave()

    def _leave(self) -> None:
        for number in _numbers():
            if signal.getsignal(number) == self._handle:
                signal.signal(number, signal.SIG_DFL)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._leave()
        signal.signal(number, signal.SIG_DFL)
        try:
            if os.getpid() == self._pid:  # a child may be hit before it has the default again
                self._last_act()
        finally:
            os.kill(os.getpid(), number)


def _numbers() -> list[int]:
    return [getattr(signal, name) for name in _DEADLY if hasattr(signal, name)]
