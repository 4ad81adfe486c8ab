"""A shell that outlives us for a moment: it ends the commands that run when this process is gone, SIGKILL included.

It reads which process groups there are from a pipe whose other end only this process holds, and each command's shell
until it has named its group itself: so there is no moment at which one runs that is not known. When the last end closes
with groups left, nobody has ended them, and it does.
"""

from __future__ import annotations

import subprocess
import threading
from contextlib import suppress
from typing import IO

_SHELL = "/bin/sh"

# The parent-death signal of Linux would be no substitute: it is sent when the *thread* ends that started the process,
# and only to the shell, not to what the shell has started.
_WATCH = """
trap '' HUP INT TERM
groups=
while read -r sign group; do
    left=
    for each in $groups; do
        [ "$each" = "$group" ] || left="$left $each"
    done
    [ "$sign" = - ] || left="$left $group"
    groups=$left
done
for each in $groups; do
    kill -s KILL -- "-$each"
done
"""

# What a command's shell does first, its input being the guard's pipe. Nobody reads it when the guard was killed.
_ENTER = """{ trap '' PIPE; echo "+ $$" >&0; trap - PIPE; } 2> /dev/null; exec < /dev/null; """


class CommandGuard:
    """Knows of each process group before it does anything, until its number may become another's.

    One that has ended itself, or was killed, is not replaced: what runs is only not guarded any more.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._popen = subprocess.Popen(
            [_SHELL, "-c", _WATCH],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # what is sent to our process group is not for it
        )

    def start(self, command: str, stdout: IO[bytes], stderr: IO[bytes]) -> subprocess.Popen[bytes]:
        """A shell with the command, in a group of its own that ends if we do not live to `remove` it."""
        return subprocess.Popen(
            [_SHELL, "-c", _ENTER + command],
            stdin=self._pipe,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )

    def remove(self, group: int) -> None:
        """The group's first process has ended, and is about to be reaped."""
        with self._lock, suppress(OSError, ValueError):  # gone, or closed
            self._pipe.write(f"- {group}\n".encode())

    def close(self) -> None:
        """Nothing runs any more. Returns when the guard is gone."""
        with self._lock:
            self._pipe.close()
        self._popen.wait()

    @property
    def _pipe(self) -> IO[bytes]:
        assert self._popen.stdin is not None
        return self._popen.stdin
