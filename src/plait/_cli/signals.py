"""The first Ctrl-C, SIGTERM or SIGHUP stops the work in good order; a second one ends the program at once.

And the ends of children are heard, whatever those who have started the program make of their own.
"""

from __future__ import annotations

import os
import signal
import threading
from _collections_abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

from plait._core.interrupts import hold_back

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Stopped(KeyboardInterrupt):
    """A signal asks to stop; `status` is the exit status that says so, `running` what was being run at that moment."""

    def __init__(self, number: int, running: list[str]) -> None:
        super().__init__()
        self.status = 128 + number
        self.running = running


class StopSignals:
    """While it is open, a signal raises `Stopped` in the main thread, and a second one exits after `last_act`.

    `running` says what is being run; it is asked when the signal comes, before the work is stopped.
    """

    def __init__(self, last_act: Callable[[], object]) -> None:
        self._last_act = last_act
        self.running: Callable[[], list[str]] = list
        self._seen = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for name in _NAMES:
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # as `signal` gave it

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._seen += 1
        if self._seen == 1:
            stopped = Stopped(number, self.running())
            if hold_back(frame, stopped):
                return
            raise stopped
        try:
            self._last_act()
        finally:
            os._exit(128 + number)


@contextmanager
def ends_of_children_heard() -> Iterator[None]:
    """While it is open, the system keeps the exit statuses of children until they are asked for.

    Who has been started with SIGCHLD ignored is told nothing of them, and a command that fails would look like one that
    succeeds.
    """
    number = getattr(signal, "SIGCHLD", None)
    deaf = number is not None and signal.getsignal(number) == signal.SIG_IGN
    if number is None or not deaf or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(number, signal.SIG_IGN)
