"""Entries of a worker's log: each is the opcodes that push one object, so a whole log is one pickle, read in one go.

A number or a text stands for itself, which a few bytes say. Anything else is a bytearray, which no such value is: what
the kind says, which is its last byte. When items are timed, the ns since the batch began follow each.
"""

from __future__ import annotations

import struct
from _pickle import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module, and typing would double their start-up time
    from _collections_abc import Callable
    from typing import Any

PLAIN, VALUE, FAILURE, STORED_VALUE = range(4)  # opcodes; a pickle; a described error; a pickled (refs, stored, data)
LIMIT = 1 << 16  # bytes of a plain value

_OPEN, _CLOSE = b"\x80\x05](", b"e."  # a list of all that stands between the two
_FRAME = 0x95


def wrapped(kind: int, data: bytes) -> bytes:
    """The entry for a result that does not stand for itself."""
    return b"".join((_WRAPPED.pack(b"\x96", len(data) + 1), data, _KINDS[kind]))


def timed(entry: bytes, spent: int) -> bytes:
    """The entry, and the time after it."""
    return entry + _TIME.pack(b"\x8a", 8, spent)


def read(log: bytes | bytearray | memoryview) -> list[Any]:
    """The objects of a log; those that are wrapped are bytearrays."""
    whole: list[Any] = loads(b"".join((_OPEN, log, _CLOSE)))
    return whole


_INT, _FLOAT, _SIZED = struct.Struct("<ci"), struct.Struct(">cd"), struct.Struct("<cI")
_KINDS = [bytes([kind]) for kind in range(4)]
_TOO_LONG = bytes(LIMIT)
_WRAPPED, _TIME = struct.Struct("<cQ"), struct.Struct("<cBq")


def _int(value: int) -> bytes:
    if -0x80000000 <= value <= 0x7FFFFFFF:
        return _INT.pack(b"J", value)
    data = dumps(value, 5)
    return data[11:-1] if data[2] == _FRAME else data[2:-1]


def _str(value: str) -> bytes:
    if len(value) >= LIMIT:
        return _TOO_LONG
    data = value.encode("utf-8", "surrogatepass")
    return _SIZED.pack(b"X", len(data)) + data


def _bytes(value: bytes) -> bytes:
    return _SIZED.pack(b"B", len(value)) + value if len(value) < LIMIT else _TOO_LONG


# For each plain type, what gives the opcodes of a value; results longer than LIMIT belong elsewhere.
OPCODES: dict[type, Callable[[Any], bytes]] = {
    int: _int,
    float: lambda value: _FLOAT.pack(b"G", value),
    str: _str,
    bytes: _bytes,
    bool: lambda value: b"\x88" if value else b"\x89",
    type(None): lambda _: b"N",
}
