"""Shape: what a table of the program is made of, a list, dict, set or array that functions use by name. Pure."""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict, deque
from typing import Any, NamedTuple

from plait._engines.reading.immutable import is_immutable

_MOST = 50_000  # elements of a table that are looked at,
_MOST_INSIDE = 5_000  # where some of them can be changed themselves,
_MOST_BYTES = 16_000_000  # or of an array
_SEQUENCES = frozenset({list, tuple, set, deque})
_MAPPINGS = frozenset({dict, OrderedDict, Counter})
_FLAT = frozenset({array, bytearray})
_SIMPLE = frozenset({int, float, complex, str, bytes, bool, type(None)})


class Shape(NamedTuple):
    """How many containers deep a table is, and whether it is an array: its methods give something new however deep."""

    depth: int
    array: bool = False


def shape_of(value: Any) -> Shape | None:
    """The shape of a table, whose innermost elements nobody can change; None for what is no table, or a large one.

    >>> shape_of({"a": 1}), shape_of([[1], [2]]), shape_of([object()]), shape_of(1)
    (Shape(depth=1, array=False), Shape(depth=2, array=False), None, None)
    """
    if type(value).__module__ == "numpy" and type(value).__qualname__ == "ndarray":
        flat = value.ndim > 0 and not value.dtype.hasobject and value.nbytes <= _MOST_BYTES
        return Shape(value.ndim, array=True) if flat else None
    depth, level, count = 0, [value], 0
    while inner := [one for one in level if not is_immutable(one)]:
        elements: list[Any] = []
        for one in inner:
            if type(one) in _MAPPINGS:
                elements += [*one.values(), *one]
            elif type(one) in _SEQUENCES:
                elements += one
            elif type(one) not in _FLAT:
                return None
        depth += 1
        count += len(elements)
        if count > (_MOST if depth == 1 else _MOST_INSIDE):
            return None
        level = [] if _SIMPLE.issuperset(map(type, elements)) else elements
    return Shape(depth) if depth else None
