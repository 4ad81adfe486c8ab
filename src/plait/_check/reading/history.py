"""The events of one execution with what each thread held at each of them, and which had to happen before which.

Two orders are kept, both by vector clocks (Fidge 1988, Mattern 1989; FastTrack, PLDI 2009, for the idea of epochs):

* *before* has every edge: program order, start, join, and from each release of a lock to the next acquisition. It says
  what was ordered in this execution.
* *must* leaves out the edges of locks that are used for mutual exclusion, which in another execution may be taken in
  another order, and keeps those of locks that one thread releases for another: that is how a Condition wakes a waiter.

What a thread holds is found by replaying acquisitions and releases. What is released by others than its holder, or by
somebody while nobody holds it (a `SimpleQueue`), is a signal and not held at all. A semaphore of one unit counts as a
lock as long as whoever takes it gives it back, see `mutexes`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable

from plait._check.reading.mutexes import Mutexes
from plait._check.reading.turns import Turns
from plait._check.record import Record
from plait._core.event import Kind, Site, label

Clock = dict[int, int]
_NONE: frozenset[int] = frozenset()


class History:
    """A record, indexed.

    Attributes:
        record: it.
        events: its events.
        steps: for each event, how many its thread had executed before it.
        held: for each event, the indices of the acquisitions whose locks its thread holds; the event's own not yet.
        owners: who holds what at the end: a lock's place, and the index of its acquisition.
        of: for each thread, the indices of its events.
        signals: places of what one thread acquires and another releases.
        mutexes: the semaphores that serve as locks, by the places of the locks inside.
        turns: of its event loops.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self.events = record.events
        self.steps: list[int] = []
        self.held: list[tuple[int, ...]] = []
        self.owners: dict[int, int] = {}
        self.of: dict[int, list[int]] = {}
        self.signals: set[int] = set()
        self.mutexes = Mutexes(record.places)
        self.turns = Turns(record.events, record.threads)
        self._changes: list[int] = []
        self._words: dict[int, list[str]] = {}
        self._threads: dict[int, list[int]] = {}  # for each thread, where it starts others and waits for their ends
        self._replay()
        self._before = _Order(self, lambda _: True)
        self._must = _Order(self, self.signals.__contains__)

    def is_task(self, number: int) -> bool:
        """Whether it is a task of asyncio, and no thread."""
        return number in self.turns.hosts

    def loop_thread(self, number: int) -> int:
        """The thread whose event loop runs a task, as far as it is the one that has started it; of a thread, itself."""
        return self.turns.hosts.get(number, number)

    def is_timer(self, number: int) -> bool:
        """Whether it is the thread of a `threading.Timer`."""
        return any(info.number == number and info.kind == "timer" for info in self.record.threads)

    def before(self, one: int, other: int) -> bool:
        """Whether event `one` happened before event `other` by the program's own ordering, not by chance."""
        return self._before.holds(one, other)

    def must(self, one: int, other: int) -> bool:
        """Whether `one` comes before `other` whoever gets the locks first."""
        return self._must.holds(one, other)

    def in_order(self, first: int, other: int, second: int) -> bool:
        """Whether a thread lets another one begin, or waits for its end, between two events: no lock belongs over them.

        `other` is of the other thread; what can only come between the two is in order as well.
        """
        if self.must(first, other) and self.must(other, second):
            return True
        thread = self.events[first].thread
        return any(
            self.must(index, other) if self.events[index].kind == Kind.START else self.must(other, index)
            for index in self._threads.get(thread, ())
            if first < index < second
        )

    def locks(self, index: int) -> frozenset[int]:
        """The places of the locks held at an event."""
        if not self.held[index]:
            return _NONE  # most events, and this is asked a million times
        return frozenset(filter(self.is_lock, (self.events[acquired].place for acquired in self.held[index])))

    def held_over(self, first: int, second: int) -> frozenset[int]:
        """The places of the locks that one thread holds from one event to a later one without letting go."""
        both = set(self.held[first]) & set(self.held[second])
        return frozenset(filter(self.is_lock, (self.events[acquired].place for acquired in both)))

    def changes_before(self, index: int) -> list[int]:
        """The events before this one that another thread executed than the one right before."""
        return self._changes[: bisect_left(self._changes, index)]

    def until(self, index: int) -> dict[int, list[int]]:
        """For each thread, the last of its events before this one, in a list; none if there is none."""
        found = {}
        for thread, mine in self.of.items():
            count = bisect_left(mine, index)
            found[thread] = mine[count - 1 : count] if count else []
        return found

    def sites(self, *indices: int) -> list[Site | None]:
        """Where events are in the source."""
        return [self.events[index].site for index in indices]

    def line(self, index: int) -> int:
        """The line of an event; 0 where it has none."""
        site = self.events[index].site
        return site.line if site is not None else 0

    def place(self, thread: int, step: int) -> str:
        """The label of a switch: what the thread is about to do after `step` events, and for the how many-th time."""
        mine = self.of.get(thread, [])
        if step >= len(mine):
            return label(None)
        return self._labels(thread)[step]

    def _labels(self, thread: int) -> list[str]:
        if thread not in self._words:
            times: Counter[str] = Counter()
            found = self._words[thread] = []
            for words in (label(self.events[index]) for index in self.of[thread]):
                times[words] += 1
                found.append(words if times[words] == 1 else f"{words}#{times[words]}")
        return self._words[thread]

    def is_lock(self, place: int) -> bool:
        """Whether a thread can be said to hold it: no signal, nor what a Condition waits on inside."""
        known = self.record.places.get(place)
        is_signal = place in self.signals or place in self.mutexes.signals
        return known is not None and known.label in ("Lock", "RLock") and not is_signal

    def ended(self, thread: int) -> bool:
        """Whether the thread has come to its end."""
        mine = self.of.get(thread, [])
        return bool(mine) and self.events[mine[-1]].kind == Kind.END

    def name(self, thread: int) -> str:
        """What people call the thread; with its number when others have the same name."""
        mine = next((info.name for info in self.record.threads if info.number == thread), f"thread {thread}")
        namesakes = [info.number for info in self.record.threads if info.name == mine]
        return f"{mine} #{namesakes.index(thread) + 1}" if len(namesakes) > 1 else mine

    def _replay(self) -> None:
        holds: dict[int, tuple[int, ...]] = {}
        for index, event in enumerate(self.events):
            mine = self.of.setdefault(event.thread, [])
            if event.thread != (self.events[index - 1].thread if index else 0):
                self._changes.append(index)
            self.steps.append(len(mine))
            mine.append(index)
            if event.kind in (Kind.START, Kind.JOIN):
                self._threads.setdefault(event.thread, []).append(index)
            self.held.append(holds.get(event.thread, ()))
            if event.place in self.mutexes.places:
                if event.kind == Kind.RELEASE:
                    holds[event.thread] = self.mutexes.called(index, event, holds.get(event.thread, ()))
            elif event.kind == Kind.ACQUIRE and event.place not in self.owners:
                self.owners[event.place] = index
                holds[event.thread] = (*holds.get(event.thread, ()), index)
            elif event.kind == Kind.RELEASE:
                acquired = self.owners.pop(event.place, None)
                owner = event.thread if acquired is None else self.events[acquired].thread
                if acquired is None or owner != event.thread:
                    self.signals.add(event.place)
                holds[owner] = tuple(one for one in holds.get(owner, ()) if one != acquired)


