"""`collections.Counter` under control: adding up is Python code, so another thread may come in between key by key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from plait._check.stage import STAGE
from plait._core.event import Kind

_real_update = Counter.update
_real_subtract = Counter.subtract
_real_iadd = Counter.__iadd__


def update(self: Counter[Any], iterable: Any = None, /, **counts: int) -> None:
    """As `Counter.update`: with a mapping, a read and a write for each of its keys, or all at once if it is empty."""
    if not _add(self, iterable, lambda count: count, at_once=True):
        _real_update(self, iterable)
    if counts:
        update(self, counts)


def subtract(self: Counter[Any], iterable: Any = None, /, **counts: int) -> None:
    """As `Counter.subtract`."""
    if not _add(self, iterable, lambda count: -count):
        _real_subtract(self, iterable)
    if counts:
        subtract(self, counts)


def iadd(self: Counter[Any], other: Counter[Any]) -> Counter[Any]:
    """As `Counter.__iadd__`: what is not positive goes."""
    if not _add(self, other, lambda count: count):
        return _real_iadd(self, other)
    for key in [key for key, count in self.items() if count <= 0]:
        del self[key]
    return self


def _add(counter: Counter[Any], other: Any, sign: Callable[[Any], Any], *, at_once: bool = False) -> bool:
    """Whether it was done here: by a thread under control, with a mapping."""
    execution = STAGE.execution
    if execution is None or not isinstance(other, Mapping) or execution.here() is None:
        return False
    place, site = execution.places.number(counter), execution.sites.here(1)
    if at_once:
        execution.step(Kind.READ, place, "[]", site)
        if not counter:
            execution.step(Kind.WRITE, place, "[]", site)
            dict.update(counter, other)
            return True
    for key, count in other.items():
        execution.step(Kind.READ, place, "[]", site)
        known = counter.get(key, 0)
        execution.step(Kind.WRITE, place, "[]", site)
        counter[key] = known + sign(count)
    return True
