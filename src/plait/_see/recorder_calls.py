"""CallRecorder: how long calls of `concurrent.futures.ThreadPoolExecutor` waited for a thread to begin them."""

from __future__ import annotations

import _thread
import concurrent.futures.thread
from collections import deque
from typing import Any, NamedTuple

from plait._see.sampler import now

_POOLS: Any = concurrent.futures.thread
_KEPT = 1_000_000


class Begun(NamedTuple):
    """A call that a thread began: which thread, when it was submitted, and when it began."""

    tid: int
    submitted: int
    began: int


class CallRecorder:
    """Notes calls between `install` and `remove`: asyncio's default executor has such threads, too."""

    def __init__(self) -> None:
        self.begun: deque[Begun] = deque(maxlen=_KEPT)

    def install(self) -> None:
        """Begin."""
        self._original = original = _POOLS._WorkItem
        begun = self.begun

        class WorkItem(original):  # type: ignore[misc, valid-type]  # the class of this Python
            """The standard library's, noting when it was made and when it was run."""

            def __init__(self, *args: Any) -> None:
                super().__init__(*args)
                self.submitted = now()

            def run(self, *args: Any) -> None:
                begun.append(Begun(_thread.get_native_id(), self.submitted, now()))
                super().run(*args)

        _POOLS._WorkItem = WorkItem

    def remove(self) -> None:
        """End; calls that have not begun do so as they would have."""
        _POOLS._WorkItem = self._original
