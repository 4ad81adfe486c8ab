"""What a thread that is no worker has set up: user code outside of tasks, and threads that tasks start themselves."""

from __future__ import annotations

import os
from _thread import _local, get_ident

from plait._core.importable import imported
from plait._core.worker_state import WorkerState

TYPE_CHECKING = False
if TYPE_CHECKING:  # a worker process may never need it
    import threading

_FIRST = 1000  # before what multiprocessing itself has to finalize


class _ThreadState(WorkerState):
    """Ends with its thread, which lets go of it then; that of the main thread ends with the program.

    In a forked child it belongs to the parent, so it is kept there, untouched, by the one that replaces it.
    """

    __slots__ = ("_inherited", "_of")

    def __init__(self, inherited: WorkerState | None) -> None:
        import threading  # a worker process may never need it

        super().__init__(threading.current_thread().name, get_ident(), _nothing, _nothing)
        self._inherited = inherited
        self._of = threading.current_thread()
        if threading.current_thread() is threading.main_thread():
            import atexit

            atexit.register(self.finish)
            if (util := imported("multiprocessing.util")) is not None:
                util.Finalize(None, self.finish, exitpriority=_FIRST)  # its children end without exit handlers

    def finish(self) -> None:
        """Tear down, in the process and thread that did the set-up."""
        if self._is_own:
            from plait._core.mishaps import Announced

            _ending[self.thread] = self  # a thread that ends has lost its locals, and what it tears down may use others
            try:
                with Announced() as announced:
                    self.end(announced.note)
            finally:
                del _ending[self.thread]

    @property
    def _is_own(self) -> bool:
        return self.pid == os.getpid() and self.thread == get_ident()

    def __del__(self) -> None:
        if not self.ended and self._is_own:  # else the interpreter may be at its end, with little left to call
            had_ended = _remember(self._of)
            try:
                self.finish()
            finally:
                if had_ended:
                    _forget()


def _remember(thread: threading.Thread) -> bool:
    """Have `threading` know the calling thread once more, if it counts as ended; whether that was so.

    Else it would make a stand-in for whoever asks for the current thread, as logging does, which would stay for good.
    """
    import threading

    me = get_ident()
    with threading._active_limbo_lock:  # type: ignore[attr-defined]  # there is no other way
        if me in threading._active:  # type: ignore[attr-defined]  # see above
            return False
        threading._active[me] = thread  # type: ignore[attr-defined]  # see above
        return True


def _forget() -> None:
    import threading

    with threading._active_limbo_lock:  # type: ignore[attr-defined]  # see `_remember`
        del threading._active[get_ident()]  # type: ignore[attr-defined]  # see `_remember`


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
