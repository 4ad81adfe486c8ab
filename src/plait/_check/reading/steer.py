"""Switches that lead an execution past chosen events in a chosen order, from one that took another order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from plait._check.clock import EARLY
from plait._check.reading.history import History
from plait._check.reading.turns import is_choice
from plait._check.record import Switch
from plait._core.event import Event, Kind


def steer(history: History, since: int, targets: Sequence[int], then: int) -> tuple[Switch, ...] | None:
    """The switches that make the targets happen one after the other, or None when the program itself orders them else.

    All that came before event `since` comes first, as it did. Before each target comes what must come before it
    (`History.must`), and nothing more of that thread; at the end thread `then` goes on. A task of an event loop goes on
    to the end of its turn before another one has its own. Locks are not looked at: when one is in the way, the
    execution takes another turn, which does no harm.
    """
    begin = history.turns.of(since)
    plan = _Plan(history, since if begin < 0 else begin)
    for target in targets:
        if target in plan.done:
            return None  # it is needed for an earlier target
        for index in range(plan.since, target + 1):
            if index not in plan.done and (index == target or history.must(index, target)):
                plan.put(index)
    return tuple(_switches(history, plan.since, plan.order, then))


class _Plan:
    """The events from `since` on, in another order, in which no task is stopped within its turn for another one."""

    def __init__(self, history: History, since: int) -> None:
        self.since = since
        self.order: list[int] = []
        self.done: set[int] = set()
        self._turns = history.turns
        self._open = history.turns.open_at(since)  # for the thread of each loop, the turn that is not over

    def put(self, index: int) -> None:
        """This one comes next, after the rest of the turn that is not over, and after the beginning of its own."""
        turn = self._turns.of(index)
        if turn >= 0:
            host = self._turns.host(turn)
            before = self._open.get(host, turn)
            if before != turn:
                self._add(self._turns.members(before))
            self._open[host] = turn
            self._add(member for member in self._turns.members(turn) if member < index)
        self._add((index,))

    def _add(self, indices: Iterable[int]) -> None:
        for index in indices:
            if index >= self.since and index not in self.done:
                self.done.add(index)
                self.order.append(index)


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


def _switches(history: History, since: int, order: Sequence[int], then: int) -> Iterator[Switch]:
    """Those of the execution itself before event `since`, then one at each change of thread in `order`."""
    events, hosts = history.events, history.turns.hosts
    for index in history.changes_before(since):
        if hosts.get(events[index - 1].thread) != events[index].thread:  # a task gives its loop back unasked
            yield _switch(history, index - 1, history.steps[index - 1] + 1, events[index].thread)
    last = since - 1
    running = events[last].thread if since else 0
    steps = {thread: history.steps[mine[-1]] + 1 for thread, mine in history.until(since).items() if mine}
    for index in order:
        thread = events[index].thread
        if thread not in (running, hosts.get(running)):
            yield _switch(history, last, steps.get(running, 0), thread, running)
        running, last = thread, index
        steps[thread] = steps.get(thread, 0) + 1  # a loop's thread has its turns in the order that they have here
    host = hosts.get(running)
    if host is not None and hosts.get(then) == host:
        if then != running:
            yield _switch(history, -1, steps.get(host, 0), then, host)
    elif then not in (running, host):
        yield _switch(history, last, steps.get(running, 0), then, running)


def _switch(history: History, last: int, step: int, to: int, thread: int = -1) -> Switch:
    """After so many events of the thread, the last of which is `last`, thread `to` goes on.

    The choice of a loop is an event only when it is made, so what it chooses goes on before that. Nobody is asked
    before a lock is given back, so that comes first.
    """
    if thread < 0:
        thread = history.events[last].thread
    mine = history.of.get(thread, [])
    while step < len(mine) and _gives_back(history, history.events[mine[step]]):
        step += 1
    if last >= 0 and history.events[last].thread == thread and is_choice(history.events[last]):
        step -= 1
    return Switch(thread, step, to, history.place(thread, step))


def _gives_back(history: History, event: Event) -> bool:
    place = history.record.places.get(event.place)
    return event.kind == Kind.RELEASE and place is not None and place.label in _LOCKS


_LOCKS = ("Lock", "RLock", "waiter")
