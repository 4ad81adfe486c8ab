"""A watchdog in a process: a thread that answers ``plait why``, and speaks by itself when nothing has moved for long.

``PLAIT_WATCHDOG=30`` in the environment starts it when plait is imported, in programs but not in plait's own workers.
It is a daemon thread that sleeps nearly all the time, takes none of the program's locks, and keeps nothing alive.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
import threading
import time

from plait._core.errors import UsageError
from plait._see.why_inside import look_inside
from plait._see.why_words import tell

_VARIABLE = "PLAIT_WATCHDOG"
_LOOKS = 4  # in the time after which nothing has moved
_STILL = 0.02  # share of a core below which a process is taken to be at a standstill
_ANSWER = 5.0  # seconds for an answer


def start_from_environment() -> None:
    """Start it if the environment says so.

    Raises:
        UsageError: the value is no number of seconds above 0.
    """
    text = os.environ[_VARIABLE]
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise UsageError(f"{_VARIABLE}={text!r}: expected a number of seconds above 0, such as 30")
    start(seconds)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: start(seconds))


def start(seconds: float) -> None:
    """Watch this process."""
    watchdog = Watchdog(seconds)
    threading.Thread(target=watchdog.watch, name="plait-watchdog", daemon=True).start()


def address(pid: int) -> str:
    """Where the watchdog of a process answers: a name that goes away with the process."""
    return f"\0plait-why-{pid}"


def ask(pid: int) -> str | None:
    """The answer of a process's watchdog; None when it has none, or the GIL is kept from it."""
    if not sys.platform.startswith("linux"):
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_ANSWER)
        parts = []
        try:
            connection.connect(address(pid))
            while part := connection.recv(1 << 16):
                parts.append(part)
        except OSError:
            return None
    return b"".join(parts).decode() or None


class Watchdog:
    """Says why the process does not go on: to whoever asks, and to standard error after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: object = None
        self._since = time.monotonic()
        self._spent = time.process_time()
        self._told = False

    def watch(self) -> None:
        """For as long as the process lives."""
        door = _door()
        while True:
            asked = None
            if door is None:
                time.sleep(self._seconds / _LOOKS)
            else:
                door.settimeout(self._seconds / _LOOKS)
                with contextlib.suppress(TimeoutError):
                    asked, _ = door.accept()
            if asked is not None:
                _answer(asked)
            else:
                self._look()

    def _look(self) -> None:
        """Speak when every thread is where it was, and hardly any time of a core was spent."""
        me = threading.get_ident()
        seen = {ident: (id(frame), frame.f_lasti) for ident, frame in sys._current_frames().items() if ident != me}
        now, spent = time.monotonic(), time.process_time()
        moved = seen != self._seen or spent - self._spent > _STILL * self._seconds / _LOOKS
        self._spent = spent
        if moved:
            self._seen, self._since, self._told = seen, now, False
        elif now - self._since >= self._seconds and not self._told:
            self._told = True
            os.write(2, f"plait: nothing has moved for {now - self._since:.0f} s\n\n{tell(look_inside())}\n".encode())


def _door() -> socket.socket | None:
    """Where to knock; None where there are no such names."""
    if not sys.platform.startswith("linux"):
        return None
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    door.bind(address(os.getpid()))
    door.listen()
    return door


def _answer(asked: socket.socket) -> None:
    """Tell somebody who is the same user, or root."""
    with asked:
        _, user, _ = struct.unpack("3i", asked.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
        if user in (0, os.getuid()):
            asked.settimeout(_ANSWER)
            with contextlib.suppress(OSError):  # who asked is gone
                asked.sendall(tell(look_inside()).encode())
