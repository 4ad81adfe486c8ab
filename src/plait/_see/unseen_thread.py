"""UnseenThread: calls a function at intervals, in a thread that the program neither counts nor can join.

`threading` does not know it: no `Thread` is made for it, and it may call nothing that asks for the current one.
"""

from __future__ import annotations

import _thread
import functools
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from plait._core.forks import forks
from plait._see.replaced import Replaced

_JOINABLE: Any = getattr(_thread, "start_joinable_thread", None)  # from Python 3.13 on
_LOOKS = 1000  # for a thread that has ended


class UnseenThread:
    """Calls `look` every so many seconds between `start` and `stop`; both may be called by any thread, and again."""

    def __init__(self, look: Callable[[], object], seconds: float) -> None:
        self._look = look
        self._seconds = seconds
        self._pid = os.getpid()
        self._guard = _thread.RLock()  # a signal's handler may stop what is just started
        self._running: tuple[_thread.LockType, Callable[[], object]] | None = None  # a lock to release, and to join

    def start(self) -> None:
        """Begin, unless it runs; nothing happens in a forked child, or when there can be no more threads."""
        if os.getpid() != self._pid:
            return
        with self._guard, suppress(RuntimeError):
            if self._running is None:
                runs = _thread.allocate_lock()
                runs.acquire()
                self._running = runs, self._launch(runs)

    def stop(self) -> bool:
        """End, and return when it has, whether it ran; a forked child has none that could be ended."""
        if os.getpid() != self._pid:
            return False
        with self._guard:
            running, self._running = self._running, None
            if running is not None:
                runs, join = running
                runs.release()
                join()
            return running is not None

    def _launch(self, runs: _thread.LockType) -> Callable[[], object]:
        """Start the thread; what waits for its end."""

        def run() -> None:
            if hasattr(signal, "pthread_sigmask"):  # the program's signals are for its own threads, that may block them
                signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            while not runs.acquire(timeout=self._seconds):
                self._look()

        if _JOINABLE is not None:
            join: Callable[[], object] = _JOINABLE(run, daemon=True).join
            return join
        return _started(run)


class UnseenAtForks:
    """While it is installed none of the threads is there at a fork: Python 3.12 and later warn of other threads."""

    def __init__(self, *threads: UnseenThread) -> None:
        self._threads = threads
        self._replaced = Replaced()

    def install(self) -> None:
        """Begin."""
        for owner, name, fork in forks():
            self._replaced.put(owner, name, self._alone(fork))

    def remove(self) -> None:
        """End."""
        self._replaced.put_back()

    def _alone(self, fork: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(fork)
        def alone(*args: Any) -> Any:
            stopped = [thread for thread in self._threads if thread.stop()]
            try:
                return fork(*args)
            finally:
                for thread in stopped:
                    thread.start()  # in a child nothing happens

        return alone


def _started(run: Callable[[], object]) -> Callable[[], object]:
    """Start a thread where none can be joined; what waits until it has gone, for the system's eyes, too."""
    ended = _thread.allocate_lock()
    ended.acquire()
    folders: list[str] = []

    def noted() -> None:
        folders.append(f"/proc/self/task/{_thread.get_native_id()}")
        try:
            run()
        finally:
            ended.release()

    def join() -> None:
        ended.acquire()
        for _ in range(_LOOKS):
            if not os.path.exists(folders[0]):
                break
            time.sleep(0)  # it has nothing left to do, and tells nobody that it has gone

    _thread.start_new_thread(noted, ())
    return join
