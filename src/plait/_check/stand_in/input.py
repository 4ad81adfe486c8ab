"""Standard input under control: what was read of it once, every execution reads again from the beginning."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

from plait._check.printed import Printed
from plait._core.streams import is_terminal


class Input:
    """What the program has read so far, in any execution; nothing is read ahead of it."""

    def __init__(self) -> None:
        self.stream = sys.stdin
        self.read = bytearray()
        self.ended = False
        self._last: tuple[_Again, TextIO] | None = None

    def again(self, output: Printed) -> TextIO:
        """Standard input from its beginning; what cannot be read as a file stays what it is.

        `output` is what the program prints: what it asks for is shown to whoever sits at the terminal.
        """
        if type(self.stream) is not io.TextIOWrapper or self.stream.closed:
            return self.stream
        if self._last is not None and self._last[0].untouched and not self._last[1].closed:
            again, text = self._last
            again.output = output
            return text
        again = _Again(self, output)
        text = io.TextIOWrapper(io.BufferedReader(again), encoding=self.stream.encoding, errors=self.stream.errors)
        self._last = again, text
        return text


class _Again(io.RawIOBase):
    """One reading of it."""

    def __init__(self, source: Input, output: Printed) -> None:
        super().__init__()
        self._source = source
        self.output = output
        self.untouched = True
        self._at = 0

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._source.stream.fileno()

    def isatty(self) -> bool:
        return False

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # of all buffers it gets this one
        source = self._source
        self.untouched = False
        if self._at == len(source.read) and not source.ended:
            self._more(len(buffer))
        part = source.read[self._at : self._at + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _more(self, count: int) -> None:
        """Reads where nobody has read before."""
        source = self._source
        if is_terminal(source.stream) and sys.__stderr__ is not None:
            sys.__stderr__.write(self.output.getvalue().rpartition("\n")[2])
            sys.__stderr__.flush()
        sys.audit("plait.check.input")  # a scout ends here: there is one input for all
        at = len(source.read)
        part = os.read(source.stream.fileno(), count)  # it may block: others go on meanwhile
        if at == len(source.read):
            source.read += part
            source.ended = not part
