"""Which writes of an element find what their thread has read there: those lose nothing, whatever came in between.

``counts[key] += 1`` and another thread's ``counts.pop(other, None)`` touch one dict, and events cannot tell which of
its elements a call has changed, if any. The element itself can.
"""

from __future__ import annotations

import array
from collections import deque
from typing import Any

from plait._core.event import Event, Kind

_PLAIN = (int, float, complex, bool, str, bytes)
_ROWS: tuple[Any, ...] = (list, deque, bytearray, array.array)
_ABSENT = object()


class Elements:
    """What the threads of an execution have read of elements.

    Values are kept that are plain: another one might end by not being kept any more, which the program may notice.

    Attributes:
        same: the indices of the writes right before which the element was what the same thread had read last.
    """

    def __init__(self) -> None:
        self.same: list[int] = []
        self._read: dict[tuple[int, int, object], object] = {}

    def touch(self, event: Event, index: int, thing: object, key: Any) -> None:
        """The event with this index, which is about to happen, reads or writes the element of this key."""
        if not _is_plain(key):
            return
        part, value = (event.thread, event.place, key), _value(thing, key)
        if event.kind is Kind.READ:
            self._read[part] = value
        elif value is not _ABSENT:
            before = self._read.pop(part, _ABSENT)
            if type(before) is type(value) and before == value:
                self.same.append(index)


def _is_plain(key: object) -> bool:
    return type(key) in _PLAIN or (type(key) is tuple and all(map(_is_plain, key)))


def _value(thing: Any, key: Any) -> object:
    """The element, without any code of the program's; `_ABSENT` if there is none, or it is not plain."""
    found: object = _ABSENT
    if isinstance(thing, dict):
        found = dict.get(thing, key, _ABSENT)
    elif type(key) is int:
        kind = next((kind for kind in _ROWS if isinstance(thing, kind)), None)
        if kind is not None and -len(thing) <= key < len(thing):
            found = kind.__getitem__(thing, key)
    return found if type(found) in _PLAIN else _ABSENT
