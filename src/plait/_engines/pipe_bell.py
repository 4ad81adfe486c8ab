"""Wakes a thread that waits in poll(), from any thread, a signal handler or a garbage collection callback."""

from __future__ import annotations

import os

from plait._core.interrupts import finishes


class PipeBell:
    """A pipe that is readable after `ring`. It takes no lock, so it may be rung from anywhere at any time.

    Whoever rings holds the pipe for that moment, so `close` cannot make a late ring hit somebody else's descriptor.
    """

    def __init__(self) -> None:
        self._pipe: _Pipe | None = _Pipe()

    def fileno(self) -> int:
        """To poll; -1 after `close`."""
        pipe = self._pipe
        return -1 if pipe is None else pipe.read

    def ring(self) -> None:
        """Make the pipe readable; does nothing after `close`."""
        pipe = self._pipe
        if pipe is None:
            return
        try:
            os.write(pipe.write, b"!")
        except BlockingIOError:
            return  # full: it has been rung often enough

    def silence(self) -> None:
        """The waiting thread is awake and will look at everything there is to look at."""
        pipe = self._pipe
        if pipe is None:
            return
        try:
            os.read(pipe.read, 4096)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Free the pipe as soon as nobody is ringing."""
        self._pipe = None


class _Pipe:
    """Two descriptors that are closed with the last reference."""

    read = write = -1

    @finishes
    def __init__(self) -> None:
        self.read, self.write = os.pipe()
        os.set_blocking(self.read, False)
        os.set_blocking(self.write, False)

    @finishes
    def __del__(self) -> None:
        if self.read >= 0:  # else no pipe could be made
            os.close(self.read)
            os.close(self.write)
