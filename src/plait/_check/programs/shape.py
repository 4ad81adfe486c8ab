"""What a value is made of, so that two can be compared although their classes were defined twice.

Of an object of an installed package only its class counts, as of a lock or a connection, and of a queue what is in it.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from itertools import islice
from typing import Any

from plait._check.access import own_attributes
from plait._core.installed import is_installed

PLAIN = (str, bytes, int, float, complex, bool, type(None), range)
_MOST = 10_000  # parts that are looked at; of a larger value the rest does not count
_DEEP = 50  # nested values that are looked into


def shape(value: Any) -> object:
    """Equal for equal contents: of builtin containers and instances, by the names of their classes.

    >>> shape({"a": [1, 2]}) == shape({"a": [1, 2]}), shape([1]) == shape([1, 2])
    (True, False)
    """
    try:
        return _Shapes().of(value)
    except RuntimeError:  # a thread is changing it
        return None


class _Shapes:
    def __init__(self) -> None:
        self._seen: dict[int, int] = {}
        self._left = _MOST
        self._depth = 0

    def of(self, value: Any) -> object:
        self._depth += 1
        self._left -= 1
        try:
            return self._of(value)
        finally:
            self._depth -= 1

    def _of(self, value: Any) -> object:
        kind = type(value)
        if kind in PLAIN:
            return value if value == value else str(value)  # noqa: PLR0124  # NaN is not
        if id(value) in self._seen or self._left < 0 or self._depth > _DEEP:
            return "again", self._seen.get(id(value), -1)
        if not isinstance(value, (tuple, frozenset)):  # of which equal ones may be one, or not
            self._seen[id(value)] = len(self._seen)
        return kind.__qualname__, self._parts(value)

    def _parts(self, value: Any) -> object:
        if isinstance(value, dict):
            return len(value), tuple((self.of(key), self.of(one)) for key, one in islice(dict.items(value), _MOST))
        if isinstance(value, (list, tuple, deque)):
            return len(value), tuple(map(self.of, islice(value, _MOST)))
        if isinstance(value, (set, frozenset)):
            return len(value), frozenset(str(self.of(one)) for one in (value if len(value) < _MOST else ()))
        if isinstance(value, queue.Queue):
            return self.of(value.queue)
        if isinstance(value, threading.Event):
            return value.is_set()
        return self._attributes(value)

    def _attributes(self, value: Any) -> object:
        kind = value if isinstance(value, type) else type(value)
        if is_installed(kind) or (callable(value) and kind is not value):
            return kind.__qualname__
        own = vars(value) if kind is value else own_attributes(value)
        shown = ((name, one) for name, one in sorted(own.items()) if name[:2] != "__" and not callable(one))
        return tuple((name, self.of(one)) for name, one in shown if not hasattr(type(one), "__get__"))
