r"""What wakes a watchdog before its time: somebody at its door, who asks for the answer, and Ctrl-\ (SIGQUIT).

The signal is taken by faulthandler, whose handler is C code: it writes a few bytes into a pipe, whatever the main
thread is stuck in. A handler in Python would have to wait until the main thread goes on, which it does not.

What a watchdog calls is taken from its modules at once: libraries of green threads put functions of their own there.
"""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import socket
import struct
import sys
from pathlib import Path
from time import sleep
from typing import Any

_POLL: Any = getattr(select, "poll", None)
_READABLE, _CLOSED = getattr(select, "POLLIN", 0), getattr(select, "POLLNVAL", 0)
_SOCKET = socket.socket
_LONGEST = 86400.0  # seconds for one poll, which counts milliseconds in 32 bits


class Bells:
    """The door and the pipe of one process; a fork of it makes its own and closes these."""

    def __init__(self) -> None:
        self.door = _door()
        self._pipe = _signal_pipe()

    def wait(self, seconds: float) -> tuple[bool, bool]:
        """Whether somebody is at the door, and whether the signal has come; at once, or after so many seconds."""
        numbers = [*([] if self.door is None else [self.door.fileno()]), *self._pipe[:1]]
        if not numbers or _POLL is None:
            sleep(seconds)
            return False, False
        poll = _POLL()
        for number in numbers:
            poll.register(number, _READABLE)
        events = poll.poll(min(seconds, _LONGEST) * 1000)
        if any(event & _CLOSED for _, event in events):
            self._lose()
            return False, False
        rung = [number for number, _ in events]
        signalled = bool(self._pipe) and self._pipe[0] in rung
        if signalled:
            os.read(self._pipe[0], 1 << 16)
        return self.door is not None and self.door.fileno() in rung, signalled

    def close(self) -> None:
        """Hear nothing any more."""
        if self._pipe:
            faulthandler.unregister(signal.SIGQUIT)
        if self.door is not None:
            self.door.close()
        for number in self._pipe:
            os.close(number)

    def _lose(self) -> None:
        """The program has closed descriptors that are not its own, as daemons do at their start: let go of them all."""
        if self._pipe:
            faulthandler.unregister(signal.SIGQUIT)
        if self.door is not None:
            self.door.detach()
        self.door, self._pipe = None, ()


def address(pid: int) -> str:
    """Where the watchdog of a process answers: a name that goes away with the process."""
    return f"\0plait-why-{pid}"


def peer(connection: socket.socket) -> tuple[int, int]:
    """The process at the other end, and its user."""
    size = struct.calcsize("3i")
    pid, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return pid, user


def _door() -> socket.socket | None:
    """Where to knock; None where there are no such names, or somebody else has ours."""
    if not sys.platform.startswith("linux"):
        return None
    door = _SOCKET(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        door.bind(address(os.getpid()))
    except OSError:  # a process with this number in another container that shares our network
        door.close()
        return None
    door.listen()
    return door


def _signal_pipe() -> tuple[int, ...]:
    """The ends of the pipe into which SIGQUIT is written; none where the program has its own use for the signal."""
    if not hasattr(signal, "SIGQUIT") or _POLL is None or _taken(signal.SIGQUIT):
        return ()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    faulthandler.register(signal.SIGQUIT, file=writing, all_threads=False)
    return reading, writing


def _taken(number: int) -> bool:
    """Whether the program, or what it was started by, has said what the signal does."""
    if signal.getsignal(number) != signal.SIG_DFL:
        return True
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return False
    caught = next((line for line in status.splitlines() if line.startswith("SigCgt:")), "SigCgt: 0")
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)
