"""Stops what a worker in a subinterpreter runs, when its driver says so: from inside, since nobody else can.

A thread that waits for the end of the driver's orders. Then, unless the function has been told a while ago that it is
not wanted (``plait.current().cancelled``), it gets a moment; after that StopTask is raised in it at its next bytecode,
again and again until the worker leaves. At the very end of the process, when nothing may run Python code any more, a
function that still does is parked instead, and then the halter itself comes to rest: CPython takes apart what both run
on. While C code keeps the interpreter's GIL nothing of this happens: then the driver leaves the interpreter behind.
"""

from __future__ import annotations

import _socket
import _thread
import threading
import time
from _collections_abc import Callable

from plait._core.current import StopTask
from plait._engines.board import FOR_GOOD, HALT, MODE, PARKED, PATIENTLY, RESTING, STOP_AT
from plait._engines.injection import inject, prepare_injection, take_back
from plait._engines.patience import AGAIN, GRACE, UNWIND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_MOMENT = 0.005  # seconds in which most workers are gone, so that nothing needs to be prepared
_SELDOM = 1.0  # seconds between two attempts in the long run
_ATTENTIVE = 0.02  # seconds between two looks whether the process ends
_PARKING = 0.1  # seconds in which what runs Python code raises what was injected
_PARKING_LOOKS = 10  # and so many looks, between which it can get a core
_FOR_EVER = 1e6  # seconds


class Halter:
    """Watches over the thread that makes it; `may_interrupt` says whether StopTask may be raised there now."""

    def __init__(
        self, words: memoryview, orders: _socket.socket, commands: _socket.socket, may_interrupt: Callable[[], bool]
    ) -> None:
        self._words = words
        self._orders = orders
        self._commands = commands
        self._may_interrupt = may_interrupt
        self._worker = _thread.get_ident()
        self._door = threading.RLock()
        self._calm = False
        self._gone = threading.Event()
        self._pending = False
        self._thread = threading.Thread(target=self._watch, name="plait-halter", daemon=False)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def calm(self) -> None:
        """The worker is out of the function for good: take back what has not arrived; nothing arrives afterwards."""
        while True:
            try:
                with self._door:
                    self._calm = True
                    if self._pending:
                        take_back()
                        self._pending = False
                return
            except StopTask:
                try:
                    self._door.release()  # it may have arrived between taking the lock and entering the block
                except RuntimeError:
                    continue

    def end(self) -> None:
        """The worker leaves."""
        self.calm()
        self._gone.set()
        self._orders.shutdown(_socket.SHUT_RDWR)
        self._thread.join()

    def _watch(self) -> None:
        try:
            self._halt()
        except RuntimeError:  # PythonFinalizationError: the process has gone on before we came to rest
            _rest()

    def _halt(self) -> None:
        try:
            while self._orders.recv(1):
                continue
        except OSError:  # the driver is gone
            pass
        if self._gone.is_set():
            return
        self._words[STOP_AT] = 0
        self._commands.shutdown(_socket.SHUT_RD)  # an idle worker waits for commands
        began = time.perf_counter()
        if self._is_gone(_MOMENT):
            return
        prepare_injection()
        while self._words[HALT] == PATIENTLY and (left := began + GRACE - time.perf_counter()) > 0:
            if self._is_gone(min(left, _MOMENT)):
                return
        pause = AGAIN
        while True:
            self._interrupt()
            if self._is_gone(pause):
                return
            pause = min(2 * pause, _SELDOM) if time.perf_counter() > began + GRACE + UNWIND else AGAIN

    def _is_gone(self, seconds: float) -> bool:
        """Whether the worker leaves, which is waited for."""
        end = time.perf_counter() + seconds
        while not self._gone.wait(min(_ATTENTIVE, max(0.0, end - time.perf_counter()))):
            if self._words[HALT] == FOR_GOOD:
                self._park()
            if time.perf_counter() >= end:
                return False
        return True

    def _park(self) -> None:
        """Have the worker run no more Python code, unless it leaves; then never return."""
        inject(self._worker, _parking(self._words))
        end, looks = time.perf_counter() + _PARKING, 0
        while self._words[MODE] != PARKED and (time.perf_counter() < end or looks < _PARKING_LOOKS):
            if self._gone.wait(_MOMENT):
                return
            looks += 1
        self._words[HALT] = RESTING
        _rest()

    def _interrupt(self) -> None:
        with self._door:
            if not self._calm and self._may_interrupt():
                self._pending = inject(self._worker, StopTask)


def _parking(words: memoryview) -> type[BaseException]:
    """An exception that stops the thread which is to raise it: the instance is made there, and never is."""

    class Parked(BaseException):
        def __init__(self) -> None:
            words[MODE] = PARKED
            _rest()

    return Parked


def _rest() -> NoReturn:
    while True:
        time.sleep(_FOR_EVER)  # no lock: from CPython 3.15 on waiting for one raises an error at the very end
