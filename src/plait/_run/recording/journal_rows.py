"""Outcomes as rows of a journal and back: values as JSON where JSON says them exactly, else pickled. Pure.

A row's ``value`` is JSON for people and their tools. Where that is not all of the value, ``pickle`` has it; ``pickle``
of a failure has the error. Unpickling runs code: a journal is to be trusted like the program that wrote it.
"""

from __future__ import annotations

import dataclasses
import json
import math
from _collections_abc import Callable, Sequence
from _pickle import dumps, loads
from typing import Any, NamedTuple

from plait._core.batch import Batch
from plait._core.errors import JournalError, TaskError
from plait._core.notes import text_of
from plait._core.outcome import brief
from plait._core.tracebacks import traceback_of, type_name
from plait._engines.remote import describe, rebuild

Row = tuple[object, ...]

PLAIN_COLUMNS = 9  # of a row whose value is JSON; others have further ones
_INT64 = 1 << 63
_MOST_NODES = 1000  # of a list or dict that is written as JSON; pickle is faster for larger ones
_SHOWN_NODES = 100  # of a pickled value, for people
_SHOWN_TEXT = 1000
_SCALARS = frozenset({int, float, str, bool, type(None)})


class Unstorable(Exception):
    """A value or an error that no journal can hold; the message says why."""


class Recorded(NamedTuple):
    """An outcome as it was recorded."""

    value: object
    error: BaseException | None
    attempts: int
    worker: str
    started: float
    ended: float


def row_of(batch: Batch, offset: int, run: int, key: bytes, epoch: float) -> Row:
    """The outcome of one item; `epoch` turns the batch's clock into seconds since 1970.

    Raises:
        Unstorable: it cannot be pickled.
    """
    began, ended = batch.span(offset)
    error = batch.failures.get(offset)
    value, pickle = value_cells(batch.values[offset]) if error is None else (None, _pickled(describe(error)))
    plain = (
        run, batch.base + offset, key, input_cell(batch.items[offset]), value, batch.attempt, batch.worker,
        began + epoch, ended + epoch,
    )  # fmt: skip
    if pickle is None:
        return plain
    return (*plain, error is None, pickle, *((None, None, None) if error is None else _in_words(error)))


def item_of(row: Row) -> bytes:
    """The digest of the row's item."""
    return row[2]  # type: ignore[return-value]  # see `row_of`


def succeeded(row: Row) -> bool:
    """Whether the row has a value."""
    return len(row) == PLAIN_COLUMNS or bool(row[PLAIN_COLUMNS])


def recorded(row: Sequence[Any], index: int) -> Recorded:
    """The outcome that a row with these columns stands for, where its item is number `index`.

    The columns are item_index, ok, value, pickle, attempts, worker, started, ended.
    """
    was, ok, value, pickle, *rest = row
    try:
        if not ok:
            return Recorded(None, _renumbered(rebuild(loads(pickle)), was, index), *rest)
        if pickle is not None:
            return Recorded(loads(pickle), None, *rest)
        return Recorded(json.loads(value) if isinstance(value, str) else value, None, *rest)
    except Exception as error:  # whatever unpickling runs into: a class that has moved, a package that is gone
        unreadable = JournalError(
            f"the recorded {'value' if ok else 'error'} cannot be read back: {type(error).__name__}: {text_of(error)}; "
            "it counts as failed from now on, so the next run with retry_failed computes it again"
        )
        unreadable.__cause__ = error
        return Recorded(None, unreadable, *rest)


def _renumbered(error: BaseException, was: int, now: int) -> BaseException:
    """The error; one of ours, whose words begin with the number that its item had, says the one that it has now."""
    if was != now and isinstance(error, TaskError):
        start = f"item {was},"

        def new(text: object) -> object:
            if isinstance(text, str) and text.startswith(start):
                return f"item {now},{text.removeprefix(start)}"
            return text

        error.args = tuple(map(new, error.args))
        vars(error).update({name: new(value) for name, value in vars(error).items()})
    return error


