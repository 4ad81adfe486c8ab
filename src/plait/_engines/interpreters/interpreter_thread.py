"""A subinterpreter and the thread of this process that it lives in, from its making to its end."""

from __future__ import annotations

import errno
import os
import threading
import time
import warnings
from typing import TYPE_CHECKING

from plait._core.daemons import daemons_allowed
from plait._core.search_path import search_path
from plait._core.worker_state import TEAR_DOWN_SECONDS
from plait._engines.board import CLAMPED, ENDING, FAST, FOR_GOOD, HALT, MODE, READING, RESTING, TRACKED, Board
from plait._engines.patience import GRACE, UNWIND
from plait._engines.socket_pair import Socket

if TYPE_CHECKING:
    from plait._engines.hosting import Segment
    from plait._engines.segments import Address

_WORKER = "plait._engines.interpreters.interpreter_worker"
_BOOT = f"import sys; sys.path[:] = {{path!r}}; from {_WORKER} import main; main({{arguments}})"
_SLACK = 0.08  # seconds that the halter may be late: it competes for the GIL with what it halts
_FAREWELL = 3.0  # seconds that an interpreter which is out of the function may take to end, on a busy machine
_TICK = 0.005
_IN_FUNCTION = (READING, TRACKED, FAST, CLAMPED)  # what the user's code may last in


class InterpreterThread:
    """What `links.Child` says, of an interpreter.

    Attributes:
        identity: its number among the interpreters of this process; -1 before it has one.
        refusal: why it could not be made, or an empty string.
        failed: whether the worker in it ended by an error of its own.
    """

    killable = False

    def __init__(self, token: int, ends: list[Socket], segments: list[Segment | None], environment: dict[str, str]):
        self.identity = -1
        self.refusal = ""
        self.failed = False
        self._ends = [Socket(fileno=end.detach()) for end in ends]
        self._descriptors: list[int] = []
        self._deadline: float | None = None
        self._given_up = False
        self._quiet = False
        assert segments[0] is not None
        self._board: Board | None = Board(segments[0].map())
        numbers = [end.fileno() for end in self._ends]
        addresses = [self._share(segment) for segment in segments]
        self._boot = _BOOT.format(path=search_path(), arguments=f"{numbers}, {addresses}, {environment}")
        self._thread = threading.Thread(target=self._live, name=f"plait-interpreter-{token}", daemon=daemons_allowed())

    def start(self) -> None:
        """Begin; making the interpreter takes its own thread some milliseconds.

        Raises:
            OSError: the system has no thread to give.
        """
        try:
            self._thread.start()
        except RuntimeError as error:
            self._clear()
            raise OSError(errno.EAGAIN, str(error)) from error

    # --- from any thread

    @property
    def ended(self) -> bool:
        """Whether it is gone, or has had its time to go."""
        if not self._given_up and self._deadline is not None:
            late = time.perf_counter() - self._deadline
            mode = self._mode()
            given = 0.0 if mode in _IN_FUNCTION else TEAR_DOWN_SECONDS if mode == ENDING else _FAREWELL
            self._given_up = late > given
        return self._given_up or not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        """Whether its thread has not ended."""
        return self._thread.is_alive()

    @property
    def left_behind(self) -> bool:
        return self._given_up and self._thread.is_alive()

    @property
    def fate(self) -> str:
        return "which could not be stopped and was left behind" if self.left_behind else "which was stopped"

    @property
    def halting(self) -> bool:
        """Whether it has been told to end and has not."""
        return self._deadline is not None and not self.ended

    def kill(self) -> None:
        """Have its halter end it: `patience` says in which steps."""
        if self._deadline is None:
            self._deadline = time.perf_counter() + GRACE + UNWIND + _SLACK
            try:
                self._ends[2].shutdown(2)
            except OSError:  # it has ended by itself
                return

    def wait(self) -> None:
        """Return when it has ended, or when it has had its time."""
        if self._deadline is not None:
            self._thread.join(max(0.0, self._deadline - time.perf_counter()))
            while not self.ended:
                self._thread.join(_TICK)
            if self.left_behind and self._mode() not in _IN_FUNCTION:
                warnings.warn(
                    f"plait: {self._thread.name} does not end, since threads that were started in it still run",
                    RuntimeWarning,
                    stacklevel=2,
                )

    def wait_for(self, seconds: float) -> None:
        """Return when it has ended, or after so many seconds."""
        if not self._given_up:
            self._thread.join(seconds)

    def keep_quiet(self) -> None:
        """The process ends: let no driver hear of this interpreter's end."""
        self._quiet = True

    def disown(self) -> None:
        """Nothing: a forked process has no interpreters."""

    def park(self) -> bool:
        """Have it run no more Python code, ever; False when it still may."""
        board = self._board
        if board is None or not self.alive or board.words[HALT] == RESTING:
            return True
        board.words[HALT] = FOR_GOOD
        return False

    def _mode(self) -> int | None:
        """What it is doing; None when it has ended."""
        board = self._board
        return None if board is None else board.words[MODE]

    # --- in its thread

    def _live(self) -> None:
        from concurrent import interpreters  # type: ignore[attr-defined]  # CPython 3.14 and later

        try:
            interpreter = interpreters.create()
            self.identity = interpreter.id
            try:
                interpreter.exec(self._boot)
            except interpreters.ExecutionFailed as error:
                if self._deadline is None:
                    self._fail(error)
            finally:
                interpreter.close()
        except Exception as error:  # the driver hears of it: whatever it is, there is nobody else to tell
            if self.identity < 0:
                self.refusal = f"{type(error).__name__}: {error}"
            else:
                self._fail(error)
        finally:
            self._clear()

    def _fail(self, error: Exception) -> None:
        self.failed = True
        said = getattr(error, "excinfo", None)  # what the exception was in there
        words = str(error) if said is None else f"{said.formatted}\n{said.errdisplay}"
        if self._board is not None:
            self._board.leave_words(words)

    def _clear(self) -> None:
        """Close what the worker used; only now the driver hears that it has ended."""
        if self._quiet:
            return
        self._board = None  # unmapped, although errors may hold on to this object for long
        for fd in self._descriptors:
            os.close(fd)
        for end in self._ends:
            end.close()

    def _share(self, segment: Segment | None) -> Address | None:
        """Where the worker finds the segment: under a descriptor that stays open as long as the worker."""
        if segment is None:
            return None
        place, size, on_disk = segment.address
        if isinstance(place, int):
            place = os.dup(place)
            self._descriptors.append(place)
        return place, size, on_disk
