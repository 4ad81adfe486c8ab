r"""A watchdog in a process: a thread that answers ``plait why``, and speaks by itself when nothing has moved for long.

``PLAIT_WATCHDOG=30`` in the environment starts it when plait is imported, in programs but not in plait's own workers.
It is a daemon thread that sleeps nearly all the time, takes none of the program's locks, and keeps nothing alive.
Ctrl-\ in a terminal, which is SIGQUIT, has it speak at once.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import traceback

from plait._core.errors import UsageError
from plait._see.standstill import Standstill
from plait._see.stuck import Stuck
from plait._see.watchdog_bells import Bells, address, peer
from plait._see.why.inside import look_inside
from plait._see.why.words import tell

_VARIABLE = "PLAIT_WATCHDOG"
_LOOKS = 4  # in the time after which nothing has moved
_FAILURES = 5  # in a row, of which one speaks
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
    watchdog = Watchdog(seconds)
    watchdog.begin()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=watchdog.begin_again)


def ask(pid: int) -> str | None:
    """The answer of a process's watchdog; None when it has none, or the GIL is kept from it."""
    if not sys.platform.startswith("linux"):
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_ANSWER)
        parts = []
        try:
            connection.connect(address(pid))
            if peer(connection)[0] != pid:  # anybody may take a name
                return None
            while part := connection.recv(1 << 16):
                parts.append(part)
        except OSError:
            return None
    return b"".join(parts).decode() or None


class Watchdog:
    """Says why the process does not go on: to whoever asks, and to standard error after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._bells: Bells | None = None
        self._failed = 0  # looks, one after the other, at whether some can never go on

    def begin(self) -> None:
        """Watch this process for as long as it lives."""
        self._bells = Bells()
        threading.Thread(target=self._watch, args=(self._bells,), name="plait-watchdog", daemon=True).start()

    def begin_again(self) -> None:
        """In a fork, to which the thread has not come along: watch that, and leave the parent's bells alone."""
        if self._bells is not None:
            self._bells.close()
        self.begin()

    def _watch(self, bells: Bells) -> None:
        standstill, stuck = Standstill(), Stuck()
        said = partly = ""
        while True:
            asked, signalled = bells.wait(self._seconds / _LOOKS)
            if asked and bells.door is not None:
                _answer(bells.door)
            if signalled:
                _say("asked by SIGQUIT", _words())
            if not asked and not signalled:
                still, some = standstill.reached(self._seconds), self._stuck(stuck)
                if still is not None:
                    said = _say(f"nothing has moved for {still:.0f} s", _words(), unless=(partly,))
                elif some:
                    partly = _say(f"some have not moved for {self._seconds:g} s", some, unless=(said, partly))

    def _stuck(self, stuck: Stuck) -> str:
        """What is said of those who can never go on while others do; "" for none.

        A look may fail because the program changes meanwhile. When several do so in a row, that is said, once.
        """
        try:
            dump = stuck.found(self._seconds)
            said = tell(dump) if dump is not None else ""
        except Exception:
            self._failed += 1
            if self._failed == _FAILURES:
                _say("the watchdog cannot see whether some can never go on", traceback.format_exc())
            return ""
        self._failed = 0
        return said


def _say(occasion: str, words: str, unless: tuple[str, ...] = ()) -> str:
    """To standard error, past whatever buffers and locks the program has there; the finding that was said.

    Nothing where that is one that was said before.
    """
    finding = words.partition("\n\nall of process")[0]  # what every thread does changes where some go on
    if finding not in unless:
        os.write(2, f"plait: {occasion}\n\n{words}\n".encode())
    return finding


def _answer(door: socket.socket) -> None:
    """Tell somebody who is the same user, or root."""
    with contextlib.suppress(OSError):  # who asked is gone
        asked, _ = door.accept()
        with asked:
            if peer(asked)[1] in (0, os.getuid()):
                asked.settimeout(_ANSWER)
                asked.sendall(_words().encode())


def _words() -> str:
    """The answer; or why there is none, since a watchdog must outlive whatever it sees while a program changes."""
    try:
        return tell(look_inside())
    except Exception:
        return f"the watchdog could not look:\n{traceback.format_exc()}"
