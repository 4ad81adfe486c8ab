"""A page of memory that a worker process and its driver share: what runs now, and the results the driver has not read.

    word CURRENT   the sequence number of the item that is running or ran last; 0 before the first. In FAST mode as it
                   was some milliseconds ago
         STARTED   when it began, ns of time.perf_counter, one clock for all processes
         DONE      how many results of the current batch are on the log
         STOP_AT   the worker starts no item with this number or a higher one; the driver sets it to take items back
         MODE      what the worker is doing (READING, TRACKED, FAST, CLAMPED, PACKING, IDLE, SENDING, ENDING)
         BATCH     the number of the current batch
         HOLDS     whether the worker has something to tear down before it ends
    then logs, used in turn by successive batches, then the last words of a crash (written by faulthandler).

Promises: a result is on the log before the next item starts, so a crash loses only the item it hits (in FAST mode, for
items of about a microsecond that have no effect outside their process, the results of one slice of a few milliseconds,
which are computed again). A result without room there goes through the pipe; until it has gone, its item is the one to
lose (SENDING). An item is claimed (CURRENT) before STOP_AT is looked at, and the driver looks at CURRENT again a system
call after it set STOP_AT: whatever lies beyond both was not started and never will be.
"""

from __future__ import annotations

import mmap
import struct

CURRENT, STARTED, DONE, STOP_AT, MODE, BATCH, HOLDS = range(7)
READING, TRACKED, FAST, CLAMPED, PACKING, IDLE, SENDING, ENDING = range(8)
NEVER = (1 << 64) - 1

_WORDS = 64
_LOGS = 4096
_LOG_SIZE = 1 << 18
DEPTH = 3  # batches that a worker may hold: the driver has read a log before it is used again
LAST_WORDS = _LOGS + DEPTH * _LOG_SIZE  # where a crash writes: at the end, so that it overwrites nothing
SIZE = LAST_WORDS + 16384

VALUE, FAILURE, STORED_VALUE = range(3)  # an entry's data: a pickle; a described error; a pickled (refs, stored, data)
ENTRY_LIMIT = _LOG_SIZE // 4
_ENTRY = struct.Struct("<IBxxxQ")  # data length, kind, ns spent since the batch began


class Board:
    """Both sides' view of one worker's shared page."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self._view = memoryview(memory)
        self.words = self._view[: _WORDS * 8].cast("Q")
        self._log = self._view[_LOGS:LAST_WORDS]
        self._end = 0
        self._position = 0

    def open_log(self, batch: int) -> None:
        """The worker begins the log of a batch, over that of an earlier one."""
        words = self.words
        words[MODE] = READING
        words[DONE] = 0
        words[BATCH] = batch
        self._position = batch % DEPTH * _LOG_SIZE
        self._end = self._position + _LOG_SIZE

    def log(self, kind: int, data: bytes, spent: int) -> bool:
        """Put the next item's result on the log; False when it has no room."""
        start = self._position + _ENTRY.size
        stop = start + len(data)
        if stop > self._end:
            return False
        _ENTRY.pack_into(self._log, self._position, len(data), kind, spent)
        self._log[start:stop] = data
        self._position = stop
        self.words[DONE] += 1
        return True

    def put_whole(self, batch: int, data: bytes) -> bool:
        """Put all results of a batch as one piece where its log would be; False when it has no room."""
        if len(data) + 8 > _LOG_SIZE:
            return False
        start = batch % DEPTH * _LOG_SIZE
        self._log[start : start + len(data)] = data
        return True

    def whole(self, batch: int, length: int) -> memoryview:
        """What `put_whole` put there."""
        start = batch % DEPTH * _LOG_SIZE
        return self._log[start : start + length]

    def entries(self, batch: int, count: int) -> list[tuple[int, memoryview, int]]:
        """Kind, data and ns spent of the first `count` results on the log of a batch."""
        position = batch % DEPTH * _LOG_SIZE
        found = []
        for _ in range(count):
            length, kind, spent = _ENTRY.unpack_from(self._log, position)
            position += _ENTRY.size
            found.append((kind, self._log[position : position + length], spent))
            position += length
        return found

    def last_words(self) -> str:
        """What a crashing worker wrote, such as the stack at a segmentation fault."""
        raw = bytes(self._view[LAST_WORDS:SIZE])
        return raw.split(b"\0", 1)[0].decode("utf-8", "replace").strip()

    def clear(self) -> None:
        """Make the page ready for a new worker."""
        self.words[STOP_AT] = NEVER
        self.words[MODE] = IDLE
