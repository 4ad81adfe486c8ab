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
    from typing import Any, Final

PLAIN, VALUE, FAILURE, STORED_VALUE = range(4)  # opcodes; a pickle; a described error; a pickled (refs, stored, data)
LIMIT = 1 << 16  # bytes of a plain value

_OPEN, _CLOSE = b"\x80\x05](", b"e."  # a list of all that stands between the two
_FRAME = 0x95
_WRAPS = 0x96
_HEAD = 9  # bytes before the data of what is wrapped


def wrapped(kind: int, data: bytes) -> bytes:
    """The entry for a result that does not stand for itself."""
    return b"".join((_WRAPPED.pack(_WRAPS, len(data) + 1), data, _KINDS[kind]))


def unwrapped(entry: bytes) -> tuple[int, bytes | memoryview]:
    r"""The kind of an entry, and its data.

    >>> unwrapped(wrapped(VALUE, b"data"))[0] == VALUE, unwrapped(FLAT[bool](True))
    (True, (0, b'\x88'))
    """
    return (entry[-1], memoryview(entry)[_HEAD:-1]) if entry[0] == _WRAPS else (PLAIN, entry)


def timed(entry: bytes, spent: int) -> bytes:
    """The entry, and the time after it."""
    return entry + _TIME.pack(b"\x8a", 8, spent)


def read(log: bytes | bytearray | memoryview) -> list[Any]:
    """The objects of a log; those that are wrapped are bytearrays."""
    whole: list[Any] = loads(b"".join((_OPEN, log, _CLOSE)))
    return whole


_pack_int, _pack_float, _pack_size = struct.Struct("<ci").pack, struct.Struct(">cd").pack, struct.Struct("<cI").pack
_KINDS = [bytes([kind]) for kind in range(4)]
_ELSEWHERE = b""  # no opcodes
_WRAPPED, _TIME = struct.Struct("<BQ"), struct.Struct("<cBq")


def _int(value: int) -> bytes:
    try:
        return _pack_int(b"J", value)
    except struct.error:  # it is a large one
        data = dumps(value, 5)
        if len(data) >= LIMIT:
            return _ELSEWHERE
        return data[11:-1] if data[2] == _FRAME else data[2:-1]


def _str(value: str) -> bytes:
    if len(value) >= LIMIT:
        return _ELSEWHERE
    try:
        data = value.encode()
    except UnicodeEncodeError:
        data = value.encode("utf-8", "surrogatepass")
    return _pack_size(b"X", len(data)) + data


def _bytes(value: bytes) -> bytes:
    return _pack_size(b"B", len(value)) + value if len(value) < LIMIT else _ELSEWHERE


def _tuple(value: tuple[Any, ...]) -> bytes:
    if len(value) == 2:
        first, second = value
        one, two = PLAIN_TYPES[type(first)](first), PLAIN_TYPES[type(second)](second)
        return one + two + b"\x86" if one and two else _ELSEWHERE
    if len(value) == 3:
        parts = [PLAIN_TYPES[type(part)](part) for part in value]
        return b"".join([*parts, b"\x87"]) if all(parts) else _ELSEWHERE
    return _ELSEWHERE


class Flat(dict[type, "Callable[[Any], bytes]"]):
    """What gives the opcodes of a value, by its type; no opcodes for values of other types."""

    def __missing__(self, _: type) -> Callable[[Any], bytes]:
        return _elsewhere


def _elsewhere(_: object) -> bytes:
    return _ELSEWHERE


# Plain types; of results that are too long there are no opcodes, and they belong elsewhere.
PLAIN_TYPES: Final = Flat({
    int: _int,
    float: lambda value: _pack_float(b"G", value),
    str: _str,
    bytes: _bytes,
    bool: lambda value: b"\x88" if value else b"\x89",
    type(None): lambda _: b"N",
})  # fmt: skip
# The same, and two or three plain values in a tuple.
FLAT: Final = Flat({**PLAIN_TYPES, tuple: _tuple})
