"""Finds the switches of a token in the program as it is now: after an edit elsewhere, or on another Python.

A switch says where it belongs by a label (`event.label`, and for the how many-th time) and by a number of steps. The
number is only good for the very program and Python that it was counted on; so the switches are looked for one after the
other, each in an execution that follows those before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from plait._check.reading.history import History
from plait._check.record import Record, Switch
from plait._check.shrink import Run
from plait._core.event import Kind, label


class Settled(NamedTuple):
    """The execution that follows the switches as far as they apply, and how many of them do."""

    record: Record
    applied: int


def settle(switches: Sequence[Switch], run: Run) -> Settled:
    """Runs the program under the switches, wherever their places are by now."""
    record = run(switches)
    if [*record.switches[: len(switches)]] == [*switches]:
        return Settled(record, len(switches))
    found: list[Switch] = []
    for switch in switches:
        record = run(found)
        step = _step(record, switch)
        if step is None:
            return Settled(record, len(found))
        found.append(switch._replace(step=step))
    record = run(found)
    return Settled(record, len(found))


def _step(record: Record, switch: Switch) -> int | None:
    """How many events the thread has executed when it comes to the place; None if it never does."""
    history = History(record)
    mine = history.of.get(switch.thread, [])
    words, _, times = switch.label.partition("#")
    if words == label(None):
        return len(mine) if mine and history.events[mine[-1]].kind == Kind.END else None
    left = int(times) if times.isdigit() else 1
    for step, index in enumerate(mine):
        left -= label(history.events[index]) == words
        if not left:
            return step
    pending = [one.pending for one in record.failure.blocked if one.thread == switch.thread] if record.failure else []
    return len(mine) if pending and left == 1 and label(pending[0]) == words else None
