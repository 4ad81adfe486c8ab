"""The ring: the last changes that the sampler saw, in a file that the program and the sampler's process share."""

from __future__ import annotations

import os
import struct

RECORD = struct.Struct("<QIHH")  # microseconds, thread, state, text
UNIT = 10  # microseconds: of a stretch without a core, the text is its length in these
_FLUSH = 1 << 15


class Ring:
    """The last changes of state, in a file that the program has open, too."""

    def __init__(self, fd: int, records: int) -> None:
        self._fd = fd
        self._size = records * RECORD.size
        self._pending = bytearray()
        self.written = 0  # bytes in all

    def add(self, moment: int, tid: int, state: int, text: int) -> None:
        self._pending += RECORD.pack(moment, tid, state, text)
        if len(self._pending) >= _FLUSH:
            self.flush()

    def flush(self) -> None:
        data = bytes(self._pending)
        self._pending.clear()
        at = self.written % self._size
        fits = min(len(data), self._size - at)
        os.pwrite(self._fd, data[:fits], at)
        if fits < len(data):
            os.pwrite(self._fd, data[fits:], 0)
        self.written += len(data)