def value_cells(value: Any) -> tuple[object, bytes | None]:
    """What goes into the columns ``value`` and ``pickle``."""
    kind = type(value)
    if (kind is int and -_INT64 <= value < _INT64) or (kind is float and math.isfinite(value)):
        return value, None  # SQLite's own numbers are JSON's
    if kind in _SCALARS or (kind in (list, dict) and _count(value, 0) <= _MOST_NODES):
        text = _exact(value)
        if text is not None:
            return text, None
    return for_people(value), _pickled(value)


def input_cell(item: Any) -> object:
    """An item for people: a text or number as it is, anything else as JSON."""
    kind = type(item)
    if kind is str:
        return _clean(item if len(item) <= _SHOWN_TEXT else item[: _SHOWN_TEXT - 1] + "…")
    if (kind is int and -_INT64 <= item < _INT64) or (kind is float and math.isfinite(item)):
        return item
    key = getattr(kind, "__plait_key__", None)
    return for_people(item, key)


def for_people(value: object, key: Callable[[Any], object] | None = None) -> str:
    """A value, or what `key` makes of it, as JSON that says what matters of it; whatever its own methods do."""
    try:
        return _clean(json.dumps(_shown(value if key is None else key(value), [_SHOWN_NODES]), ensure_ascii=False))
    except Exception as error:  # what people are shown must not cost them the outcome
        return _clean(json.dumps({"__repr__": f"<{type_name(type(value))}, of which a part raised {brief(error)}>"}))


def _exact(value: object) -> str | None:
    """The value as JSON, when it reads back as the same value and type."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        return text if text.isascii() or text.encode() else None
    except (ValueError, RecursionError):  # not a number, an endless one, halves of letters, loops
        return None


def _count(value: Any, depth: int) -> int:
    """How many nodes a list or dict of plain data has; more than any limit when it is not plain."""
    if len(value) > _MOST_NODES or depth > 20:
        return _MOST_NODES + 1
    if type(value) is dict:
        if not all(type(key) is str for key in value):
            return _MOST_NODES + 1
        value = value.values()
    total = len(value)
    for child in value:
        if type(child) not in _SCALARS:
            total += _count(child, depth + 1) if type(child) in (list, dict) else _MOST_NODES
            if total > _MOST_NODES:
                break
    return total


def _shown(value: Any, left: list[int]) -> object:
    left[0] -= 1
    if left[0] < 0:
        return "…"
    kind = type(value)
    if kind is str:
        return value if len(value) <= _SHOWN_TEXT else value[: _SHOWN_TEXT - 1] + "…"
    if value is None or kind is bool or (kind is int and -_INT64 <= value < _INT64):
        return value
    if kind is float and math.isfinite(value):
        return value
    parts = _parts(value)
    if isinstance(parts, dict):
        return {str(key)[:_SHOWN_TEXT]: _shown(each, left) for key, each in _first(parts.items(), left)}
    if isinstance(parts, (list, tuple, set, frozenset)):
        return [_shown(each, left) for each in _first(parts, left)]
    return {"__repr__": parts}


def _parts(value: Any) -> Any:
    """The dict or sequence that a value looks like, or a text about it; its own ``__repr__`` may be very slow."""
    if isinstance(value, (dict, list, tuple, set, frozenset)):
        return value
    if hasattr(type(value), "for_people"):  # a command's result
        return value.for_people()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    if isinstance(value, float):
        return repr(value)
    kind, shape = type(value), getattr(value, "shape", "")
    return f"<{kind.__module__}.{kind.__qualname__}{f' {shape}' if shape else ''}>"


def _first(values: Any, left: list[int]) -> list[Any]:
    """As many as are shown; the others are not even looked at."""
    return [value for value, _ in zip(values, range(max(0, left[0]) + 1), strict=False)]


def _in_words(error: BaseException) -> tuple[str, str, str]:
    return type_name(type(error)), _clean(text_of(error)), _clean(traceback_of(error))


def _pickled(value: object) -> bytes:
    try:
        try:
            return dumps(value, 5)
        except Exception:
            from plait._engines.pickling.by_value import dumps_by_value  # brings cloudpickle along

            return dumps_by_value(value, lambda _: True, ())
    except Exception as error:
        raise Unstorable(f"{type(error).__name__}: {text_of(error)}") from error


def _clean(text: str) -> str:
    """A text that UTF-8 can hold: names of files may be no letters at all."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
