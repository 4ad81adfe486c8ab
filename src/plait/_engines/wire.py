"""The frames that travel between a driver and its worker processes: a fixed head, then a payload.

    driver → worker   FUNCTION  payload: the function            key: its number
                      BATCH     payload: BATCH_HEAD, then items  key: the batch's number
                      SETTING   payload: what to change          (search path, folder)
                      FORGET                                 key: a function's number
                      QUIT
    worker → driver   HELLO     key: its pid
                      RESULT    payload: RESULT_HEAD, then data  key: the batch's number
                      REFUSED   payload: a described error       key: the function's number
                      OUTPUT    payload: text                    key: 1 stdout, 2 stderr
                      LOG       payload: the fields of a log record

A payload whose flag says so starts with a pickled `Extra`: buffers that lie in the sender's arena, and slots of the
receiver's own arena that are free again. Worker modules, this one included, import little: start-up time is theirs.
"""

from __future__ import annotations

import struct
from _pickle import dumps, loads

HEAD = struct.Struct("<BBHIQ")  # operation, flags, function number, key, payload length
BATCH_HEAD = struct.Struct("<QQQII")  # first sequence number, budget in ns, first index, attempt, items
RESULT_HEAD = struct.Struct("<BBxxxxxxQQQ")  # kind of data, kind of the last entry, ns: began and spent, data length
EXTRA_HEAD = struct.Struct("<I")

FUNCTION, BATCH, SETTING, FORGET, QUIT = 1, 2, 3, 4, 5
HELLO, RESULT, REFUSED, OUTPUT, LOG, MISHAP, ENDED = 11, 12, 13, 14, 15, 16, 17

HAS_EXTRA = 1  # flag: the payload starts with an Extra
TRACKED = 2  # flag of a batch: every item must be claimed and logged on the board
STORED = 4  # flag: the data is the last buffer of the Extra, not in the frame
TIMED = 16  # flag of a batch: when each item ended is to be told

# Kinds of a RESULT. LOGGED: on the board's log, and perhaps one more entry in the frame. WHOLE: all values and failures
# in one pickle, in the frame; ON_BOARD: the same, on the board; IN_ARENA: the same, in the worker's arena. UNREADABLE:
# the items could not be unpickled; a described error.
LOGGED, WHOLE, ON_BOARD, IN_ARENA, UNREADABLE = range(5)
LEAVING = 8  # flag of a RESULT: the worker ends after this

Extra = tuple[list[tuple[int, int]], list[int]]  # buffers as (offset, length), freed offsets


def pack(operation: int, key: int, payload: bytes, *, flags: int = 0, function: int = 0) -> bytes:
    """One frame."""
    return HEAD.pack(operation, flags, function, key, len(payload)) + payload


def pack_extra(extra: Extra) -> bytes:
    """The start of a payload flagged HAS_EXTRA."""
    data = dumps(extra, 5)
    return EXTRA_HEAD.pack(len(data)) + data


def unpack_extra(payload: memoryview) -> tuple[Extra, memoryview]:
    """The Extra and what follows it."""
    (length,) = EXTRA_HEAD.unpack_from(payload)
    start = EXTRA_HEAD.size
    extra: Extra = loads(payload[start : start + length])
    return extra, payload[start + length :]
