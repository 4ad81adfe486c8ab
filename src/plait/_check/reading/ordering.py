"""Order violations: in the execution that failed, two accesses came in the other order than in one that passed."""

from __future__ import annotations

from typing import NamedTuple

from plait._check.reading.atomicity import one_call, overlap, updates
from plait._check.reading.history import History
from plait._core.event import Kind, Site

_LOOKED_AT = 6  # accesses of the failing thread, backwards from the failure
_READ_BEFORE = 6  # events of a thread before its write


class Swap(NamedTuple):
    """A use and a change whose order decides.

    Attributes:
        use: index of the use in the execution that failed.
        change: index there of the write that came before it, or after it; -1 when it had not come when the failure was.
        site: where the write is in the source.
        writer: the thread that writes.
        late: whether the write came too late; otherwise it came too early.
    """

    use: int
    change: int
    site: Site | None
    writer: int
    late: bool


def swaps(failing: History, passing: History, suspects: list[int]) -> list[Swap]:
    """What a use of a suspect (an event of `failing`, the most suspicious first) finds changed, or not changed yet."""
    found = []
    for use in suspects[:_LOOKED_AT]:
        other = twin(failing, passing, use)
        if other is None:  # it did not come to this use
            missing = _missing(failing, passing, use)
            if missing is not None:
                found.append(missing)
            continue
        expected, seen = last_write(passing, other), last_write(failing, use)
        expected_site = passing.events[expected].site if expected is not None else None
        seen_site = failing.events[seen].site if seen is not None else None
        if expected is not None and expected_site != seen_site:
            writer = _on_its_way(failing, use, expected_site, of_it=True)
            if writer < 0 and _foreign(passing, expected, other):
                writer = passing.events[expected].thread
            elif writer < 0:
                writer = _on_its_way(failing, use, expected_site)
            made = _made(failing, use, expected_site)
            over = writer >= 0 and _has_ended(failing, use, writer)  # then it is not late, but does not come
            if writer >= 0 and not made and not over and not _happened(failing, use, writer, expected_site):
                found.append(Swap(use, _later(failing, use, writer, expected_site), expected_site, writer, late=True))
                continue
        less = _one_less(failing, passing, use, other, seen_site) if seen_site == expected_site else None
        if less is not None:
            found.append(less)
            continue
        if (
            seen is not None
            and seen_site != expected_site
            and _foreign(failing, seen, use)
            and not failing.must(seen, use)
        ):
            found.append(Swap(use, seen, seen_site, failing.events[seen].thread, late=False))
    return found


def _one_less(failing: History, passing: History, use: int, twin_of_use: int, site: Site | None) -> Swap | None:
    """That a thread has not come to change what is used at this site, as in the execution that passed, but may yet."""
    writes = []
    for history, at in ((failing, use), (passing, twin_of_use)):
        read = history.events[at]
        writes.append([event for event in history.events[:at] if event.kind == Kind.WRITE and overlap(event, read)])
    less = {event.thread for event in writes[1]} - {event.thread for event in writes[0]} - {failing.events[use].thread}
    for one in sorted(less):
        if one in failing.of and not _has_ended(failing, use, one):
            change = _later_of_it(failing, use, one)
            if change >= 0 or not _comes_to(failing, one, {event.site for event in writes[1] if event.thread == one}):
                return Swap(use, change, site, one, late=True)
    return None


def _later_of_it(history: History, use: int, writer: int) -> int:
    """The first write of what is used by this thread after the use; -1 if there is none."""
    used = history.events[use]
    for index in history.of[writer]:
        event = history.events[index]
        if index > use and event.kind == Kind.WRITE and overlap(event, used):
            return index
    return -1


def _comes_to(history: History, thread: int, sites: set[Site | None]) -> bool:
    """Whether the thread writes there, sooner or later: then it is another object that it changes."""
    events = (history.events[index] for index in history.of[thread])
    return any(event.kind == Kind.WRITE and event.site in sites for event in events)


def is_known(failing: History, passing: History, swap: Swap) -> bool:
    """Whether what is used had a value already, and is used in both executions: else it may be another object's."""
    return last_write(failing, swap.use) is not None and twin(failing, passing, swap.use) is not None


def origins(failing: History, suspects: list[int]) -> list[int]:
    """What another thread had read, in the same call, when it wrote what a suspect read: it may be wrong already."""
    found: list[int] = []
    for use in suspects[:_LOOKED_AT]:
        wrote = last_write(failing, use)
        if wrote is None or not _foreign(failing, wrote, use):
            continue
        mine = failing.of[failing.events[wrote].thread][: failing.steps[wrote]]
        near = [index for index in mine[-_READ_BEFORE:] if failing.events[index].kind == Kind.READ]
        near = [index for index in near if one_call(failing, index, wrote) and not updates(failing, index)]
        found += [index for index in reversed(near) if index not in found]
    return found


