"""Signals under control: the main thread of an execution may install handlers, as it may where it is the real one."""

from __future__ import annotations

import _thread
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

from plait._check.diagnosis import give_up
from plait._check.signals import arrive, deliver
from plait._check.stage import STAGE

if TYPE_CHECKING:
    from plait._check.execution import Execution

_real_signal = signal.signal
_real_getsignal = signal.getsignal
_real_raise = signal.raise_signal
_real_wakeup = signal.set_wakeup_fd
_real_kill = os.kill
_real_write = os.write
_real_interrupt = _thread.interrupt_main
_real_thread_kill = getattr(signal, "pthread_kill", None)  # not on Windows
_real_alarm = getattr(signal, "alarm", None)
_real_timer = getattr(signal, "setitimer", None)
_CLOCKED = (
    "it has the system's clock send it a signal ({}), which is outside our control and would end the process, since "
    "handlers are called for what the program itself sends"
)
_get_ident = _thread.get_ident
_INTERRUPT = signal.SIGINT


class Signals:
    """The handlers of the execution in progress: no real signal calls them, only what the program itself sends."""

    def __init__(self) -> None:
        self._execution: Execution | None = None
        self._handlers: dict[int, Any] = {}
        self._bell = -1

    def stand_ins(self) -> Iterator[tuple[Any, Any]]:
        """Each original with what stands in for it."""
        yield _real_signal, self.signal
        yield _real_getsignal, self.getsignal
        yield _real_raise, self.raise_signal
        yield _real_wakeup, self.set_wakeup_fd
        yield _real_kill, self.kill
        yield _real_interrupt, self.interrupt_main
        if _real_thread_kill is not None:
            yield _real_thread_kill, self.pthread_kill
        if _real_alarm is not None and _real_timer is not None:
            yield _real_alarm, self.alarm
            yield _real_timer, self.setitimer

    def signal(self, number: int, handler: Any, /) -> Any:
        """As `signal.signal`."""
        known = self._known()
        if known is None or not _in_main():
            return _real_signal(number, handler)
        if not callable(handler) and handler not in (signal.SIG_IGN, signal.SIG_DFL):
            raise TypeError("signal handler must be signal.SIG_IGN, signal.SIG_DFL, or a callable object")
        before = self.getsignal(number)
        known[number] = handler
        return before

    def getsignal(self, number: int, /) -> Any:
        """As `signal.getsignal`."""
        known = self._known()
        return known[number] if known is not None and number in known else _real_getsignal(number)

    def raise_signal(self, number: int, /) -> None:
        """As `signal.raise_signal`: the main thread calls the handler, at once if it is the one that sends."""
        if not self._takes(number):
            _real_raise(number)

    def kill(self, pid: int, number: int, /) -> None:
        """As `os.kill`."""
        if pid != os.getpid() or not self._takes(number):
            _real_kill(pid, number)

    def pthread_kill(self, ident: int, number: int, /) -> None:
        """As `signal.pthread_kill`: it is the main thread that calls the handler all the same."""
        if _real_thread_kill is not None and not self._takes(number):
            _real_thread_kill(ident, number)

    def alarm(self, seconds: int, /) -> int:
        """As `signal.alarm`: nothing can be said of the program then."""
        self._refuse("signal.alarm", seconds)
        before: int = 0 if self._known() is not None else _real_alarm(seconds)  # type: ignore[misc]  # it is there
        return before

    def setitimer(self, which: int, seconds: float, interval: float = 0.0, /) -> tuple[float, float]:
        """As `signal.setitimer`: nothing can be said of the program then."""
        self._refuse("signal.setitimer", seconds)
        known = self._known()
        none = 0.0, 0.0
        return none if known is not None else _real_timer(which, seconds, interval)  # type: ignore[misc]  # it is there

    def _refuse(self, name: str, seconds: float) -> None:
        if seconds and self._known() is not None and STAGE.execution is not None:
            give_up(STAGE.execution, _CLOCKED.format(name))

    def interrupt_main(self, number: int = _INTERRUPT, /) -> None:
        """As `_thread.interrupt_main`: nothing happens where there is no handler."""
        if self._known() is None:
            _real_interrupt(signal.Signals(number))
        elif callable(self._handler(number)):
            self._takes(number)

    def _takes(self, number: int) -> bool:
        """Whether the program has said what is to happen; then the main thread will do it."""
        execution = STAGE.execution
        if self._known() is None or execution is None or self._handler(number) == signal.SIG_DFL:
            return False
        if callable(self._handler(number)):
            if self._bell >= 0:
                with suppress(OSError):
                    _real_write(self._bell, bytes([number]))
            arrive(execution, number, partial(self._handle, number))
            deliver(execution, execution.running)
        return True

    def _handle(self, number: int) -> None:
        handler = self._handler(number)
        if callable(handler):
            handler(number, _interrupted())

    def _handler(self, number: int) -> Any:
        """What the program has installed; for Ctrl-C there is something from the beginning."""
        return self._handlers.get(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    def set_wakeup_fd(self, fd: int, /, **options: bool) -> int:
        """As `signal.set_wakeup_fd`."""
        if self._known() is None or not _in_main():
            return _real_wakeup(fd, **options)
        before, self._bell = self._bell, fd
        return before

    def _known(self) -> dict[int, Any] | None:
        """None when the caller is not under control."""
        execution = STAGE.execution
        if execution is None or STAGE.pid != os.getpid() or execution.here() is None:
            return None
        if self._execution is not execution:
            self._execution, self._handlers, self._bell = execution, {}, -1
        return self._handlers


def _in_main() -> bool:
    execution = STAGE.execution
    return execution is not None and _get_ident() == execution.threads[0].ident


def _interrupted() -> FrameType | None:
    """The frame of the program's in which the main thread is."""
    execution = STAGE.execution
    frame: FrameType | None = sys._getframe()
    while frame is not None and execution is not None and frame.f_code.co_filename not in execution.sites.files:
        frame = frame.f_back
    return frame
