"""Switches that lead an execution past chosen events in a chosen order, from one that took another order."""

from __future__ import annotations

from collections.abc import Sequence

from plait._check.history import History
from plait._check.record import Switch
from plait._core.event import label


def steer(history: History, targets: Sequence[int], then: int = -1) -> tuple[Switch, ...] | None:
    """The switches that make the targets happen one after the other, or None when the program itself orders them else.

    Before each target comes what must come before it (`History.must`), and nothing more of that thread; at the end
    thread `then` goes on, if one is given. Locks are not looked at: when one is in the way, the execution takes another
    turn, which does no harm.
    """
    order: list[int] = []
    done: set[int] = set()
    for target in targets:
        if target in done:
            return None  # it is needed for an earlier target
        for index in range(target + 1):
            if index not in done and (index == target or history.must(index, target)):
                done.add(index)
                order.append(index)
    return tuple(_switches(history, order, then))


def place_of(history: History, thread: int, step: int) -> str:
    """The label of a switch: what the thread is about to do after `step` events, and for the how many-th time."""
    mine = history.of.get(thread, [])
    if step >= len(mine):
        return label(None)
    words = label(history.events[mine[step]])
    times = sum(1 for index in mine[: step + 1] if label(history.events[index]) == words)
    return words if times == 1 else f"{words}#{times}"


def _switches(history: History, order: Sequence[int], then: int) -> list[Switch]:
    steps: dict[int, int] = {}
    found: list[Switch] = []
    running = 0
    for index in order:
        thread = history.events[index].thread
        if thread != running:
            step = steps.get(running, 0)
            found.append(Switch(running, step, thread, place_of(history, running, step)))
            running = thread
        steps[thread] = steps.get(thread, 0) + 1
    if then not in (-1, running):
        step = steps.get(running, 0)
        found.append(Switch(running, step, then, place_of(history, running, step)))
    return found
