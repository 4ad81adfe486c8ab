"""The driver's connection with one worker: pipes and a lifeline of the kernel, or sockets and a process to kill."""

from __future__ import annotations

import _socket
import os
from typing import Protocol

from plait._engines.ends import PipeEnds, SocketEnds
from plait._engines.polling import poller


class PipeLink:
    """Two pipes, and a third whose worker is killed by the kernel, with its process group, when this end closes."""

    def __init__(self, commands: int, results: int, lifeline: int) -> None:
        self.commands = commands
        self.results = results
        self._lifeline = lifeline
        self.ends = PipeEnds(results, commands)
        os.set_blocking(commands, False)
        os.set_blocking(results, False)

    killable = True
    fate = "which was killed"
    left_behind = False

    def is_open(self) -> bool:
        poll = poller()
        poll.register(self.results, 0)
        return not poll.poll(0)

    def kill(self) -> None:
        lifeline, self._lifeline = self._lifeline, -1  # before it is closed: Ctrl-C comes after the call
        if lifeline >= 0:
            os.close(lifeline)

    def close(self, *, kill: bool) -> None:
        self.kill()  # in a forked child too: the kernel counts both ends, so the worker dies with the parent's alone
        os.close(self.commands)
        os.close(self.results)


class Child(Protocol):
    """A process, or an interpreter in a thread, that this process has started.

    Attributes:
        killable: whether `kill` ends it at once, whatever it does.
        fate: what became of it when it was killed, in words.
        left_behind: whether it could not be ended and still runs.
    """

    @property
    def killable(self) -> bool: ...

    @property
    def fate(self) -> str: ...

    @property
    def left_behind(self) -> bool: ...

    def kill(self) -> None:
        """End it now, or begin to."""
        ...

    def wait(self) -> None:
        """Return when it is gone, or when there is no sense in waiting longer."""
        ...

    def disown(self) -> None:
        """In a forked process, to which it is no child."""
        ...


class SocketLink:
    """Two sockets, a third at whose end the worker ends itself, and what can end the worker from outside."""

    def __init__(
        self,
        commands: _socket.socket,
        results: _socket.socket,
        lifeline: _socket.socket,
        child: Child,
    ) -> None:
        self.commands = commands.fileno()
        self.results = results.fileno()
        self._sockets = (commands, results, lifeline)
        self._child = child
        self.ends = SocketEnds(results, commands)
        commands.setblocking(False)
        results.setblocking(False)

    def is_open(self) -> bool:
        try:
            return self._sockets[1].recv(1, _socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def kill(self) -> None:
        self._child.kill()

    @property
    def killable(self) -> bool:
        return self._child.killable

    @property
    def fate(self) -> str:
        return self._child.fate

    @property
    def left_behind(self) -> bool:
        return self._child.left_behind

    def close(self, *, kill: bool) -> None:
        if kill:
            self.kill()
        for each in self._sockets:
            each.close()
        if kill:
            self._child.wait()
        else:
            self._child.disown()
