"""CallRecorder: how long calls of `concurrent.futures.ThreadPoolExecutor` waited for a thread to begin them."""

from __future__ import annotations

import _thread
import concurrent.futures.thread as pools
import time
from collections import deque
from typing import Any, NamedTuple

from plait._see.replaced import Replaced
from plait._see.sampler.samples import now

_KEPT = 1_000_000


class Begun(NamedTuple):
    """A call that a thread began: which thread, when it was submitted, and when it began."""

    tid: int
    submitted: int
    began: int


class Done(NamedTuple):
    """A call that has ended, when, and the seconds that it had a core."""

    tid: int
    began: int
    ended: int
    cpu: float = 0.0


class CallRecorder:
    """Notes calls between `install` and `remove`: asyncio's default executor has such threads, too."""

    def __init__(self) -> None:
        self.begun: deque[Begun] = deque(maxlen=_KEPT)
        self.done: deque[Done] = deque(maxlen=_KEPT)
        self._replaced = Replaced()

    def install(self) -> None:
        """Begin."""
        original: Any = pools._WorkItem
        begun, done = self.begun, self.done

        class WorkItem(original):  # type: ignore[misc]  # the class of this Python
            """The standard library's, noting when it was made and when it was run."""

            def __init__(self, *args: Any) -> None:
                super().__init__(*args)
                self.submitted = now()

            def run(self, *args: Any) -> None:
                tid, began = _thread.get_native_id(), now()
                begun.append(Begun(tid, self.submitted, began))
                cpu = time.thread_time()
                try:
                    super().run(*args)
                finally:
                    done.append(Done(tid, began, now(), time.thread_time() - cpu))

        self._replaced.put(pools, "_WorkItem", WorkItem)

    def remove(self) -> None:
        """End; calls that have not begun do so as they would have."""
        self._replaced.put_back()
