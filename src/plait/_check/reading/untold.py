"""What one thread waits for on a condition and another one has changed, without telling anybody."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from plait._check.reading.atomicity import overlap
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.record import Blocked
from plait._core.event import Kind

_LOOKED = 12  # events before a wait in which the thread looked at what it waits for
_TAKES = ("pop", "popleft", "popitem", "heappop", "remove", "discard", "clear", "del")


def untold(history: History, blocked: Blocked, began: int, lock: int, sources: Sources) -> bool:
    """Whether what a thread waits for has been changed under the lock of its condition, and nobody was told of it.

    Not by one that takes something away, or by others that wait for the same.
    """
    change = changed_since(history, blocked, began, sources)
    site, mine = history.events[change].site if change >= 0 else None, blocked.pending.site
    if site is None or mine is None or site.function == mine.function:
        return False
    return lock in history.locks(change) and keeps_silent(history, change, len(history.events), lock)


def changed_since(history: History, blocked: Blocked, began: int, sources: Sources) -> int:
    """The last change by others, since the wait of a thread began, of what it had looked at; or -1.

    Nobody waits for one that takes something away, but who waits while something is there.
    """
    thread = blocked.thread
    changes = changes_of(history, thread, looked_at(history, thread, began), range(len(history.events) - 1, began, -1))
    less = _waits_for_less(blocked, sources)
    gives = (one for one in changes if less or (site := history.events[one].site) is None or site.text not in _TAKES)
    return next(gives, -1)


def _waits_for_less(blocked: Blocked, sources: Sources) -> bool:
    """Whether it waits while something is there: ``while key in self.pending:``, ``while self.heap:``."""
    site = blocked.pending.site
    loop = sources.enclosing(site, ast.While) if site is not None else None
    if site is None or not isinstance(loop, ast.While) or sources.in_test(site):
        return False
    return not isinstance(loop.test, ast.Constant) and not any(map(_asks_for_more, ast.walk(loop.test)))


def _asks_for_more(node: ast.AST) -> bool:
    """Whether a part of a test is true while something is missing: ``not items``, ``len(items) == 0``."""
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq):
        return any(isinstance(one, ast.Constant) and not one.value for one in (node.left, *node.comparators))
    return isinstance(node, ast.Not | ast.NotIn | ast.Lt | ast.LtE)


def judged(history: History, change: int, sources: Sources) -> int:
    """Where the thread of a change has asked whether it was enough to notify, and found that it was not; or -1.

    ``self.left -= 1`` and then ``if not self.left: self.done.notify_all()``.
    """
    events = history.events
    for index in history.of[events[change].thread][history.steps[change] + 1 :]:
        event = events[index]
        if event.kind == Kind.RELEASE:
            return -1
        if event.kind == Kind.READ and overlap(event, events[change]) and event.site is not None:
            test = sources.enclosing(event.site, ast.If)
            if sources.in_test(event.site) and isinstance(test, ast.If) and _notifies(test):
                return index
    return -1


def without(history: History, change: int) -> list[int]:
    """The threads that have ended and have not come to a change that another one has made."""
    site = history.events[change].site
    came = {event.thread for event in history.events if event.kind == Kind.WRITE and event.site == site}
    return [info.number for info in history.record.threads if info.number not in came and history.ended(info.number)]


def _notifies(test: ast.If) -> bool:
    called = (node.func.attr for node in ast.walk(test) if isinstance(node, ast.Call) and hasattr(node.func, "attr"))
    return any(name in ("notify", "notify_all", "set", "release") for name in called)


def looked_at(history: History, thread: int, before: int) -> list[int]:
    """What a thread has read shortly before an event."""
    mine = [index for index in history.of.get(thread, []) if index < before]
    return [index for index in mine[-_LOOKED:] if history.events[index].kind == Kind.READ]


def changes_of(history: History, thread: int, looked: Sequence[int], among: Iterable[int]) -> Iterator[int]:
    """The events among these by which others change what a thread has read."""
    events = history.events
    for index in among:
        if events[index].kind == Kind.WRITE and events[index].thread != thread:
            if any(overlap(events[index], events[read]) for read in looked):
                yield index


def keeps_silent(history: History, change: int, end: int, lock: int) -> bool:
    """Whether who made a change had let go of the lock before the end, and had woken nobody."""
    mine = history.of[history.events[change].thread]
    after = [history.events[index] for index in mine if change < index < end]
    released = [event.place for event in after if event.kind == Kind.RELEASE]
    return lock in released and history.signals.isdisjoint(released[: released.index(lock)])
