"""StartRecorder: the lines at which threads are started that have nothing to run."""

from __future__ import annotations

import functools
import threading
from collections import deque
from typing import Any

from plait._see.recorder.unfinished import here
from plait._see.replaced import Replaced
from plait._see.whereabouts import line_of

_KEPT = 10_000


class StartRecorder:
    """Notes them between `install` and `remove`."""

    def __init__(self) -> None:
        self.idle: deque[str] = deque(maxlen=_KEPT)  # the line of each
        self._replaced = Replaced()

    def install(self) -> None:
        """Begin."""
        kind: Any = threading.Thread
        original, idle = kind.start, self.idle

        @functools.wraps(original)
        def start(thread: Any) -> None:
            if getattr(thread, "_target", original) is None and type(thread).run is kind.run:
                idle.append(line_of(here()[0].f_back))
            original(thread)

        self._replaced.put(kind, "start", start)

    def remove(self) -> None:
        """End."""
        self._replaced.put_back()
