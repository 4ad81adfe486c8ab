"""Outcomes as JSON lines.

One line per item, with exactly these keys::

    {"index": 0, "input": "a.txt", "value": 17}
    {"index": 1, "input": "b.txt", "error": {"type": "OSError", "message": "...", "traceback": "..."}}

What JSON has no word for stands as ``{"__repr__": "<Thing 7>"}``, wherever in a value it is. Dates are ISO texts, paths
and UUIDs their text, sets and arrays lists, dataclasses, models of pydantic and what attrs has made objects, enum
members their value.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import math
import os
from typing import Any

from plait._cli.json_items import Unreadable
from plait._core.notes import text_of
from plait._core.outcome import Outcome
from plait._core.tracebacks import traceback_of, type_name
from plait._run.command import CommandFailed, CommandResult

_AS_TEXT = ("decimal", "fractions", "uuid", "ipaddress")  # modules whose objects their text says all about
_DEEPEST = 100
_LONGEST_INT = 8192  # bits; CPython refuses to write much longer ones in decimal


def record_line(outcome: Outcome[Any]) -> bytes:
    """The outcome as one line of JSON."""
    record: dict[str, object] = {"index": outcome.index, "input": _input(outcome.input)}
    if outcome.error is None:
        record["value"] = outcome.value.for_people() if isinstance(outcome.value, CommandResult) else outcome.value
    else:
        record["error"] = describe(outcome.error)
    return to_json(record) + b"\n"


def describe(error: BaseException) -> dict[str, object]:
    """Type, message and traceback of an error; of a failed command, also its exit status and what it wrote."""
    name = type_name(type(error))
    if isinstance(error, CommandFailed):
        return {"type": name, "message": text_of(error), "traceback": "", **error.result.for_people()}
    return {"type": name, "message": text_of(error), "traceback": traceback_of(error)}


def to_json(value: object) -> bytes:
    """One line of strict JSON in UTF-8, whatever the value."""
    try:
        text = _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError):  # keys, numbers or loops that JSON does not have
        text = json.dumps(_marked(value, ()), ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError:  # names of files that are not UTF-8
        return json.dumps(json.loads(text)).encode()


def _input(item: object) -> object:
    return item.text if isinstance(item, Unreadable) else item


def _other(value: Any) -> object:
    """What stands for a value that the json module does not know."""
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if type(value).__module__ in _AS_TEXT:
        return str(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return _in_order(value)
    if hasattr(value, "dtype") and hasattr(value, "tolist"):  # arrays and numbers of numpy and its kin
        return value.tolist()
    return _of_fields(value)


def _of_fields(value: Any) -> object:
    """What is in an object whose class says of what its objects consist."""
    kind = type(value)
    if dataclasses.is_dataclass(kind):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(kind)}
    if hasattr(kind, "__attrs_attrs__"):
        return {field.name: getattr(value, field.name) for field in kind.__attrs_attrs__}
    return _dumped(value) if hasattr(kind, "model_dump") else _mark(value)


def _dumped(model: Any) -> object:
    """Of a model of pydantic."""
    try:
        return model.model_dump(mode="json")
    except Exception:  # a part that pydantic does not know
        return _mark(model)


def _marked(value: object, inside: tuple[int, ...]) -> object:
    """The value with what JSON cannot say replaced; `inside` has the ids of what it is a part of, to see loops."""
    if id(value) in inside or len(inside) > _DEEPEST:
        return _mark(value)
    if isinstance(value, float) and not math.isfinite(value):
        return _mark(value)
    if isinstance(value, int) and value.bit_length() > _LONGEST_INT:
        return {"__repr__": hex(value)}
    if value is None or isinstance(value, (str, int, float)):
        return value
    within = (*inside, id(value))
    if isinstance(value, dict):
        return {key if isinstance(key, str) else text_of(key): _marked(kept, within) for key, kept in value.items()}
    if isinstance(value, (list, tuple)):
        return [_marked(kept, within) for kept in value]
    other = _other(value)
    return other if isinstance(other, dict) and "__repr__" in other else _marked(other, within)


def _mark(value: object) -> dict[str, str]:
    try:
        return {"__repr__": repr(value)}
    except Exception as error:  # a broken __repr__ must not cost the other results
        return {"__repr__": f"<{type(value).__name__} whose repr raised {type(error).__name__}>"}


def _in_order(values: Any) -> list[object]:
    try:
        return sorted(values)
    except TypeError:  # of several kinds
        return list(values)


_ENCODER = json.JSONEncoder(default=_other, ensure_ascii=False, allow_nan=False)
