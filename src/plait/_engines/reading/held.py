"""What an expression of a function holds of a table of the program, and what containers and calls make of that."""

from __future__ import annotations

import ast
from typing import Any, NamedTuple

from plait._engines.reading.immutable import is_immutable
from plait._engines.reading.reading_calls import Result
from plait._engines.reading.table_shape import shape_of

_DEEP = 64  # dimensions, the most that an array has
UNKNOWN: Any = object()


class Held(NamedTuple):
    """What an expression holds of a table.

    Attributes:
        fresh: how many levels of new containers there are around it, which the function may change.
        depth: how many containers of the table deep it is; whoever holds none of them can change nothing.
        array: whether it is a NumPy array, or a view of one.
        known: the object itself, as it is now, if it is known which one.
    """

    fresh: int
    depth: int
    array: bool = False
    known: Any = UNKNOWN

    @property
    def harmless(self) -> bool:
        return self.depth <= 0

    @property
    def item(self) -> Held:
        """What an element holds."""
        if self.fresh:
            return Held(self.fresh - 1, self.depth, self.array)
        if isinstance(self.known, dict):  # whose elements are its keys
            return _NOTHING
        return Held(0, self.depth - 1, self.array)

    @property
    def value(self) -> Held:
        """What a value of it holds, as a dict has values; of other containers an element."""
        return self._replace(known=UNKNOWN).item

    def at(self, index: ast.expr) -> Held:
        """What it gives for an index."""
        if self.fresh:
            return self if isinstance(index, ast.Slice) else self.item
        if self.array:
            return self._part(index)
        if isinstance(index, ast.Slice):
            return in_new(self.item)
        if self.known is not UNKNOWN and isinstance(index, ast.Constant):
            return _held(_element(self.known, index.value))
        return self.value

    def _part(self, index: ast.expr) -> Held:
        """Of an array: numbers, a copy, or a view."""
        if isinstance(index, ast.Compare | ast.List | ast.ListComp):
            return _NOTHING
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        one = (ast.Name, ast.BinOp, ast.UnaryOp)  # what counts, in all likelihood
        counted = sum(isinstance(part, one) or type(getattr(part, "value", None)) is int for part in parts)
        added = sum(isinstance(part, ast.Attribute) or getattr(part, "value", ...) is None for part in parts)
        least = any(getattr(part, "value", None) is ... for part in parts)  # then it is never a number
        return Held(0, max(int(least), self.depth - counted + added), array=True)


_NOTHING = Held(0, 0)


def in_new(held: Held) -> Held:
    """What a new container of it holds."""
    return Held(held.fresh + 1, held.depth, held.array)


def _held(value: Any) -> Held:
    shape = None if is_immutable(value) else shape_of(value)
    return Held(0, shape.depth, shape.array, value) if shape is not None else _NOTHING


def _element(value: Any, index: object) -> Any:
    try:
        return value[index]
    except (LookupError, TypeError):  # the function will be told so, too
        return None


def in_mapping(held: Held) -> Held:
    """What a dict of it holds, where it may have been one, or pairs."""
    if isinstance(held.known, dict):
        return in_new(held.value)
    value, paired = held.value, held.item.item
    return Held(1 + min(value.fresh, paired.fresh), max(value.depth, paired.depth), held.array)


def given(result: Result, held: Held, item: Held | None = None) -> Held:
    """What a function or method of that kind returns of a table that it was given."""
    item = held.item if item is None else item
    match result:
        case Result.NUMBERS:
            return _NOTHING
        case Result.SELF:
            return held
        case Result.SHAPED:
            return held._replace(depth=_DEEP, known=UNKNOWN)
        case Result.COPY:
            return in_new(held.value)
        case Result.ITEM:
            return item
        case Result.ITEMS:
            return in_new(item)
        case Result.TUPLES:
            return in_new(in_new(item))
        case Result.FLAT:
            return in_new(item.item)
