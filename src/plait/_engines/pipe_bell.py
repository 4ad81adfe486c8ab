"""Wakes a thread that waits in poll(), from any thread, a signal handler or a garbage collection callback."""

from __future__ import annotations

import os


class PipeBell:
    """A pipe that is readable after `ring`. It takes no lock, so it may be rung from anywhere at any time.

    Its descriptors are closed when the last reference goes, so that a late ring cannot hit somebody else's descriptor.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def fileno(self) -> int:
        """To poll."""
        return self._read

    def ring(self) -> None:
        """Make the pipe readable."""
        try:
            os.write(self._write, b"!")
        except BlockingIOError:
            return  # full: it has been rung often enough

    def silence(self) -> None:
        """The waiting thread is awake and will look at everything there is to look at."""
        try:
            os.read(self._read, 4096)
        except BlockingIOError:
            return

    def __del__(self) -> None:
        os.close(self._read)
        os.close(self._write)
