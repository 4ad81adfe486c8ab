"""LineRecorder: at which line each thread is, now and then: of what computes, reads or writes nobody else tells.

It needs the GIL for each look, for some microseconds a thread, and looks less often where that adds up.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Mapping
from types import FrameType
from typing import NamedTuple

from plait._see.sampler.samples import now
from plait._see.unseen_thread import UnseenThread
from plait._see.whereabouts import program_frame, whence

_PERIOD = 0.04  # seconds
_COST = 0.01  # of the time: what takes more is done less often
_KEPT = 300_000
_LOOPS = ("asyncio/runners.py", "asyncio/base_events.py", "asyncio\\runners.py", "asyncio\\base_events.py")


class Look(NamedTuple):
    """A thread was at that line of the program; "" for none."""

    moment: int
    tid: int
    where: str


class LineRecorder:
    """Looks between `install` and `remove`, in `thread`; `natives` has the threads that count, by their own number."""

    def __init__(self, natives: Mapping[int, int]) -> None:
        self.looks: deque[Look] = deque(maxlen=_KEPT)
        self._natives = natives
        self.sources: dict[str, tuple[str, int]] = {}  # the file and the number of each line
        self._words: dict[str, str] = {}  # each once, however often it is seen
        self._again = self._took = 0.0
        self.thread = UnseenThread(self._look, _PERIOD)

    def install(self) -> None:
        """Begin."""
        self.thread.start()

    def remove(self) -> None:
        """End."""
        self.thread.stop()

    def _look(self) -> None:
        if (began := time.perf_counter()) < self._again:
            return
        moment, used = now(), time.thread_time()
        for ident, frame in sys._current_frames().items():
            tid = self._natives.get(ident)
            if tid is not None:
                self.looks.append(Look(moment, tid, self._line(frame)))
        took, self._took = self._took, time.thread_time() - used
        self._again = began + min(took, self._took) / _COST  # once it may have to read files

    def _line(self, frame: FrameType) -> str:
        where = whence(frame) if not _turns_a_loop(frame) else ""
        if where not in self._words:
            self._words[where] = where
            inner = program_frame(frame)
            if inner is not None:
                self.sources[where] = inner.f_code.co_filename, inner.f_lineno
        return self._words[where]


def _turns_a_loop(frame: FrameType | None) -> bool:
    """Whether it is not the program, but an event loop that looks for what is next."""
    own = program_frame(frame)
    below = None
    while frame is not None and frame is not own:
        frame, below = frame.f_back, frame
    return below is not None and below.f_code.co_filename.endswith(_LOOPS)
