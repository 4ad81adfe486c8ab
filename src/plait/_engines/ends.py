"""The two ends of a connection that one side of a worker holds: calls that read and write, made once, in C."""

from __future__ import annotations

import _socket
import os
from _functools import partial  # type: ignore[import-not-found]  # functools would bring collections along

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module: names for type checkers only
    from _collections_abc import Callable
    from typing import NoReturn


class Ends:
    """What arrives is read with `read` and `readv`, what goes out is written with `write`; all raise OSError."""

    __slots__ = ("read", "readv", "write")

    read: Callable[[int], bytes]
    readv: Callable[[list[memoryview]], int]
    write: Callable[[bytes | memoryview], int]


class PipeEnds(Ends):
    """The descriptors of two pipes."""

    __slots__ = ()

    def __init__(self, source: int, target: int) -> None:
        self.read = partial(os.read, source)
        self.readv = partial(os.readv, source)
        self.write = partial(os.write, target)


class SocketEnds(Ends):
    """Two stream sockets: Windows can wait for nothing else."""

    __slots__ = ()

    def __init__(self, source: _socket.socket, target: _socket.socket) -> None:
        self.read = source.recv
        self.readv = lambda views: source.recv_into(views[0])
        self.write = target.send


class ClosedEnds(Ends):
    """What is left after the end: every call fails; the numbers of the descriptors may be somebody else's now."""

    __slots__ = ()

    def __init__(self) -> None:
        self.read = self.readv = self.write = _closed


def _closed(_: object) -> NoReturn:
    raise OSError("the connection with this worker is closed")
