"""What a thread that is no worker has set up: user code outside of tasks, and threads that tasks start themselves."""

from __future__ import annotations

import os
import sys
from _thread import _local, get_ident

from plait._core.worker_state import WorkerState

_FIRST = 1000  # before what multiprocessing itself has to finalize


class _ThreadState(WorkerState):
    """Ends with its thread, which lets go of it then; that of the main thread ends with the program.

    In a forked child it belongs to the parent, so it is kept there, untouched, by the one that replaces it.
    """

    __slots__ = ("_inherited",)

    def __init__(self, inherited: WorkerState | None) -> None:
        import threading  # a worker process may never need it

        super().__init__(threading.current_thread().name, get_ident(), _nothing, _nothing)
        self._inherited = inherited
        if threading.current_thread() is threading.main_thread():
            import atexit

            atexit.register(self.finish)
            if (util := sys.modules.get("multiprocessing.util")) is not None:
                util.Finalize(None, self.finish, exitpriority=_FIRST)  # its children end without exit handlers

    def finish(self) -> None:
        """Tear down, in the process and thread that did the set-up."""
        if self.pid == os.getpid() and self.thread == get_ident():
            from plait._core.mishaps import Announced

            _ending[self.thread] = self  # a thread that ends has lost its locals, and what it tears down may use others
            try:
                with Announced() as announced:
                    self.end(announced.note)
            finally:
                del _ending[self.thread]

    def __del__(self) -> None:
        if not self.ended:  # else the interpreter may be at its end, with little left to call
            self.finish()
            _forget(self.thread)


def _forget(thread: int) -> None:
    """Whoever asked for the current thread while one that had ended tore down has made a stand-in, which would stay."""
    import threading

    with threading._active_limbo_lock:  # type: ignore[attr-defined]  # there is no other way
        if isinstance(threading._active.get(thread), threading._DummyThread):  # type: ignore[attr-defined]  # see above
            del threading._active[thread]  # type: ignore[attr-defined]  # see above


def _nothing(_: str = "") -> None:
    """Nobody has to know."""


class _Own(_local):
    state: _ThreadState | None = None


_own = _Own()
_ending: dict[int, _ThreadState] = {}  # by thread, while it tears down


def thread_state() -> WorkerState:
    """The state of the calling thread."""
    if _ending and (ending := _ending.get(get_ident())) is not None:
        return ending
    state = _own.state
    if state is None or state.pid != os.getpid():
        state = _own.state = _ThreadState(state)
    return state
