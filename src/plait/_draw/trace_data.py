"""A trace as data: columns of whole numbers in JSON, deflated, in base64, as it lies in every file that shows one."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from array import array
from itertools import accumulate
from typing import Any

from plait._core.trace import WORDS, Lane, Slice, State, Trace, Wait
from plait._draw.rows import rows_of

_MARK = re.compile(r'"plait-trace:([A-Za-z0-9+/=]+)"')


def encode(trace: Trace) -> str:
    """The data as a word that can stand between quotes anywhere: ``plait-trace:`` and base64."""
    names: dict[str, int] = {}

    def number(text: str) -> int:
        return names.setdefault(text, len(names))

    waits = [
        (*wait[:4], number(wait.name), number(wait.where), wait.holder, number(wait.held_at), *map(int, wait[8:]))
        for wait in trace.waits
    ]
    slices = [(*one[:3], number(one.name), number(one.group), int(one.failed)) for one in trace.slices]
    data = {
        "title": trace.title,
        "began": trace.began,
        "end": trace.microseconds,
        "words": [WORDS[state] for state in State],
        "lanes": [_lane(trace, at) for at in range(len(trace.lanes))],
        "rows": rows_of(trace),
        "waits": _columns(waits, 12),
        "slices": _columns(slices, 6),
        "names": list(names),
        "texts": trace.texts,
        "missing": trace.missing,
        "facts": trace.facts,
        "summary": trace.summary,
    }
    raw = json.dumps(data, separators=(",", ":")).encode()
    return "plait-trace:" + base64.b64encode(zlib.compress(raw, 6)).decode()


def from_file(text: str) -> Trace:
    """The trace in a file that shows one.

    Raises:
        ValueError: there is none.
    """
    found = _MARK.search(text)
    if found is None:
        raise ValueError("there is no trace in it")
    try:
        return _decode(json.loads(zlib.decompress(base64.b64decode(found[1]))))
    except (binascii.Error, zlib.error, KeyError, IndexError, TypeError) as error:
        raise ValueError(f"its data are damaged: {error}") from error


def _decode(data: dict[str, Any]) -> Trace:
    names = data["names"]
    trace = Trace(data["title"], data["began"], data["end"])
    for lane in data["lanes"]:
        trace.lanes.append(
            Lane(
                lane["name"],
                lane["kind"],
                lane["pid"],
                lane["tid"],
                array("q", accumulate(lane["moments"])),
                bytearray(lane["states"]),
                array("L", lane["details"]),
                lane["cpu"],
                lane["queued"],
                lane["native"],
                lane.get("garbage", 0.0),  # older files have none
            )
        )
    for lane, began, length, state, name, where, holder, held_at, giver, which, got, *permits in _rows(data["waits"]):
        at = names[where], holder, names[held_at], giver, which, bool(got), *permits
        trace.waits.append(Wait(lane, began, began + length, State(state), names[name], *at))
    for lane, began, length, name, group, failed in _rows(data["slices"]):
        trace.slices.append(Slice(lane, began, began + length, names[name], names[group], bool(failed)))
    trace.texts, trace.missing = data["texts"], data["missing"]
    trace.facts, trace.summary = data["facts"], data["summary"]
    return trace


def _lane(trace: Trace, at: int) -> dict[str, object]:
    lane = trace.lanes[at]
    return {
        "name": lane.name,
        "kind": lane.kind,
        "pid": lane.pid,
        "tid": lane.tid,
        "moments": _steps(list(lane.moments)),
        "states": list(lane.states),
        "details": list(lane.details),
        "cpu": lane.cpu,
        "queued": lane.queued,
        "native": lane.native,
        "garbage": lane.garbage,
        "times": {int(state): round(seconds, 6) for state, seconds in trace.times(at).items()},
    }


def _columns(rows: list[tuple[Any, ...]], width: int) -> list[list[int]]:
    """One list for each column; of the second, the beginnings, the steps, and of the third, the ends, the lengths."""
    if not rows:
        return [[] for _ in range(width)]
    columns = [list(column) for column in zip(*rows, strict=True)]
    columns[2] = [end - start for start, end in zip(columns[1], columns[2], strict=True)]
    columns[1] = _steps(columns[1])
    return columns


def _rows(columns: list[list[int]]) -> list[tuple[int, ...]]:
    return list(zip(columns[0], accumulate(columns[1]), *columns[2:], strict=True))


def _steps(rising: list[int]) -> list[int]:
    return [b - a for a, b in zip([0, *rising], rising, strict=False)]
