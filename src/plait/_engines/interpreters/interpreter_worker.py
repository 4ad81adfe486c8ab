"""How a worker begins in a subinterpreter; all of this runs there, in the one thread that serves, but for the halter.

It ends when its driver says quit or closes the connection, or when the halter interrupts it; what ends it is an
exception, since there is no process to leave.
"""

from __future__ import annotations

import _socket
import mmap
import os
import sys
import threading

from plait._core.current import StopTask
from plait._engines.board import ENDING, HOLDS, IDLE, MODE, Board
from plait._engines.ends import SocketEnds
from plait._engines.interpreters.halter import Halter
from plait._engines.interpreters.refusals import annotate
from plait._engines.packing import Packer
from plait._engines.segments import FileSegment, open_segment
from plait._engines.worker import Worker

TYPE_CHECKING = False
if TYPE_CHECKING:  # names for type checkers only: start-up time counts
    from _collections_abc import Callable
    from typing import NoReturn

    from plait._engines.ends import Ends
    from plait._engines.hosting import Segment
    from plait._engines.segments import Address


def main(ends: list[int], segments: list[Address | None], environment: dict[str, str]) -> None:
    """Serve until there is nobody to serve. The descriptors belong to the caller, who closes them afterwards."""
    _extend(environment)
    _let_be_lost(StopTask)
    sockets = [_socket.socket(fileno=fd) for fd in ends]
    for each in sockets:
        each.setblocking(True)  # whatever socket.setdefaulttimeout says: the process has one value for all interpreters
    commands, results, orders = sockets
    page, own, inputs = (None if address is None else _open(address) for address in segments)
    assert page is not None
    board = Board(page.map())
    worker = InterpreterWorker(SocketEnds(commands, results), board, own, inputs, orders, commands)
    left = False
    try:
        worker.halter.start()
        try:
            worker.serve()
        except StopTask:
            _insist(worker.part)
    except Left:
        left = True
    finally:
        _insist(worker.halter.end)
        worker.join_threads()
        if sys.__stdin__ is not None:
            sys.__stdin__.close()  # the empty one; nobody else would before the interpreter warns of it
        if left:  # out of the function; otherwise an error of our own, and the item is lost
            board.words[MODE] = IDLE
        board.close()
        for each in sockets:
            each.detach()


def _let_be_lost(kind: type[BaseException]) -> None:
    """Have nobody told of one that came where nothing can be raised, as in a destructor: it will be raised again."""
    tell = sys.unraisablehook
    sys.unraisablehook = lambda lost: None if lost.exc_type is kind else tell(lost)


class BorrowedSegment(FileSegment):
    """Memory behind a descriptor that is open as long as the worker."""

    def map(self) -> mmap.mmap:
        """The bytes, without a descriptor of their own, which would be lost if the interpreter ended with it."""
        return mmap.mmap(self.fd, self.size, trackfd=False)  # type: ignore[call-arg]  # since CPython 3.13


def _open(address: Address) -> Segment:
    place, size, on_disk = address
    return BorrowedSegment(place, size, on_disk=on_disk) if isinstance(place, int) else open_segment(address)


class Left(BaseException):
    """The worker is to end."""


class AnnotatingPacker(Packer):
    """Its failures say what is known of modules that do not load in subinterpreters."""

    def failure(self, error: BaseException) -> bytes:
        annotate(error)
        return super().failure(error)


class InterpreterWorker(Worker):
    """One worker in an interpreter of its own, in a thread of somebody else's process."""

    owns_process = False
    packer_type = AnnotatingPacker

    def __init__(
        self,
        ends: Ends,
        board: Board,
        own: Segment | None,
        inputs: Segment | None,
        orders: _socket.socket,
        commands: _socket.socket,
    ) -> None:
        self._threads: list[threading.Thread] = []
        super().__init__(ends, board, own, inputs, lambda _: 0)
        self.halter = Halter(board.words, orders, commands, lambda: self.may_be_interrupted)

    def start_thread(self, function, arguments) -> None:  # type: ignore[no-untyped-def, override]  # as _thread has it
        """A thread that `join_threads` waits for: an interpreter must not end before its threads."""
        thread = threading.Thread(target=function, args=arguments, name="plait-guard", daemon=False)
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def join_threads(self) -> None:
        """End the threads of our own."""
        self._guard.end()
        for thread in self._threads:
            thread.join()

    def set_up(self, setting: dict[str, object]) -> None:
        """All but the working folder, of which the process has only one."""
        super().set_up({key: value for key, value in setting.items() if key != "folder"})

    @property
    def may_be_interrupted(self) -> bool:
        return not self._sending.locked()  # half a frame must not be left behind

    def part(self) -> None:
        self.halter.calm()
        super().part()

    def leave(self) -> None:
        if self._words[HOLDS] and self._words[MODE] != ENDING:
            self.part()
        super().leave()

    def end(self) -> NoReturn:
        raise Left


def _insist(call: Callable[[], None]) -> None:
    """Call until no StopTask that was on its way gets between."""
    while True:
        try:
            call()
        except StopTask:
            continue
        return


def _extend(environment: dict[str, str]) -> None:
    """Add to this interpreter's ``os.environ`` alone: setting a variable there would set it for the whole process."""
    data = os.environ._data  # type: ignore[attr-defined]  # the one way around putenv
    for name, value in environment.items():
        data[os.environ.encodekey(name)] = os.environ.encodevalue(value)
