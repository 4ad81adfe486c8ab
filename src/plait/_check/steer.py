"""Switches that lead an execution past chosen events in a chosen order, from one that took another order."""

from __future__ import annotations

from collections.abc import Sequence

from plait._check.clock import EARLY
from plait._check.history import History
from plait._check.record import Switch
from plait._core.event import Kind


def steer(history: History, since: int, targets: Sequence[int], then: int) -> tuple[Switch, ...] | None:
    """The switches that make the targets happen one after the other, or None when the program itself orders them else.

    All that came before event `since` comes first, as it did. Before each target comes what must come before it
    (`History.must`), and nothing more of that thread; at the end thread `then` goes on. Locks are not looked at: when
    one is in the way, the execution takes another turn, which does no harm.
    """
    order: list[int] = []
    done: set[int] = set()
    for target in targets:
        if target in done or target < since:
            return None  # it is needed for an earlier target
        for index in range(since, target + 1):
            if index not in done and (index == target or history.must(index, target)):
                done.add(index)
                order.append(index)
    return tuple(_switches(history, since, order, then))


def awake(history: History, switches: Sequence[Switch], *, all_of_them: bool) -> tuple[Switch, ...]:
    """The same with short sleeps that end at once: those that did so in this execution, or all of them.

    Else time only passes when all wait, and who sleeps cannot be led anywhere. Nothing is added where nobody sleeps.
    """
    found: list[Switch] = []
    reached: dict[int, int] = {}
    for switch in switches:
        mine = history.of.get(switch.thread, [])
        for step in range(reached.get(switch.thread, 0), min(switch.step + 1, len(mine))):
            event = history.events[mine[step]]
            if event.kind == Kind.SLEEP and (event.name == EARLY or all_of_them):
                found.append(Switch(switch.thread, step, switch.thread, history.place(switch.thread, step)))
        reached[switch.thread] = max(reached.get(switch.thread, 0), switch.step + 1)
        found.append(switch)
    return tuple(found)


def _switches(history: History, since: int, order: Sequence[int], then: int) -> list[Switch]:
    """Those of the execution itself before event `since`, then one at each change of thread in `order`."""
    found = [_switch(history, index - 1, history.events[index].thread) for index in history.changes_before(since)]
    running = history.events[since - 1].thread if since else 0
    last = {thread: mine[-1] for thread, mine in history.until(since).items() if mine}
    for index in order:
        thread = history.events[index].thread
        if thread != running:
            found.append(_switch(history, last.get(running, -1), thread, running))
            running = thread
        last[thread] = index
    if then != running:
        found.append(_switch(history, last.get(running, -1), then, running))
    return found


def _switch(history: History, after: int, to: int, thread: int = 0) -> Switch:
    """After event `after`, or at the very beginning of `thread` when it is -1, thread `to` goes on."""
    step = 0
    if after >= 0:
        thread = history.events[after].thread
        step = history.steps[after] + 1
    return Switch(thread, step, to, history.place(thread, step))