class _Order:
    """A vector clock for each event; clocks are shared between events and never changed once they are."""

    def __init__(self, history: History, orders: Callable[[int], bool]) -> None:
        self._clocks: list[Clock] = []
        self._events = history.events
        now: dict[int, Clock] = {}
        last: dict[int, Clock] = {}  # of the last release of a lock
        items: dict[
            int, deque[Clock]
        ] = {}  # of what is in a SimpleQueue: who takes one knows nothing of those behind it
        ends: dict[int, Clock] = {}
        for event in history.events:
            thread = event.thread
            clock = now.setdefault(thread, {thread: 1})
            if event.kind == Kind.ACQUIRE and orders(event.place):
                put = items.get(event.place)
                clock = _joined(clock, put.popleft() if put else last.get(event.place))
            elif event.kind == Kind.JOIN:
                clock = _joined(clock, ends.get(event.place))
            self._clocks.append(clock)
            now[thread] = clock
            if event.kind == Kind.RELEASE and orders(event.place):
                last[event.place] = _joined(clock, last.get(event.place))
                if (place := history.record.places.get(event.place)) is not None and place.label == "SimpleQueue":
                    items.setdefault(event.place, deque()).append(clock)
                now[thread] = _ticked(clock, thread)
            elif event.kind == Kind.START:
                now[event.place] = {**clock, event.place: 1}
                now[thread] = _ticked(clock, thread)
            elif event.kind == Kind.END:
                ends[thread] = clock

    def holds(self, one: int, other: int) -> bool:
        if one >= other:
            return False
        thread = self._events[one].thread
        return thread == self._events[other].thread or self._clocks[other].get(thread, 0) >= self._clocks[one][thread]


def _ticked(clock: Clock, thread: int) -> Clock:
    return {**clock, thread: clock[thread] + 1}


def _joined(clock: Clock, other: Clock | None) -> Clock:
    if not other or all(clock.get(thread, 0) >= tick for thread, tick in other.items()):
        return clock
    return {thread: max(clock.get(thread, 0), other.get(thread, 0)) for thread in clock.keys() | other.keys()}