def gone(failing: History, suspects: list[int]) -> Swap | None:
    """The use of what another thread has changed last, which nothing had to let it do before; None if there is none."""
    for use in suspects[:_LOOKED_AT]:
        seen = last_write(failing, use)
        if seen is not None and _foreign(failing, seen, use) and not failing.must(seen, use):
            return Swap(use, seen, failing.events[seen].site, failing.events[seen].thread, late=False)
    return None


def _has_ended(failing: History, use: int, thread: int) -> bool:
    """Whether the thread had come to its end before the use."""
    return failing.ended(thread) and failing.of[thread][-1] < use


def twin(failing: History, passing: History, use: int) -> int | None:
    """The same use in the other execution: same thread, same place in the source, the same turn if there is one."""
    event = failing.events[use]
    turn = sum(1 for index in failing.of[event.thread] if index < use and _same(failing, index, use))
    twins = [
        index
        for index in passing.of.get(event.thread, [])
        if passing.events[index].site == event.site and passing.events[index].kind == event.kind
    ]
    return twins[min(turn, len(twins) - 1)] if twins else None


def _same(history: History, one: int, other: int) -> bool:
    return history.events[one].site == history.events[other].site and (
        history.events[one].kind == history.events[other].kind
    )


def last_write(history: History, use: int) -> int | None:
    """The last write of what is used, before the use, by whomever."""
    event = history.events[use]
    for index in range(use - 1, -1, -1):
        candidate = history.events[index]
        if candidate.kind == Kind.WRITE and overlap(candidate, event):
            return index
    return None


def _foreign(history: History, one: int, other: int) -> bool:
    return history.events[one].thread != history.events[other].thread


def _missing(failing: History, passing: History, use: int) -> Swap | None:
    """A write to a thing of this name that another thread makes in the execution that passed, and has not made here."""
    event = failing.events[use]
    for other in passing.events:
        if other.kind != Kind.WRITE or other.thread == event.thread or other.name != event.name:
            continue
        if label(passing, other.place) == label(failing, event.place):
            if not _happened(failing, use, other.thread, other.site):
                later = _later(failing, use, other.thread, other.site)
                return Swap(use, later, other.site, other.thread, late=True)
    return None


def lacks(failing: History, passing: History, suspects: list[int], element: str) -> list[Swap]:
    """What a use of a whole container lacks: the element of this name, which another thread puts in where it passes."""
    for use in suspects[:_LOOKED_AT]:
        event = failing.events[use]
        puts = (one for one in passing.events if one.kind == Kind.WRITE and one.name == element)
        put = next((one for one in puts if label(passing, one.place) == label(failing, event.place)), None)
        if event.name == "[]" and put is not None and put.thread != event.thread:
            mine = failing.of.get(put.thread, [])
            made = [at for at in mine if (failing.events[at].kind, failing.events[at].name) == (Kind.WRITE, element)]
            if not made or made[0] > use:
                return [Swap(use, next(iter(made), -1), put.site, put.thread, late=True)]
    return []


def label(history: History, place: int) -> str:
    """What kind of object it is, which says the same in every execution; "" if that is not known."""
    known = history.record.places.get(place)
    return known.label if known is not None else ""


def _on_its_way(failing: History, use: int, site: Site | None, *, of_it: bool = False) -> int:
    """Another thread that is in the function of the site, -1 if none is: it may do there what somebody else does else.

    With `of_it` only one that has touched there what is used: the function may be busy with another object.
    """
    user, place = failing.events[use].thread, failing.events[use].place
    found: list[int] = []
    for index in range(use - 1, -1, -1):
        event = failing.events[index]
        if of_it and event.place != place:
            continue
        if (
            event.thread not in (user, *found)
            and event.site is not None
            and site is not None
            and event.site.function == site.function
        ):
            found.append(event.thread)
    return max(found, key=lambda thread: _let_go_on(failing, use, thread, site), default=-1)


def _let_go_on(history: History, use: int, writer: int, site: Site | None) -> int:
    """The event by which a thread in this function, before it comes to the site, has let the user go on; or -1."""
    for index in reversed(history.of.get(writer, [])):
        event = history.events[index]
        if index < use and event.site is not None and site is not None and event.site.function == site.function:
            if event.site.line >= site.line:
                return -1
            if event.kind == Kind.RELEASE and history.before(index, use):
                return index
    return -1


def _happened(history: History, use: int, writer: int, site: Site | None) -> bool:
    return any(
        index < use
        and history.events[index].site == site
        and history.events[index].kind == Kind.WRITE
        and overlap(history.events[index], history.events[use])
        for index in history.of.get(writer, [])
    )


def _made(history: History, use: int, site: Site | None) -> bool:
    """Whether this is where what is used has got its first value: another object may get its own there later."""
    event = history.events[use]
    writes = (one.site for one in history.events[:use] if one.kind == Kind.WRITE and overlap(one, event))
    return next(writes, None) == site is not None


def _later(history: History, use: int, writer: int, site: Site | None) -> int:
    return next(
        (index for index in history.of.get(writer, []) if index > use and history.events[index].site == site), -1
    )
