"""Wakes a thread that waits in poll(), from any thread."""

from __future__ import annotations

import os
import threading


class Bell:
    """A pipe that is readable after `ring`; safe to ring at any time, even after `close`."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        self._lock = threading.Lock()
        self._rung = False

    def fileno(self) -> int:
        """To poll."""
        return self._read

    def ring(self) -> None:
        """Make the pipe readable."""
        with self._lock:
            if not self._rung and self._write >= 0:
                self._rung = True
                os.write(self._write, b"!")

    def silence(self) -> None:
        """The waiting thread has noticed."""
        with self._lock:
            if self._rung:
                os.read(self._read, 1)
                self._rung = False

    def close(self) -> None:
        """Free the pipe; later rings do nothing."""
        with self._lock:
            os.close(self._read)
            os.close(self._write)
            self._write = -1
