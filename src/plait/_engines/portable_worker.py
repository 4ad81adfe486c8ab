"""How a worker process begins on any system: told by its standard input what to use; it ends with its lifeline."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the C module: signal.py would import enum
import _socket
import _thread
import errno
import os
import sys
from _pickle import loads

from plait._core.frozen import STARTING
from plait._engines import board as boards
from plait._engines.board import Board
from plait._engines.ends import SocketEnds
from plait._engines.facts import private_bytes_anywhere
from plait._engines.segments import FileSegment, NamedSegment, open_segment
from plait._engines.worker import Worker


def main() -> None:
    """Serve until the driver says quit or is gone; without further segments there are no arenas."""
    assert sys.stdin is not None
    os.environ.pop(STARTING, None)
    order = sys.stdin.buffer.read()
    if not order:
        os._exit(0)  # the driver is gone already
    ends, segments = loads(order)
    commands, results, lifeline = map(_open, ends)
    board = open_segment(segments[0])
    _isolate(lifeline, board)
    own, inputs = (None if address is None else open_segment(address) for address in segments[1:])
    Worker(SocketEnds(commands, results), Board(board.map()), own, inputs, private_bytes_anywhere).serve()


def _open(end: int | bytes) -> _socket.socket:
    if isinstance(end, bytes):
        return _socket.socket(0, 0, 0, end)  # type: ignore[arg-type]  # what Windows shared with this process
    os.set_inheritable(end, False)
    return _socket.socket(fileno=end)


def _isolate(lifeline: _socket.socket, board: FileSegment | NamedSegment) -> None:
    """Deaf to Ctrl-C, ended by a thread as soon as the driver's end of the lifeline closes."""
    import faulthandler

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _thread.start_new_thread(_end_with_driver, (lifeline,))
    if isinstance(board, FileSegment):
        os.lseek(board.fd, boards.LAST_WORDS, os.SEEK_SET)
        faulthandler.enable(board.fd, all_threads=False)
    elif sys.stderr is not None:
        faulthandler.enable(all_threads=False)


def _end_with_driver(lifeline: _socket.socket) -> None:
    """Returns only when there is nothing to listen to; it cannot act while native code holds the GIL."""
    try:
        while lifeline.recv(1):
            continue
    except OSError as error:
        if error.errno in (errno.EBADF, errno.ENOTSOCK):
            return  # the function has closed it before this thread came to listen: the driver hears that, and says so
        # reset: the driver is gone as well
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, 9)  # with what the user's function has started
    os._exit(0)
