"""A page of memory that a remote worker and its driver share: what runs now, and the results the driver has not read.

    word CURRENT   the sequence number of the item that is running or ran last; 0 before the first. In FAST mode as it
                   was some milliseconds ago
         STARTED   when it began, ns of time.perf_counter, one clock for all processes
         LOGGED    how many bytes of the current batch's log are results (see `entries`)
         STOP_AT   the worker starts no item with this number or a higher one; the driver sets it to take items back;
                   0 says that the one that runs is not wanted any more either
         MODE      what the worker is doing (READING, TRACKED, FAST, CLAMPED, PACKING, IDLE, SENDING, ENDING, PARKED)
         BATCH     the number of the current batch
         HOLDS     whether the worker has something to tear down before it ends
         HALT      how the halter of an interpreter goes about it (PATIENTLY, AT_ONCE, FOR_GOOD: the process ends, and
                   RESTING, its answer to that: no Python code runs any more)
         PREPARES  whether the initializer of a pool is running, for which the item that runs is not to be blamed
         MAKING    how many bytes of what follows the words name a per_worker function whose set-up is running
    then that name, then logs, used in turn by successive batches, then the last words of a crash (by faulthandler).

Promises: a result is on the log before the next item starts, so a crash loses only the item it hits (in FAST mode, for
items of a few microseconds that have no effect outside their process, the results of one slice of a few milliseconds,
which are computed again). A result without room there goes through the pipe; until it has gone, its item is the one to
lose (SENDING). An item is claimed (CURRENT) before STOP_AT is looked at, and the driver looks at CURRENT again a system
call after it set STOP_AT: whatever lies beyond both was not started and never will be.
"""

from __future__ import annotations

import mmap

CURRENT, STARTED, LOGGED, STOP_AT, MODE, BATCH, HOLDS, HALT, PREPARES, MAKING = range(10)
READING, TRACKED, FAST, CLAMPED, PACKING, IDLE, SENDING, ENDING, PARKED = range(9)
PATIENTLY, AT_ONCE, FOR_GOOD, RESTING = range(4)
NEVER = (1 << 64) - 1

_WORDS = 64
_NAME = _WORDS * 8
_LOGS = 4096
_LOG_SIZE = 1 << 18
DEPTH = 3  # batches that a worker may hold: the driver has read a log before it is used again
LAST_WORDS = _LOGS + DEPTH * _LOG_SIZE  # where a crash writes: at the end, so that it overwrites nothing
SIZE = LAST_WORDS + 16384


class Board:
    """Both sides' view of one worker's shared page."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self._view = memoryview(memory)
        self.words = self._view[: _WORDS * 8].cast("Q")
        self._log = self._view[_LOGS:LAST_WORDS]
        self._start = self._end = 0

    def open_log(self, batch: int) -> None:
        """The worker begins the log of a batch, over that of an earlier one."""
        words = self.words
        words[MODE] = READING
        words[LOGGED] = 0
        words[BATCH] = batch
        self._start = _LOGS + batch % DEPTH * _LOG_SIZE
        self._end = self._start + _LOG_SIZE

    def room(self) -> tuple[mmap.mmap, int, int]:
        """The memory that the current batch's log is in, and from where to where it may go.

        What is put there counts from when LOGGED says so.
        """
        return self._memory, self._start, self._end

    def put_whole(self, data: bytes) -> bool:
        """Put all results of the batch as one piece where its log would be; False when it has no room."""
        if len(data) > _LOG_SIZE:
            return False
        self._memory[self._start : self._start + len(data)] = data
        return True

    def results(self, batch: int, length: int) -> memoryview:
        """The first bytes of what was put there for a batch."""
        start = batch % DEPTH * _LOG_SIZE
        return self._log[start : start + length]

    def note_set_up(self, making: str) -> None:
        """The worker sets this up from now on, or nothing."""
        raw = making.encode("utf-8", "replace")[: _LOGS - _NAME]
        self.words[MAKING] = 0
        self._view[_NAME : _NAME + len(raw)] = raw
        self.words[MAKING] = len(raw)

    def set_up(self) -> str:
        """What the worker is setting up, in words, or an empty string."""
        return bytes(self._view[_NAME : _NAME + self.words[MAKING]]).decode("utf-8", "replace")

    def last_words(self) -> str:
        """What a crashing worker wrote, such as the stack at a segmentation fault."""
        raw = bytes(self._view[LAST_WORDS:SIZE])
        return raw.split(b"\0", 1)[0].decode("utf-8", "replace").strip()

    def leave_words(self, text: str) -> None:
        """What a worker has to say that ends by an error of its own."""
        raw = text.encode("utf-8", "replace")[-(SIZE - LAST_WORDS - 1) :]
        self._view[LAST_WORDS : LAST_WORDS + len(raw)] = raw

    def close(self) -> None:
        """Unmap it, in a worker that ends without its process."""
        self.words.release()
        self._log.release()
        self._view.release()
        self._memory.close()

    def clear(self) -> None:
        """Make the page ready for a new worker."""
        self.words[STOP_AT] = NEVER
        self.words[MODE] = IDLE
