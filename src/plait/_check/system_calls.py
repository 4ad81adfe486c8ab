"""Which files a thread of this process waits for in a call of the system that no time ends. Linux on two machines."""

from __future__ import annotations

import os
import platform
import re
import select
import selectors
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, NamedTuple

_IN, _OUT = select.POLLIN if hasattr(select, "POLLIN") else 1, select.POLLOUT if hasattr(select, "POLLOUT") else 4
_ENTRY = struct.Struct("=ihh")  # of what is polled: descriptor, events asked for, events that came
_MOST = 1024  # files that are looked at


class Wait(NamedTuple):
    """A descriptor, and the events of `poll` that are waited for."""

    file: int
    events: int


class _Calls(NamedTuple):
    """Numbers: of calls that read, that write, of poll and ppoll, epoll_wait and epoll_pwait, select and pselect6."""

    reads: tuple[int, ...]
    writes: tuple[int, ...]
    poll: int
    ppoll: int
    epolls: tuple[int, ...]
    selects: tuple[int, ...]


_CALLS: Final = {
    "x86_64": _Calls((0, 19, 43, 45, 47, 288), (1, 20, 44, 46), 7, 271, (232, 281), (23, 270)),
    "aarch64": _Calls((63, 65, 202, 207, 212, 242), (64, 66, 206, 211), -1, 73, (22,), (72,)),
}


TELLS: Final = os.path.isdir("/proc/self/task") and platform.machine() in _CALLS
"""Whether this system says what threads wait for."""


def waits_of(native: int) -> list[Wait] | None:
    """What the thread of this number waits for; None if it cannot be told, or time will end the call."""
    calls = _CALLS.get(platform.machine())
    try:
        words = Path(f"/proc/self/task/{native}/syscall").read_text().split()
        if calls is None or len(words) < 7:
            return None
        call, values = int(words[0]), [int(word, 16) for word in words[1:7]]
        return _waits(calls, call, values)
    except (OSError, ValueError):
        return None


def is_ready(waits: Collection[Wait]) -> bool:
    """Whether a wait is over by now, or for something that is closed."""
    asked = select.poll()
    for wait in waits:
        asked.register(wait.file, wait.events)
    return any(not events & select.POLLNVAL for _, events in asked.poll(0))


def watched(selector: selectors.BaseSelector) -> list[Wait]:
    """What a selector waits for."""
    asks = (selectors.EVENT_READ, _IN), (selectors.EVENT_WRITE, _OUT)
    return [
        Wait(key.fd, sum(event for flag, event in asks if key.events & flag)) for key in selector.get_map().values()
    ]


def _waits(calls: _Calls, call: int, values: list[int]) -> list[Wait] | None:
    if call in calls.reads or call in calls.writes:
        return [Wait(values[0], _IN if call in calls.reads else _OUT)]
    if call in (calls.poll, calls.ppoll):
        for_ever = not values[2] if call == calls.ppoll else bool(values[2] & 0x80000000)
        return [*_polled(values[0], values[1])] if for_ever else None
    if call in calls.epolls:
        return [*_watched(values[0])] if values[3] & 0x80000000 else None
    if call in calls.selects and not values[4] and values[0] <= _MOST:
        bits = (_IN, values[1]), (_OUT, values[2]), (_IN, values[3])
        return [Wait(one, events) for events, at in bits if at for one in _selected(at, values[0])]
    return None


def _polled(at: int, many: int) -> Iterator[Wait]:
    for number, events, _ in _ENTRY.iter_unpack(_memory(at, min(many, _MOST) * _ENTRY.size)):
        yield Wait(number, events)


def _watched(number: int) -> Iterator[Wait]:
    text = Path(f"/proc/self/fdinfo/{number}").read_text()
    for found in re.finditer(r"^tfd:\s*(\d+)\s+events:\s*([0-9a-f]+)", text, re.MULTILINE):
        yield Wait(int(found[1]), int(found[2], 16) & (_IN | _OUT))


def _selected(at: int, end: int) -> list[int]:
    bits = int.from_bytes(_memory(at, (end + 63) // 64 * 8), "little")
    return [number for number in range(end) if bits >> number & 1]


def _memory(at: int, size: int) -> bytes:
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        return os.pread(memory.fileno(), size, at)
