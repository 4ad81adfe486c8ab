"""Has a signal that would kill a traced program at once end its trace first."""

from __future__ import annotations

import _thread
import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType

_DEADLY = ("SIGTERM", "SIGHUP")


class LastAct:
    """While it is open, a signal whose action is the default calls `last_act`, and then does what it would have done.

    A program that wants to hear such a signal itself takes our place. A forked child has the default again, also for
    a signal that it is sent in its first moment, which CPython would forget: it is held back until then.
    """

    def __init__(self, last_act: Callable[[], object]) -> None:
        self._last_act = last_act
        self._open = False
        self._masks: dict[int, set[int]] = {}  # of threads that are forking
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._before_fork, after_in_child=self._after_in_child, after_in_parent=self._after_fork
            )

    def __enter__(self) -> None:
        self._open = True
        for number in _numbers():
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, self._handle)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._leave()

    def _before_fork(self) -> None:
        if self._open:
            self._masks[_thread.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, _numbers())

    def _after_in_child(self) -> None:
        self._leave()
        self._after_fork()

    def _after_fork(self) -> None:
        mask = self._masks.pop(_thread.get_ident(), None)
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _leave(self) -> None:
        self._open = False
        for number in _numbers():
            if signal.getsignal(number) == self._handle:
                signal.signal(number, signal.SIG_DFL)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._leave()
        signal.signal(number, signal.SIG_DFL)
        try:
            self._last_act()
        finally:
            os.kill(os.getpid(), number)


def _numbers() -> list[int]:
    return [getattr(signal, name) for name in _DEADLY if hasattr(signal, name)]
