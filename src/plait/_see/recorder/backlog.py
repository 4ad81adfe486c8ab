"""BacklogRecorder: how many items there were in a queue at once, and which line put them there."""

from __future__ import annotations

import functools
import queue
from typing import Any, NamedTuple

from plait._see.recorder.unfinished import here
from plait._see.replaced import Replaced
from plait._see.whereabouts import line_of

_MANY = 64  # items: of fewer nothing is noted


class Backlog(NamedTuple):
    """The most items that a queue without a limit had, its name, and the line that put one of them."""

    items: int
    name: str
    where: str


class BacklogRecorder:
    """Counts between `install` and `remove`."""

    def __init__(self) -> None:
        self.most: dict[int, Backlog] = {}
        self._replaced = Replaced()

    def install(self) -> None:
        """Begin."""
        original: Any = queue.Queue.put
        most = self.most

        @functools.wraps(original)
        def put(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            items, known = self._qsize(), most.get(id(self))
            if items < _MANY or self.maxsize > 0 or (known is not None and items <= known.items):
                return
            if known is None or items >= 2 * known.items:
                most[id(self)] = Backlog(items, _name(self), line_of(here()[0].f_back))
            else:
                most[id(self)] = known._replace(items=items)

        self._replaced.put(queue.Queue, "put", put)

    def remove(self) -> None:
        """End."""
        self._replaced.put_back()


def _name(jobs: Any) -> str:
    """As its lock is called, which knows where it was made: ``jobs (app.py:3)``."""
    return str(getattr(jobs.mutex, "name", "")) or type(jobs).__name__
