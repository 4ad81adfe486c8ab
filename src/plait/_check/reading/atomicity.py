"""Two accesses of one thread that belong together and another thread's access between them: atomicity violations.

In one execution they explain a failure: `splits`. In one that passed they are predicted, and `candidates` gives the
switches that make them happen, since only an execution that fails confirms one.

The patterns that no serial order of the two threads can give are those of AVIO (Lu et al., ASPLOS 2006)::

    first  other  second
    read   write  write     a lost update, or an act on a check that no longer holds
    read   write  read      a read that cannot be repeated
    write  write  read      what is read back is not what was written
    write  read   write     a state in between is seen
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from plait._check.access import CHANGES
from plait._check.reading.history import History
from plait._check.reading.steer import steer
from plait._check.record import Switch
from plait._core.event import Event, Kind, Site

_READ, _WRITE = Kind.READ, Kind.WRITE
_KINDS = {
    (_READ, _WRITE, _WRITE): "lost update",
    (_READ, _WRITE, _READ): "non-repeatable read",
    (_WRITE, _WRITE, _READ): "changed after the write",
    (_WRITE, _READ, _WRITE): "broken invariant",
}
_METHODS = CHANGES | {"get", "keys", "values", "items", "count", "index"}
_ROWS = ("fetchone", "fetchall", "fetchmany")
_MANY = 32  # accesses of others that are looked at between two of one thread
_ARGUMENTS = 16  # events of the arguments of a call that are looked through
_FEW = 4  # of the same thread at the same place in the source that are looked at for predictions
_ALIKE = 24  # of all threads there: a hundred tasks that do the same would make millions of triples
_CANDIDATES = 24


class Split(NamedTuple):
    """The indices of three events: two of one thread and, in between or to be brought there, one of another."""

    kind: str
    first: int
    other: int
    second: int


class Access(NamedTuple):
    """A read or write: the index of its event, and the event as seen from the object in question."""

    at: int
    event: Event


class Candidate(NamedTuple):
    """A split that an execution which passed makes likely, and the switches that would make it happen."""

    split: Split
    switches: tuple[Switch, ...]


def splits(history: History) -> list[Split]:
    """Every unserialisable triple that happened, in the order of the second access."""
    found = []
    for accesses in by_place(history).values():
        for at, first, second in _pairs(accesses):
            near = accesses[at + 1 : at + 1 + _MANY]
            updated = _updated(near, first, second)
            for other in near:
                if other.at >= second.at:
                    break
                last = updated if updated is not None and other.event.kind == _READ else second
                kind = _kind(history, first, other, last)
                if kind == "lost update" and last.at in history.record.same:
                    continue
                if kind and not history.in_order(first.at, other.at, last.at):
                    found.append(Split(kind, first.at, other.at, last.at))
    return sorted(found, key=lambda split: (split.second, split.first, split.other))


def _updated(near: list[Access], first: Access, second: Access) -> Access | None:
    """The write of an update (``n -= fee``) that begins with the second access, after a write: the two belong together.

    Not that of the next round of a loop, which the same line writes again.
    """
    if first.event.kind != _WRITE or second.event.kind != _READ:
        return None
    after = next((one for one in near if one.at > second.at and one.event.thread == second.event.thread), None)
    if after is None or after.event.kind != _WRITE or after.event.name != second.event.name:
        return None
    one, two = second.event.site, after.event.site
    is_update = one is not None and two is not None and (one.file, one.line) == (two.file, two.line)
    return after if is_update and two != first.event.site else None


def candidates(history: History) -> list[Candidate]:
    """What could be split and was not: one for each three places in the source, the likeliest first."""
    found: dict[tuple[object, ...], Candidate] = {}
    for accesses in by_place(history).values():
        if len({access.event.thread for access in accesses}) < 2:
            continue
        others = few(accesses)
        for first, second in _few_pairs(accesses):
            if first.event.site is None or not one_call(history, first.at, second.at):
                continue
            for other in others:
                split = _possible(history, first, other, second)
                key = split and (split.kind, *history.sites(*split[1:]))
                if split is None or key is None or key in found:
                    continue
                switches = steer(history, min(first.at, other.at), (first.at, other.at), first.event.thread)
                if switches is not None:
                    found[key] = Candidate(split, switches)
                    if len(found) >= 2 * _CANDIDATES:
                        break
    return sorted(found.values(), key=_likelihood)[:_CANDIDATES]


def few(accesses: list[Access]) -> list[Access]:
    """Those that stand for all: of each thread at each place in the source the first ones, of the first threads."""
    seen: Counter[tuple[object, ...]] = Counter()
    found = []
    for access in accesses:
        place = access.event.site, access.event.kind
        mine = access.event.thread, *place
        if seen[mine] < _FEW and seen[place] < _ALIKE:
            seen[mine] += 1
            seen[place] += 1
            found.append(access)
    return found


def _few_pairs(accesses: list[Access]) -> Iterator[tuple[Access, Access]]:
    seen: Counter[tuple[object, ...]] = Counter()
    for _, first, second in _pairs(accesses):
        places = first.event.site, second.event.site
        mine = first.event.thread, *places
        if seen[mine] < _FEW and seen[places] < _ALIKE:
            seen[mine] += 1
            seen[places] += 1
            yield first, second


def by_place(history: History) -> dict[int, list[Access]]:
    """The reads and writes of each object, in order.

    `if self.items:` reads the attribute only, as far as events show, and asks the container in it all the same. So a
    read of an attribute or variable counts as one of its container too, when that is known: `self.items.pop()`
    reads the one and right after it touches the other.
    """
    inside = _containers(history)
    accesses: dict[int, list[Access]] = {}
    for index, event in enumerate(history.events):
        if event.kind in (_READ, _WRITE) and event.place >= 0:
            accesses.setdefault(event.place, []).append(Access(index, event))
            container = inside.get((event.place, event.name), -1)
            if container >= 0 and event.kind == _READ and not _continued(history, index, container):
                accesses.setdefault(container, []).append(Access(index, event._replace(place=container, name="[]")))
    return accesses


def contents(history: History) -> dict[int, Event]:
    """For each read of an attribute or variable that has a container: the same as a read of that container."""
    found = (access for accesses in by_place(history).values() for access in accesses)
    return {access.at: access.event for access in found if access.event is not history.events[access.at]}


def _containers(history: History) -> dict[tuple[int, str], int]:
    """The container that is in an attribute or a variable, for those that always have the same one."""
    inside: dict[tuple[int, str], int] = {}
    for index, event in enumerate(history.events):
        following = _following(history, index)
        if event.kind == _READ and following is not None and goes_on(event, following):
            key = event.place, event.name
            inside[key] = following.place if inside.get(key, following.place) == following.place else -1
    return inside


def _continued(history: History, index: int, container: int) -> bool:
    """Whether the same expression goes on to touch the container, if only after the arguments of the call."""
    event, mine = history.events[index], history.of[history.events[index].thread]
    step = history.steps[index] + 1
    for following in (history.events[later] for later in mine[step : step + _ARGUMENTS]):
        if following.place == container and goes_on(event, following):
            return True
        if following.site == event.site:
            return False
    return False


def _following(history: History, index: int) -> Event | None:
    mine = history.of[history.events[index].thread]
    step = history.steps[index] + 1
    return history.events[mine[step]] if step < len(mine) else None


def goes_on(read: Event, following: Event) -> bool:
    """Whether an access to a container follows the read of where it is in the same expression."""
    one, other = read.site, following.site
    return (
        one is not None
        and other is not None
        and read.name[:1] != "["
        and following.name[:1] == "["
        and following.kind in (_READ, _WRITE)
        and (one.file, one.line) == (other.file, other.line)
        and other.column <= one.column
        and (one.column == other.column or other.text not in _METHODS)  # it is no argument of a method
        and (one.end_line, one.end_column) <= (other.end_line, other.end_column)
    )


def overlap(one: Event, other: Event) -> bool:
    """Whether the two touch the same part of the same object, whatever they do with it."""
    if one.place != other.place or one.place < 0:
        return False
    return one.name == other.name or (one.name[:1] == other.name[:1] == "[" and "[]" in (one.name, other.name))


def _pairs(accesses: list[Access]) -> Iterator[tuple[int, Access, Access]]:
    """Position of the first, first, second: neighbours among one thread's accesses to overlapping parts."""
    last: dict[tuple[int, str], int] = {}
    for position, access in enumerate(accesses):
        event = access.event
        names = {event.name} if event.name[:1] != "[" or event.name == "[]" else {event.name, "[]"}
        if event.name == "[]":
            names |= {name for thread, name in last if thread == event.thread and name[:1] == "["}
        for at in sorted({last[event.thread, name] for name in names if (event.thread, name) in last}):
            yield at, accesses[at], access
        last[event.thread, event.name] = position


