"""What a sampled wait is where the thread that waits has nothing to do: pure."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from plait._core.trace import State
from plait._see.recorder.library import Windows
from plait._see.stretches import Change

_RUNS = (State.ABSENT, State.PYTHON, State.NATIVE, State.GIL, State.CORE, State.UNSEEN)


def with_idle(
    changes: dict[int, list[Change]], services: AbstractSet[int], windows: Iterable[Windows]
) -> dict[int, list[Change]]:
    """As changes say, by thread, but idle where it waits for work.

    A thread that the library has for itself does whenever it waits. One that runs the loop of windows does when it
    waits for a lock: for those of the program's own it says so itself, so that this is one in C, for the next event.

    >>> seen = [(0, State.LOCK, 0), (20, State.SOCKET, 0), (40, State.LOCK, 0)]
    >>> with_idle({7: seen}, set(), [Windows(7, 10, 50)])[7]  # it was in the first wait when the loop began
    [(0, <State.LOCK: 5>, 0), (20, <State.SOCKET: 13>, 0), (40, <State.IDLE: 15>, 0)]
    """
    found = dict(changes)
    for tid in services & found.keys():
        found[tid] = [(at, state if state in _RUNS else State.IDLE, text) for at, state, text in found[tid]]
    for one in windows:
        found[one.tid] = [_in_a_loop(change, one) for change in found.get(one.tid, ())]
    return found


def _in_a_loop(change: Change, loop: Windows) -> Change:
    moment, state, text = change
    return (moment, State.IDLE, text) if state == State.LOCK and loop.began <= moment < loop.ended else change
