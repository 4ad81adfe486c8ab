"""The driver's handle of one remote worker: its link, its board, its flights, and the arena slots it holds."""

from __future__ import annotations

import os
import signal
import time
from _collections_abc import Iterator
from collections import deque

from plait._core.interrupts import finishes
from plait._engines import wire
from plait._engines.arena import Window
from plait._engines.board import AT_ONCE, HALT, NEVER, STOP_AT, Board
from plait._engines.ends import ClosedEnds, Ends
from plait._engines.flight import Flight
from plait._engines.hosting import Link, Segment
from plait._engines.inherited import hold
from plait._engines.wire import HEAD

Frame = tuple[int, int, int, int, memoryview]

_READ = 1 << 18


class RemoteWorker:
    """One worker. Owned by one run at a time, or by the engine while it is idle.

    The segments are its board, and its memory for large results if it has any.

    Attributes:
        token: its number.
        functions: the numbers of those that it has.
        outdated: of those, what no run needs any more; whoever has the worker has it `let_go`.
        name: what it is, and its number.
        pid: its process; 0 until it has said hello, and for good when it has no process of its own.
        started: when it was asked for, by time.monotonic.
        present: whether it has said hello.
        doomed: why it is being ended, or an empty string.
        doomed_at: the sequence number of the item that is to blame.
        doomed_in: what it was setting up then, in words; an interpreter may end by leaving that first.
    """

    def __init__(self, token: int, kind: str, link: Link, board: Segment, arena: Segment | None) -> None:
        self.token = token
        self.name = f"{kind}-{token}"
        self.pid = 0
        self.started = time.monotonic()
        self.present = False
        self.commands = link.commands
        self.results = link.results
        self._link = link
        self._connect(link.ends)
        self._arena = arena
        self.board = Board(board.map())
        self.board.clear()
        self._window: Window | None = None
        self.flights: deque[Flight] = deque()
        self.functions: set[int] = set()
        self.outdated: deque[int] = deque()
        self.freed: list[int] = []
        self.slots: list[int] = []
        self.outbox: deque[memoryview] = deque()
        self._inbox = b""
        self._big: tuple[bytearray, int] | None = None
        self.sequence = 1
        self.key = 0
        self.setting = b""
        self.revoked = False
        self.leaving = False
        self.doomed = ""
        self.doomed_at = 0
        self.doomed_in = ""
        self.running_seen = (0, 0)
        hold(self)

    @property
    def label(self) -> str:
        """Name and pid, for people."""
        return f"{self.name} (pid {self.pid})" if self.pid else self.name

    @property
    def dead(self) -> bool:
        """Whether it has been closed."""
        return self.commands < 0

    @property
    def alive(self) -> bool:
        """Whether its end of the link is still open."""
        return not self.dead and self._link.is_open()

    def can_take(self, depth: int, *, at_once: bool) -> bool:
        """Whether it may hold one more batch, of at most `depth`; with `at_once`, only if it can begin it now."""
        return len(self.flights) < depth and not (
            self.revoked or self.leaving or self.doomed or (at_once and not self.present)
        )

    # --- sending

    def send(self, frame: bytes) -> bool:
        """Send a frame, or as much as the pipe takes now; True when something is left for `flush`."""
        if not self.outbox:
            try:
                sent = self._write(frame)
            except BlockingIOError:
                sent = 0
            except OSError:  # it has died: the end of its results says so
                return False
            if sent == len(frame):
                return False
            self.outbox.append(memoryview(frame)[sent:])
        else:
            self.outbox.append(memoryview(frame))
        return True

    def flush(self) -> bool:
        """Send what is left; True when something still is."""
        while self.outbox:
            try:
                sent = self._write(self.outbox[0])
            except BlockingIOError:
                return True
            except OSError:
                self.outbox.clear()
                return False
            if sent < len(self.outbox[0]):
                self.outbox[0] = self.outbox[0][sent:]
                return True
            self.outbox.popleft()
        return False

    def let_go(self) -> None:
        """Have it forget the functions that are outdated."""
        while self.outdated:
            function = self.outdated.popleft()
            if function in self.functions and not self.dead:
                self.functions.discard(function)
                self.send(wire.pack(wire.FORGET, function, b""))

    # --- receiving

    def receive(self) -> Iterator[Frame | None]:
        """The frames that have arrived, each of them once; None at the end of the pipe, when the worker is gone."""
        if self._inbox:
            yield from self._unpack(self._inbox)  # what a call has left that was interrupted
        if self._big is not None:
            yield from self._receive_big()
            return
        try:
            chunk = self._read(_READ)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            yield None
            return
        yield from self._unpack(self._inbox + chunk if self._inbox else chunk)

    def _unpack(self, data: bytes) -> Iterator[Frame]:
        view = memoryview(data)
        position, size = 0, len(data)
        try:
            while size - position >= HEAD.size:
                operation, flags, function, key, length = HEAD.unpack_from(data, position)
                start, end = position + HEAD.size, position + HEAD.size + length
                if end > size:
                    if length > _READ:
                        self._begin_big(view[position:], HEAD.size + length)
                    break
                position = end
                yield operation, flags, function, key, view[start:end]
        finally:  # also when Ctrl-C comes while somebody treats a frame: the others are for the next call
            if self._big is None:
                self._inbox = bytes(view[position:])

    def _begin_big(self, start: memoryview, length: int) -> None:
        whole = bytearray(length)
        whole[: len(start)] = start
        self._big = (whole, len(start))
        self._inbox = b""

    def _receive_big(self) -> Iterator[Frame | None]:
        assert self._big is not None
        whole, filled = self._big
        try:
            got = self._readv([memoryview(whole)[filled:]])
        except BlockingIOError:
            return
        except OSError:
            got = 0
        if not got:
            yield None
            return
        filled += got
        self._big = (whole, filled)
        if filled == len(whole):
            self._big = None
            operation, flags, function, key, _ = HEAD.unpack_from(whole)
            yield operation, flags, function, key, memoryview(whole)[HEAD.size :]

    # --- memory

    def window(self) -> Window:
        """The worker's arena as seen from here; results stand in it."""
        if self._window is None:
            assert self._arena is not None
            self._window = Window(self._arena, self.freed.append, writable=True)
        return self._window

    # --- the end

    def quit(self) -> bool:
        """Ask it to end once it has nothing to do; True when something is left for `flush`."""
        return self.send(wire.pack(wire.QUIT, 0, b""))

    @property
    def killable(self) -> bool:
        """Whether `kill` ends it at once, whatever it does."""
        return self._link.killable

    @property
    def fate(self) -> str:
        """What became of it when it was ended, in words."""
        return self._link.fate

    @property
    def left_behind(self) -> bool:
        """Whether it could not be ended and still runs."""
        return self._link.left_behind

    def ask(self) -> None:
        """Have it begin nothing more, and its function be told that it is not wanted."""
        self.board.words[STOP_AT] = 0

    def relent(self) -> None:
        """It may begin what it is given from now on."""
        self.board.words[STOP_AT] = NEVER
        self.revoked = False

    def doom(self, why: str, sequence: int) -> None:
        """End it because of one of its items."""
        self.doomed, self.doomed_at, self.doomed_in = why, sequence, self.board.set_up()
        self.ask()
        self.kill()

    def interrupt(self) -> None:
        """Raise StopTask in the function it runs, if it holds something to tear down; not on Windows."""
        if not self.killable:
            self.board.words[HALT] = AT_ONCE
            self.kill()
        elif self.pid and os.name == "posix" and self.alive:
            try:
                os.kill(self.pid, signal.SIGINT)
            except ProcessLookupError:  # just now
                return

    def kill(self) -> None:
        """End it now, with the process group that it leads; an interpreter in steps, which may be of no use."""
        self._link.kill()

    def forget(self) -> None:
        """Close the descriptors in a forked child, which the worker does not belong to."""
        self._part(kill=False)

    def __del__(self) -> None:
        if hasattr(self, "running_seen"):  # or its descriptors still belong to whoever opened them
            self.close()

    @finishes
    def close(self) -> None:
        """End it if it lives, and close everything of it; results that lie in its arena stay."""
        if self.dead:
            return
        self._part(kill=True)
        if self._window is not None:
            self._window.abandon()
        del self.board  # unmapped with the last view of it

    def _connect(self, ends: Ends) -> None:
        self._read, self._readv, self._write = ends.read, ends.readv, ends.write

    def _part(self, *, kill: bool) -> None:
        if self.dead:
            return
        self.commands = self.results = -1
        self._connect(ClosedEnds())
        self._link.close(kill=kill)
        if self._arena is not None:
            self._arena.close()
