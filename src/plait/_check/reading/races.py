"""Data races by happens-before, with the policy that fits Python.

Every single operation of Python is atomic, on builds with and without the GIL: one load or store of an attribute or
a variable, one call of a method of a list, dict, set or deque. Two of them unordered are not a race here, whatever the
memory model of other languages says: stop flags, `list.append` from many threads, correct double-checked locking and
hand-offs through a queue are right. What loses work is a read and a write that depends on it with somebody else's write
in between. So a race is a *read-modify-write*, in one statement (``n += 1``, ``n = n + 1``) or by way of a local
variable, that no order and no common lock protects from a write of the same by another thread. Where ``+=`` may be that
of a list, which changes it in place, nothing is lost: it counts only where a number or a text is added, or was there at
first. A line that says itself ``# plait: may be lost`` does not count either.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from plait._check.reading.atomicity import Split, by_place, few
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.steer import steer
from plait._check.record import Switch
from plait._core.event import Event, Kind, Site, conflict

_FEW = 4
_MAY_BE_LOST = r"#\s*plait:\s*may be lost\b"  # what the user writes behind a line that may lose updates


class Race(NamedTuple):
    """An unprotected read-modify-write and a write that can come in between, with the switches that bring it there."""

    split: Split
    switches: tuple[Switch, ...]


def races(history: History, sources: Sources) -> list[Race]:
    """One for each pair of statements, in the order of the execution; none for what only looks like one."""
    found: dict[tuple[Site | None, Site | None], Race] = {}
    for accesses in by_place(history).values():
        indices = [access.at for access in accesses if access.event is history.events[access.at]]
        updates = [pair for pair in _updates(history, indices) if modifies(history, *pair, sources)]
        others = [access.at for access in few(accesses) if access.event.kind == Kind.WRITE]
        for read, write in updates:
            for other in others:
                key = history.events[write].site, history.events[other].site
                if key in found or not _races(history, read, write, other):
                    continue
                switches = steer(history, min(read, other), (read, other), history.events[read].thread)
                if switches is not None:
                    found[key] = Race(Split("data race", read, other, write), switches)
    return list(found.values())


def interleaved(events: Sequence[Event]) -> Iterator[tuple[int, int, int]]:
    """A read, a write of another thread, and the first one's next access when that is a write: what really happened.

    Of the same name only, and without a look at what the write is made from: quick, for every execution.
    """
    a_read, a_write = Kind.READ, Kind.WRITE  # looked up once: that takes half of the time
    reads: dict[tuple[int, int, str], int] = {}
    written: dict[tuple[int, str], int] = {}
    for index, event in enumerate(events):
        if event.kind is a_read:
            reads[event.thread, event.place, event.name] = index
        elif event.kind is a_write:
            read = reads.pop((event.thread, event.place, event.name), -1)
            other = written.get((event.place, event.name), -1)
            if -1 < read < other and events[other].thread != event.thread:
                yield read, other, index
            written[event.place, event.name] = index


def _updates(history: History, accesses: list[int]) -> list[tuple[int, int]]:
    """A read and the next access of the same thread to the same part, when that is a write.

    Of those of one thread in one statement the first few stand for all.
    """
    last: dict[tuple[int, str], int] = {}
    seen: Counter[tuple[int, Site | None]] = Counter()
    found = []
    for index in accesses:
        event = history.events[index]
        before = last.get((event.thread, event.name), -1)
        if event.kind == Kind.WRITE and before >= 0 and history.events[before].kind == Kind.READ:
            seen[event.thread, event.site] += 1
            if seen[event.thread, event.site] <= _FEW:
                found.append((before, index))
        last[event.thread, event.name] = index
    return found


def modifies(history: History, read: int, write: int, sources: Sources) -> bool:
    """Whether the write is that of a statement's target, which gets a new value made from the old one that was read.

    In the same statement, or by way of a local variable: ``n = self.count`` and then ``self.count = n + 1``.
    """
    site = history.events[write].site
    if site is not None and re.search(_MAY_BE_LOST, sources.line(site.file, site.line)):
        return False
    statement = sources.statement(site) if site is not None else None
    if isinstance(statement, ast.AugAssign):
        return _is_at(statement.target, site) and sources.numeric(statement)
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1 or not _is_at(statement.targets[0], site):
        return False
    return _mentions(statement.value, _text(statement)) or _by_way_of_a_local(
        history.events[read].site, site, statement, sources
    )


def _by_way_of_a_local(read: Site | None, write: Site | None, statement: ast.Assign, sources: Sources) -> bool:
    """Whether what was read is the value of a variable that the written one is made from, and has not got another."""
    before = sources.statement(read) if read is not None else None
    if read is None or write is None or not isinstance(before, ast.Assign) or len(before.targets) != 1:
        return False
    name, function = before.targets[0], sources.function(write)
    if not isinstance(name, ast.Name) or function is None or sources.function(read) is not function:
        return False
    if isinstance(function, ast.Lambda) or isinstance(statement.value, ast.Name):
        return False
    given = [node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == name.id]
    given = [node for node in given if isinstance(node.ctx, ast.Store)]
    return len(given) == 1 and _mentions(statement.value, name.id) and _mentions(before.value, _text(statement))


def _mentions(expression: ast.expr, wanted: str) -> bool:
    return any(ast.unparse(node) == wanted for node in ast.walk(expression) if isinstance(node, ast.expr))


def _text(statement: ast.Assign) -> str:
    return ast.unparse(statement.targets[0])


def _is_at(target: ast.expr, site: Site | None) -> bool:
    return site is not None and (target.lineno, target.col_offset) == (site.line, site.column)


def _races(history: History, read: int, write: int, other: int) -> bool:
    """Whether a write of another thread can come between the read and the write."""
    if history.events[other].kind != Kind.WRITE or history.events[other].thread == history.events[write].thread:
        return False
    if not conflict(history.events[other], history.events[write]):
        return False
    if history.before(write, other) or history.before(other, read) or history.turns.shut_out(read, other, write):
        return False
    return not history.held_over(read, write) & history.locks(other)
