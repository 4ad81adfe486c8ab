"""Stops what a worker in a subinterpreter runs, when its driver says so: from inside, since nobody else can.

A thread that waits for the end of the driver's orders. Then the function is told (``plait.current().cancelled``); after
a moment StopTask is raised in it at its next bytecode, again and again until the worker has left. At the very end of
the process, when nothing may run Python code any more, a function that still does is parked instead. While C code keeps
the interpreter's GIL nothing of this happens: then the driver leaves the interpreter behind.
"""

from __future__ import annotations

import _socket
import _thread
import threading
import time

from plait._core.current import StopTask
from plait._engines.board import HALT, LEAVE, MODE, PARK, PARKED
from plait._engines.injection import inject, prepare_injection
from plait._engines.patience import AGAIN, GRACE, UNWIND

_MOMENT = 0.005  # seconds in which most workers are gone, so that nothing needs to be prepared
_SELDOM = 1.0  # seconds between two attempts in the long run


class Halter:
    """Watches over the thread that makes it."""

    def __init__(self, words: memoryview, orders: _socket.socket, commands: _socket.socket) -> None:
        self._words = words
        self._orders = orders
        self._commands = commands
        self._worker = _thread.get_ident()
        self._door = threading.RLock()
        self._gone = threading.Event()
        self._pending = False
        self._thread = threading.Thread(target=self._watch, name="plait-halter", daemon=False)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def end(self) -> None:
        """The worker leaves: take back what has not arrived; nothing arrives afterwards."""
        while True:
            try:
                with self._door:
                    self._gone.set()
                    if self._pending:
                        inject(self._worker, None)
                        self._pending = False
                break
            except StopTask:
                try:
                    self._door.release()  # it may have arrived between taking the lock and entering the block
                except RuntimeError:
                    continue
        self._orders.shutdown(_socket.SHUT_RDWR)
        self._thread.join()

    def _watch(self) -> None:
        try:
            while self._orders.recv(1):
                continue
        except OSError:  # the driver is gone
            pass
        if self._gone.is_set():
            return
        self._words[HALT] = max(LEAVE, self._words[HALT])
        self._commands.shutdown(_socket.SHUT_RD)  # an idle worker waits for commands
        interrupted = time.perf_counter() + (GRACE if self._words[HALT] == LEAVE else 0.0)
        if self._gone.wait(_MOMENT):
            return
        prepare_injection()
        if self._gone.wait(max(0.0, interrupted - time.perf_counter())):
            return
        pause = AGAIN
        while True:
            self._interrupt()
            if self._gone.wait(pause):
                return
            pause = min(2 * pause, _SELDOM) if time.perf_counter() > interrupted + UNWIND else AGAIN

    def _interrupt(self) -> None:
        with self._door:
            if not self._gone.is_set():
                kind = self._parking() if self._words[HALT] == PARK else StopTask
                self._pending = inject(self._worker, kind)

    def _parking(self) -> type[BaseException]:
        """An exception that stops the thread which is to raise it: the instance is made there, and never is."""
        words = self._words

        class Parked(BaseException):
            def __init__(self) -> None:
                words[MODE] = PARKED
                lock = _thread.allocate_lock()
                lock.acquire()
                while True:
                    lock.acquire()

        return Parked
