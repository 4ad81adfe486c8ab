"""What goes over sockets and pipes, in the order of the record: who sends, receives and closes, and in which line.

Only their order is known, not what is in the messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from plait._check.reading.atomicity import one_call
from plait._check.reading.history import History
from plait._core.event import Kind, Site

_SENDS = frozenset({"socket.send", "socket.sendall", "socket.sendto", "socket.sendmsg", "os.write"})
_RECEIVES = frozenset(
    {"socket.recv", "socket.recv_into", "socket.recvfrom", "socket.recvfrom_into", "socket.recvmsg", "os.read"}
)
_CLOSES = frozenset({"socket.close", "socket.shutdown", "os.close"})


_MANY = 64  # what was done to one of them that is looked at, the last of it


class Between(NamedTuple):
    """Two events of one thread that belong together, and one of another thread in between."""

    first: int
    other: int
    second: int


def sends(history: History, index: int) -> bool:
    return _is(history, index, _SENDS)


def receives(history: History, index: int) -> bool:
    return _is(history, index, _RECEIVES)


def closes(history: History, index: int) -> bool:
    return _is(history, index, _CLOSES)


def _is(history: History, index: int, names: frozenset[str]) -> bool:
    event = history.events[index]
    return event.kind is Kind.OUTSIDE and event.place >= 0 and event.name in names and event.site is not None


def new(found: Iterator[Between], usual: Iterator[Between], history: History, before: History) -> Between | None:
    """The first of those that the execution which passed does not have at the same places."""
    known = {tuple(before.sites(*one)) for one in usual}
    return next((one for one in found if tuple(history.sites(*one)) not in known), None)


def pieces(history: History) -> Iterator[Between]:
    """A message that is sent by two calls, and what another thread sends on the same in between."""
    for place, mine in _by_place(history).items():
        sent = [index for index in mine if sends(history, index)]
        for at, second in enumerate(sent):
            first = next((one for one in reversed(sent[:at]) if _same_thread(history, one, second)), -1)
            others = [one for one in sent[:at] if one > first >= 0]
            if (
                others
                and place >= 0
                and _apart(history, first, second)
                and not _kept_out(history, first, others[0], second)
            ):
                yield Between(first, others[0], second)


def questions(history: History) -> Iterator[Between]:
    """A question, another one of the same line behind it, and the thread of that one receives first."""
    for mine in _by_place(history).values():
        sent = [index for index in mine if sends(history, index)]
        received = sorted((_came(history, index), index) for index in mine if receives(history, index))
        for came, second in received:
            thread = history.events[second].thread
            other = next((one for one in reversed(sent) if one < came and history.events[one].thread == thread), -1)
            for first in sent if other >= 0 else ():
                asks = history.events[first].thread
                has_got = any(first < at < came and history.events[one].thread == asks for at, one in received)
                alike = asks != thread and history.events[first].site == history.events[other].site
                if first < other and alike and not has_got and not _kept_out(history, other, first, second):
                    yield Between(first, other, second)


def parts(history: History) -> Iterator[Between]:
    """What is received between two calls that send one message; `other` is that, and may have begun before."""
    received = [index for index in range(len(history.events)) if receives(history, index)][-_MANY:]
    for mine in _by_place(history).values():
        sent = [index for index in mine if sends(history, index)]
        for first, second in pairwise(sent):
            if _same_thread(history, first, second) and _apart(history, first, second):
                for other in received:
                    if (
                        first < _came(history, other) <= second
                        and history.events[other].place != history.events[first].place
                    ):
                        yield Between(first, other, second)


def last_close(history: History, use: int) -> int:
    """Where another thread has closed what is used, before that; anything, where many are waited for; -1 for none."""
    event = history.events[use]
    for index in range(use - 1, -1, -1):
        other = history.events[index]
        if event.place in (-1, other.place) and closes(history, index) and other.thread != event.thread:
            return index
    return -1


def _came(history: History, index: int) -> int:
    """When it had received something: how many events there were, or where it is among them."""
    return history.record.arrivals.get(index, index)


def _by_place(history: History) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for index, event in enumerate(history.events):
        if event.kind is Kind.OUTSIDE and event.place >= 0:
            found.setdefault(event.place, []).append(index)
    return {place: mine[-_MANY:] for place, mine in found.items()}


def _same_thread(history: History, one: int, other: int) -> bool:
    return history.events[one].thread == history.events[other].thread


def _apart(history: History, first: int, second: int) -> bool:
    """Whether one call of a function has two places that send."""
    one, two = history.sites(first, second)
    return one != two and one_call(history, first, second)


def _kept_out(history: History, first: int, other: int, second: int) -> bool:
    """Whether a lock is held over both that the other one has, too."""
    return bool(history.held_over(first, second) & history.locks(other))


def called(site: Site) -> str:
    """What a call is of: ``self.connection`` of ``self.connection.sendall(data)``."""
    owner, dot, _ = site.text.partition("(")[0].rpartition(".")
    return owner if dot and owner != "os" else site.text.partition("(")[2].partition(",")[0].rstrip(")") or owner
