"""The driver's side of the zygote: starts it, asks it for workers, learns how they ended."""

from __future__ import annotations

import _socket
import array
import fcntl
import os
import sys
import threading
import time

from plait._core.frozen import STARTING
from plait._core.interrupts import finishes
from plait._core.onlooker import ONLOOKER
from plait._engines.allocator import limits
from plait._engines.board import SIZE
from plait._engines.boot_command import command
from plait._engines.hosting import Bell, Segment
from plait._engines.inherited import hold
from plait._engines.links import PipeLink
from plait._engines.remote_worker import RemoteWorker
from plait._engines.returns import CUT_OFF
from plait._engines.segments import FileSegment, memory_arena, memory_file
from plait._engines.zygote import ANSWER, FORKED, REQUEST


class Zygote:
    """One zygote process: the `hosting.Launcher` of Linux. Thread-safe: runs in several threads share it.

    Attributes:
        dead: whether it is gone; make a new one then. Its workers live on.
    """

    patience = None
    refusal = "the system refused to fork; see ulimit -u"

    def __init__(self, environment: dict[str, str]) -> None:
        here, there = _socketpair()
        try:
            self.pid = os.posix_spawn(
                sys.executable,
                command("plait._engines.zygote", there),
                {**limits(os.environ), **os.environ, **environment, STARTING: "1"},
                file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
                setsid=True,
                setsigmask=(),
            )
        except BaseException:
            os.close(here)
            raise
        finally:
            os.close(there)
        self._link = _socket.socket(fileno=here)
        self._lock = threading.Lock()
        self._buffer = b""
        self._pids: dict[int, int] = {}
        self._statuses: dict[int, int] = {}
        self._preloaded = False
        self.dead = False
        self.bells: set[Bell] = set()  # of the runs that want to know when a worker has ended
        hold(self)

    @finishes
    def launch(self, token: int, inputs: Segment | None) -> RemoteWorker:
        """A worker that is being forked; when the zygote is gone, its link ends at once."""
        made: list[int] = []
        try:
            for _ in range(3):
                made += os.pipe()
            commands_read, commands, results, results_write, lifeline_read, lifeline = made
            theirs = [commands_read, results_write, lifeline_read]
            board = memory_file("plait-board", SIZE)
            made.append(board.fd)
            segments, arena = [board.fd], None
            if isinstance(inputs, FileSegment):
                arena = memory_arena()
                made.append(arena.fd)
                segments += [arena.fd, inputs.fd]
            fds = array.array("i", theirs + segments)
            self._request(token, len(fds), [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, fds)])
            worker = RemoteWorker(token, "process", PipeLink(commands, results, lifeline), board, arena)
        except BaseException:
            for fd in made:
                os.close(fd)
            raise
        for fd in (*theirs, board.fd):
            os.close(fd)
        return worker

    def preload(self) -> None:
        """Have cloudpickle imported before the next fork, once for all workers."""
        if not self._preloaded:
            self._preloaded = True
            self._request(0, 0, [])

    def _request(self, token: int, descriptors: int, ancillary: list[tuple[int, int, array.array[int]]]) -> bool:
        with self._lock:
            try:
                self._link.settimeout(None)
                self._link.sendmsg([REQUEST.pack(token, descriptors)], ancillary)
            except OSError:
                self.dead = True
        return not self.dead

    def fileno(self) -> int:
        """To poll for news."""
        return self._link.fileno()

    def collect(self, wait: float = 0.0) -> None:
        """Read what the zygote has said; wait up to so many seconds for it to say something."""
        with self._lock:
            self._link.settimeout(wait)
            try:
                data = self._link.recv(4096)
            except (BlockingIOError, TimeoutError):
                return
            except OSError:
                data = b""
            if not data:
                self._is_gone()
                return
            data = self._buffer + data
            whole = len(data) - len(data) % ANSWER.size
            self._buffer = data[whole:]
            for kind, token, number in ANSWER.iter_unpack(data[:whole]):
                (self._pids if kind == FORKED else self._statuses)[token] = number
                if kind != FORKED:
                    self._ring()
                elif ONLOOKER.born is not None:
                    ONLOOKER.born()

    def _is_gone(self) -> None:
        self.dead = True
        self._ring()

    def _ring(self) -> None:
        """Whoever reads the news first takes them off the link: the other runs must be told."""
        for bell in list(self.bells):
            bell.ring()

    def has_ended(self, token: int) -> bool:
        """Whether the zygote has reported the worker's end."""
        return token in self._statuses

    def status_of(self, token: int, wait: float) -> int | None:
        """The wait status of a worker whose link has ended, or None when nobody knows it.

        One that lives on has closed its lifeline, too: it is killed here, or it would run for ever.
        """
        self._await_end(token, wait)
        pid, status = self._pids.pop(token, 0), self._statuses.pop(token, None)
        if status is None and pid and not self.dead:
            try:
                os.killpg(pid, 9)  # a child of the zygote that has not been reaped, so the number is still its own
            except OSError:
                return None
            self._await_end(token, wait)
            status = self._statuses.pop(token, None)
            return CUT_OFF if status == 9 else status
        return status

    def _await_end(self, token: int, wait: float) -> None:
        deadline = time.monotonic() + wait
        while token not in self._statuses and not self.dead and (left := deadline - time.monotonic()) > 0:
            self.collect(left)

    def close(self) -> None:
        """End the zygote, which waits for its last workers, and wait for it."""
        with self._lock:
            self.dead = True
            self._link.close()
        _wait_for(self.pid)

    def reap(self) -> None:
        """Wait for a dead zygote. Its link stays open while runs poll it, so that nobody else gets the descriptor."""
        _wait_for(self.pid)

    def __del__(self) -> None:
        if hasattr(self, "_link"):
            self._link.close()

    def forget(self) -> None:
        """Let go of the descriptor in a forked child: the zygote belongs to the parent."""
        self.dead = True
        self._lock = threading.Lock()
        self._link.close()


def _wait_for(pid: int, patience: float = 3.0) -> None:
    """Reap the zygote; kill it if it does not end by itself."""
    deadline = time.monotonic() + patience
    pause = 0.0002
    try:
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(pid, 9)
                os.waitpid(pid, 0)
                return
            time.sleep(pause)
            pause = min(pause * 2, 0.01)
    except ChildProcessError:
        return  # somebody else's wait() has reaped it


def _socketpair() -> tuple[int, int]:
    """Our end, and one to be inherited, which is none of 0, 1 and 2 even if those are closed here."""
    one, other = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    other.setblocking(True)  # whatever socket.setdefaulttimeout says
    there = fcntl.fcntl(other.fileno(), fcntl.F_DUPFD, 3)
    other.close()
    return one.detach(), there
