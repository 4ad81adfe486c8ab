"""Signals under control: the main thread of an execution may install handlers, as it may where it is the real one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from plait._check.stage import STAGE

if TYPE_CHECKING:
    from plait._check.execution import Execution

_real_signal = signal.signal
_real_getsignal = signal.getsignal
_real_raise = signal.raise_signal
_real_wakeup = signal.set_wakeup_fd
_real_kill = os.kill


class Signals:
    """The handlers of the execution in progress: no real signal calls them, only what the program itself sends."""

    def __init__(self) -> None:
        self._execution: Execution | None = None
        self._handlers: dict[int, Any] = {}

    def stand_ins(self) -> Iterator[tuple[Any, Any]]:
        """Each original with what stands in for it."""
        yield _real_signal, self.signal
        yield _real_getsignal, self.getsignal
        yield _real_raise, self.raise_signal
        yield _real_wakeup, self.set_wakeup_fd
        yield _real_kill, self.kill

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
        """As `signal.raise_signal`; the handler is called where the signal is sent."""
        known = self._known()
        handler = known.get(number) if known is not None else None
        if callable(handler):
            handler(number, None)
        elif handler is not signal.SIG_IGN:
            _real_raise(number)

    def kill(self, pid: int, number: int, /) -> None:
        """As `os.kill`."""
        known = self._known()
        if pid == os.getpid() and known is not None and number in known:
            self.raise_signal(number)
        else:
            _real_kill(pid, number)

    def set_wakeup_fd(self, fd: int, /, **options: bool) -> int:
        """As `signal.set_wakeup_fd`."""
        return -1 if self._known() is not None and _in_main() else _real_wakeup(fd, **options)

    def _known(self) -> dict[int, Any] | None:
        """None when the caller is not under control."""
        execution = STAGE.execution
        if execution is None or STAGE.pid != os.getpid() or execution.here() is None:
            return None
        if self._execution is not execution:
            self._execution, self._handlers = execution, {}
        return self._handlers


def _in_main() -> bool:
    execution = STAGE.execution
    return execution is not None and execution.running.number == 0
