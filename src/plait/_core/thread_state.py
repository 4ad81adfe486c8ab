"""What a thread that is no worker has set up: user code outside of tasks, and threads that tasks start themselves."""

from __future__ import annotations

import os
from _thread import _local, get_ident

from plait._core.worker_state import WorkerState


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

    def finish(self) -> None:
        """Tear down, in the process and thread that did the set-up."""
        if self.pid == os.getpid() and self.thread == get_ident():
            from plait._core.mishaps import Announced

            with Announced() as announced:
                self.end(announced.note)

    def __del__(self) -> None:
        if not self.ended:  # else the interpreter may be at its end, with little left to call
            self.finish()


def _nothing(_: str = "") -> None:
    """Nobody has to know."""


class _Own(_local):
    state: _ThreadState | None = None


_own = _Own()


def thread_state() -> WorkerState:
    """The state of the calling thread."""
    state = _own.state
    if state is None or state.pid != os.getpid():
        state = _own.state = _ThreadState(state)
    return state
