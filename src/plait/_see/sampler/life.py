"""The sampler's process from its start to its end. It is nobody's child: `os.wait()` in the program never meets it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

_PATIENCE = 10.0  # seconds in which it has to end
_APART = "import os; os.fork() and os._exit(0); os.write(1, b'%d\\n' % os.getpid()); "


class Aside:
    """A Python program that runs beside this one, with a pipe to it and one from it.

    Attributes:
        pid: its process, whose parent is the system's first process, or what stands for it.
        stdin, stdout: the ends of the pipes.
    """

    stdin: IO[bytes]
    stdout: IO[bytes]
    _handle = -1

    def __init__(self, program: str, words: Sequence[str], descriptors: Sequence[int]) -> None:
        """Start it with these words and descriptors.

        Raises:
            OSError: it cannot be started.
        """
        parent = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _APART + program, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=descriptors,
            start_new_session=True,  # Ctrl-C is the program's
            env={},
        )
        assert parent.stdin is not None
        assert parent.stdout is not None
        self.stdin, self.stdout = parent.stdin, parent.stdout
        said = self.stdout.readline()
        parent.wait()
        if not said:
            self.let_go()
            raise OSError("the process ended before it had begun")
        self.pid = int(said)
        self._handle = _descriptor_of(self.pid)

    def end(self) -> None:
        """Return when it has ended, which it does when its pipes are closed, or is killed."""
        self._close_pipes()
        if self._handle < 0:
            return
        ended = select.poll()
        ended.register(self._handle, select.POLLIN)
        with suppress(ProcessLookupError):
            if not ended.poll(_PATIENCE * 1000):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
                ended.poll()
        self.let_go()

    def let_go(self) -> None:
        """Forget it: in a child that was forked, it is its parent's."""
        self._close_pipes()
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def _close_pipes(self) -> None:
        for pipe in (self.stdin, self.stdout):
            with suppress(OSError):
                pipe.close()


def _descriptor_of(pid: int) -> int:
    """A descriptor that becomes readable when the process ends (Linux 5.3); -1 where there is none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return -1