def _kind(history: History, first: Access, other: Access, second: Access) -> str:
    """The kind of a triple, "" when it is harmless."""
    if other.event.thread == first.event.thread:
        return ""
    if not (overlap(first.event, other.event) and overlap(other.event, second.event)):
        return ""
    kind = _KINDS.get((first.event.kind, other.event.kind, _by_effect(second.event)), "")
    if kind == "broken invariant" and second.event.site is not None and second.event.site.text == "commit":
        return ""  # nobody else sees a transaction before its end
    both = history.locks(first.at) & history.locks(second.at)
    if kind and both and not history.held_over(first.at, second.at):
        if kind != "lost update" and waits_between(history, first.at, second.at):
            return ""  # others are to see what is so, and to change it, while it waits
        looks_again = kind == "non-repeatable read" and goes_round(first.event.site, second.event.site)
        return "" if looks_again else "lock released in between"
    return kind


def waits_between(history: History, first: int, second: int) -> bool:
    """Whether the thread was woken from a wait between the two, which has let go of the lock."""
    mine = history.of[history.events[first].thread][history.steps[first] + 1 : history.steps[second]]
    return any(
        history.events[index].kind == Kind.ACQUIRE and history.events[index].place in history.signals for index in mine
    )


def _by_effect(event: Event) -> Kind:
    """How the second of two counts: taking rows from a cursor changes it, and gives what the first has left there."""
    return _READ if event.site is not None and event.site.text in _ROWS else event.kind


