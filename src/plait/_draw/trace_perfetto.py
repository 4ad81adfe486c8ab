"""A trace as the JSON of Chrome's trace events, which ui.perfetto.dev, speedscope and chrome://tracing open."""

from __future__ import annotations

import json
from collections.abc import Iterator

from plait._core.trace import WORDS, Trace
from plait._draw.trace_data import encode

_WAITS = 1  # process numbers of the two groups of tracks
_ITEMS = 2


def draw_perfetto(trace: Trace) -> str:
    """The whole file: states, items above each other's lanes, and an arrow from who lets a lock go to who gets it.

    Slices of one track never overlap, so nothing need be nested.
    """
    other = json.dumps({"plait": encode(trace), "summary": trace.summary, "missing": trace.missing})
    return '{"displayTimeUnit":"ms","otherData":' + other + ',"traceEvents":[\n' + ",\n".join(_events(trace)) + "\n]}\n"


def _events(trace: Trace) -> Iterator[str]:
    yield _meta("process_name", _WAITS, 0, f"{trace.title}: states")
    yield _meta("process_name", _ITEMS, 0, f"{trace.title}: items")
    with_items = {one.lane for one in trace.slices}
    for at, lane in enumerate(trace.lanes):
        yield _meta("thread_name", _WAITS, at + 1, lane.name)
        if at in with_items:
            yield _meta("thread_name", _ITEMS, at + 1, lane.name)
        for began, ended, state, detail in lane.stretches(trace.microseconds):
            arguments: dict[str, object] = {"what": trace.texts[detail]} if detail else {}
            yield _slice(_WAITS, at, began, ended, WORDS[state], arguments)
    for one in trace.slices:
        yield _slice(_ITEMS, one.lane, one.began, one.ended, one.name, {"failed": True} if one.failed else {})
    for number, wait in enumerate(trace.waits):
        if wait.giver >= 0 and wait.giver != wait.lane:
            common = f'"cat":"lock","name":"lets go","id":{number},"pid":{_WAITS}'
            yield f'{{"ph":"s",{common},"tid":{wait.giver + 1},"ts":{max(0, wait.ended - 1)}}}'
            yield f'{{"ph":"f","bp":"e",{common},"tid":{wait.lane + 1},"ts":{wait.ended}}}'


def _slice(pid: int, lane: int, began: int, ended: int, name: str, arguments: dict[str, object]) -> str:
    more = f',"args":{json.dumps(arguments)}' if arguments else ""
    length = max(0, ended - began)
    return f'{{"ph":"X","pid":{pid},"tid":{lane + 1},"ts":{began},"dur":{length},"name":{json.dumps(name)}{more}}}'


def _meta(kind: str, pid: int, tid: int, name: str) -> str:
    return f'{{"ph":"M","pid":{pid},"tid":{tid},"name":"{kind}","args":{{"name":{json.dumps(name)}}}}}'