def goes_round(one: Site | None, two: Site | None) -> bool:
    """Whether it is another round of a loop: what is looked at again in each is not taken for granted."""
    return _in_one(one, two) and one is not None and two is not None and two[1:3] <= one[1:3]


def _possible(history: History, first: Access, other: Access, second: Access) -> Split | None:
    """Whether another execution could bring `other` between the two."""
    kind = _kind(history, first, other, second)
    if not kind or first.at < other.at < second.at:
        return None
    if history.held_over(first.at, second.at) & history.locks(other.at):
        return None
    if history.must(other.at, first.at) or history.must(second.at, other.at):
        return None
    if history.turns.shut_out(first.at, other.at, second.at):
        return None
    return Split(kind, first.at, other.at, second.at)


def one_call(history: History, first: int, second: int) -> bool:
    """Whether two events are likely to be of the same call: of one function, not entered again in between."""
    one, two = history.events[first].site, history.events[second].site
    if one is None or two is None or one.function != two.function:
        return False
    mine = history.of[history.events[first].thread]
    between = (history.events[index] for index in mine[history.steps[first] + 1 : history.steps[second]])
    return not any(
        event.kind == Kind.ENTER and event.site is not None and event.site.function == one.function for event in between
    )


def called_within(history: History, first: int, second: int) -> bool:
    """Whether the second event is of something that the function of the first one has called, as what follows shows."""
    one, mine = history.events[first].site, history.of[history.events[first].thread]
    after = mine[history.steps[second] + 1 :]
    back = next((index for index in after if (site := history.events[index].site) and _in_one(site, one)), -1)
    return back >= 0 and one_call(history, first, back)


def updates(history: History, index: int) -> bool:
    """Whether a read is that of an update (``n -= 1``), which sees to it that its own part is right."""
    read, mine = history.events[index], history.of[history.events[index].thread]
    for event in (history.events[later] for later in mine[history.steps[index] + 1 :]):
        if read.site is None or event.site is None or event.site.line != read.site.line:
            return False
        if event.kind == _WRITE and (event.place, event.name) == (read.place, read.name):
            return True
    return False


def _in_one(site: Site | None, other: Site | None) -> bool:
    return site is not None and other is not None and (site.file, site.function) == (other.file, other.function)


def _likelihood(candidate: Candidate) -> tuple[int, int]:
    order = (
        "lost update",
        "lock released in between",
        "non-repeatable read",
        "changed after the write",
        "broken invariant",
    )
    return order.index(candidate.split.kind), len(candidate.switches)
