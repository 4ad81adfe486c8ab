"""What things are called in the story: threads, locks, parts of objects, lines."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import NamedTuple

from plait._check.findings import Finding, Moment, Side
from plait._check.process_wide import BY_LABEL, IN_DATABASE, IN_FILES, PATCHED, WITH
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.record import Blocked, Failure, Frame
from plait._core.event import Event, Kind, Site
from plait._draw.timeline import short_name

OUTSIDE = {
    IN_FILES: IN_FILES,
    IN_DATABASE: IN_DATABASE,
    **{label: setting.name for label, setting in BY_LABEL.items()},
}
"""By the label of what stands for it."""


class Says(NamedTuple):
    """Templates of two sentences: why it is wrong, and the fix."""

    why: str
    fix: str


class Words:
    """Names for what is in one history, the same in every sentence about it."""

    def __init__(self, history: History, sources: Sources) -> None:
        self.history = history
        self.sources = sources

    def thread(self, number: int) -> str:
        """The name of a thread, without the function that the standard library puts behind it.

        >>> from plait._check.record import Record
        >>> Words(History(Record((), (), (), {}, None, "", (), 0)), Sources(lambda file: [])).thread(2)
        'thread 2'
        """
        name = self.history.name(number)
        short = name.partition(" (")[0] if name.startswith("Thread-") else name
        return "the main thread" if name == "MainThread" else short

    def thing(self, index: int) -> str:
        """The part of an object that an event touches, as the source has it: ``self.value``."""
        event = self.history.events[index]
        place = self.history.record.places.get(event.place)
        label = place.label if place is not None else "the object"
        if label in OUTSIDE:
            return OUTSIDE[label]
        if event.site is not None and event.site.text == WITH:
            return PATCHED.name if event.name == "[]" else f"the patched {event.name}"
        text = self._called(event, label) or (self._elsewhere(event, label) if event.name == "[]" else "")
        if text:
            return text
        if event.name == "[]":
            return f"the {label}"
        return f"{label}{event.name}" if event.name.startswith("[") else event.name or label

    def lock(self, place: int) -> str:
        """What the lock is bound to where it is made, with a number when several are made there."""
        known = self.history.record.places.get(place)
        if known is None:
            return f"lock {place}"
        name = self.sources.assigned(known.made)
        if name and known.made is not None and self._ambiguous(place, name):
            name = f"{known.made.function.rpartition('.')[0]}.{name.removeprefix('self.')}".lstrip(".")
        name = name or self._taken_as(place)
        if not name:
            name = known.label
            where = f" of line {known.made.line}" if known.made is not None else ""
            return f"the {name}{where}" if not self._twins(place) else f"{name} #{self._ordinal(place)}{where}"
        return f"{name} #{self._ordinal(place)}" if self._twins(place) else name

    def held(self, index: int) -> tuple[str, ...]:
        """The locks held at an event that the user's own lines have taken."""
        events = self.history.events
        taken = [events[one] for one in self.history.held[index] if events[one].site is not None]
        return tuple(self.lock(event.place) for event in taken if self.history.is_lock(event.place))

    def holds(self, blocked: Blocked) -> tuple[str, ...]:
        """The locks that a stuck thread holds, as far as the user's own lines have taken them."""
        return tuple(
            self.lock(place) for place, site in blocked.held if site is not None and self.history.is_lock(place)
        )

    def line(self, site: Site | None, beside: Site | None = None) -> str:
        """``line 12``, with the file when it is another one than that of `beside`."""
        if site is None:
            return "a line that is not yours"
        if beside is not None and beside.file != site.file:
            return f"{short_name(site.file)}, line {site.line}"
        return f"line {site.line}"

    def lines(self, sites: Sequence[Site | None]) -> str:
        """``line 12`` or ``lines 12 and 14``, in the order of the source."""
        return numbered(sorted({site.line for site in sites if site is not None})) or "both"

    def block(self, sites: Sequence[Site | None]) -> str:
        """The lines that a lock is to be held over so that it is held over both places: ``lines 12 to 16``."""
        first, last = sites[0], sites[-1]
        found = self.sources.block(first, last) if first is not None and last is not None else range(0)
        return self.from_to(found[0], found[-1]) if found else self.lines(sites)

    def from_to(self, first: int, last: int) -> str:
        """``line 5``, ``lines 5 and 6``, ``lines 5 to 7``."""
        return f"lines {first} to {last}" if last > first + 1 else numbered(sorted({first, last}))

    def does(self, index: int) -> str:
        """What an event does, in words: ``reads self.value``."""
        event = self.history.events[index]
        verb = _VERBS.get(event.kind, event.kind.name.lower())
        if event.kind in (Kind.READ, Kind.WRITE):
            if event.kind == Kind.WRITE and event.name == "[]":
                verb = "changes"
            if self.deletes(index):
                verb = "deletes"
            return f"{verb} {self.thing(index)}"
        if event.kind in (Kind.ACQUIRE, Kind.TRY, Kind.RELEASE):
            return f"{verb} {self.lock(event.place)}"
        if event.kind in (Kind.START, Kind.JOIN):
            return f"{verb} {self.thread(event.place)}"
        if event.kind == Kind.PAUSE and event.site is not None and event.site.text == "return":
            return "returns"
        return verb

    def deletes(self, index: int) -> bool:
        """Whether an event is that of a `del`."""
        site = self.history.events[index].site
        return site is not None and isinstance(self.sources.statement(site), ast.Delete)

    def moment(self, index: int, does: str = "") -> Moment:
        """The row of the timeline for an event."""
        event = self.history.events[index]
        return Moment(event.thread, event.site, does or self.does(index), self.held(index), index)

    def side(self, index: int) -> Side:
        """The thread of an event as one that takes part in the defect."""
        event = self.history.events[index]
        return Side(event.thread, self.thread(event.thread), self.does(index), event.site)

    def named(self, finding: Finding) -> Finding:
        """The finding with the names of the threads in its timeline, its sentences with their capitals."""
        numbers = sorted({moment.thread for moment in finding.moments})
        return finding._replace(
            why=_sentences(finding.why),
            fix=_sentences(finding.fix),
            threads=tuple((number, self.history.name(number)) for number in numbers),
        )

    def _called(self, event: Event, label: str) -> str:
        """What the source calls a thing where it is touched; "" where it does not say."""
        site = event.site
        if event.name == "[]" and self.sources.hides(site, label):
            return ""
        return self.sources.thing(site, event.name, changes=event.kind == Kind.WRITE)

    def _elsewhere(self, event: Event, label: str) -> str:
        """What it is called where others touch the same."""
        same = (one for one in self.history.events if one.place == event.place and one.name == event.name)
        return next(filter(None, (self._called(one, label) for one in same if one.site != event.site)), "")

    def _ambiguous(self, place: int, name: str) -> bool:
        """Whether another lock that is taken has the same name but is made elsewhere."""
        places = self.history.record.places
        taken = {event.place for event in self.history.events if event.kind == Kind.ACQUIRE and event.place in places}
        made = {places[other].made for other in taken | {place} if places[other].label == places[place].label}
        return sum(self.sources.assigned(site) == name for site in made) > 1

    def _taken_as(self, place: int) -> str:
        """What the lines that take a lock call it, if all call it the same: a function may have made it."""
        sites = {one.site for one in self.history.events if one.place == place and one.kind == Kind.ACQUIRE}
        names = {self.sources.entered(site) for site in sites if site is not None}
        return names.pop() if len(names) == 1 else ""

    def _twins(self, place: int) -> bool:
        return self._same_place(place) != [place]

    def _ordinal(self, place: int) -> int:
        return self._same_place(place).index(place) + 1

    def _same_place(self, place: int) -> list[int]:
        """Locks that would have the same name; those that somebody has taken."""
        places = self.history.record.places
        used = {event.place for event in self.history.events if event.kind == Kind.ACQUIRE} | {place}
        known = places[place]
        return sorted(number for number in used if number in places and places[number] == known)


def _sentences(text: str) -> str:
    return re.sub(r"(^|[.:] )(the main thread|a worker)", lambda found: found[1] + found[2].capitalize(), text)


def frame_site(frame: Frame | None) -> Site | None:
    """A frame of a stack as a place in the source, as exact as it can be."""
    return Site(frame.file, frame.line, 0, frame.line, 0, frame.function, "") if frame is not None else None


def line_of(site: Site | None) -> tuple[str, int] | None:
    """The file and the line of a place; None for none."""
    return (site.file, site.line) if site is not None else None


def innermost(stack: Sequence[Frame]) -> Frame | None:
    """The innermost frame of the user's own code."""
    return next((frame for frame in reversed(stack) if frame.mine), None)


def own(stack: Sequence[Frame]) -> tuple[Frame, ...]:
    """The user's own frames."""
    return tuple(frame for frame in stack if frame.mine)


def listed(names: Sequence[str]) -> str:
    """``A``, ``A and B`` or ``A, B and C``.

    >>> listed(["A", "B", "C"])
    'A, B and C'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def numbered(lines: Sequence[int]) -> str:
    """``line 5``, ``lines 5 and 9``; "" for none.

    >>> numbered([5, 9, 12])
    'lines 5, 9 and 12'
    """
    return f"line{'s' if len(lines) > 1 else ''} {listed([*map(str, lines)])}" if lines else ""


def headline(failure: Failure) -> str:
    """The failure in one line.

    >>> headline(Failure("exception", "", 0, AssertionError("expected 2"), (), ()))
    'AssertionError: expected 2'
    """
    if failure.exception is None:
        return _short(failure.summary)
    error, group = failure.exception, ""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error, group = error.exceptions[0], f" (in an {type(failure.exception).__name__})"
    text = _short(str(error))
    name = type(error).__name__
    return f"{name}: {text}{group}" if text else f"{name}{group}"


def _short(text: str) -> str:
    text = text.strip().partition("\n")[0]
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def begun(history: History, thread: int) -> list[Moment]:
    """The row for the start of a thread; none if that is no line of the user's."""
    info = next((one for one in history.record.threads if one.number == thread), None)
    return [Moment(info.parent, info.started, f"starts {info.name}")] if info is not None and info.started else []


def changeovers(history: History, site: Site | None) -> list[int]:
    """The events right before which other threads than the one at the end were stopped, in the same file."""
    found = []
    for switch in history.record.switches[-4:]:
        mine = history.of.get(switch.thread, [])
        event = history.events[mine[switch.step]] if switch.step < len(mine) else None
        if event is not None and event.site is not None and site is not None and event.site.file == site.file:
            found.append(mine[switch.step])
    return sorted(found)


_LONGEST = 120  # characters of a message that is quoted

_VERBS = {
    Kind.READ: "reads",
    Kind.WRITE: "writes",
    Kind.ACQUIRE: "takes",
    Kind.TRY: "tries to take",
    Kind.RELEASE: "lets go of",
    Kind.START: "starts",
    Kind.JOIN: "waits for the end of",
    Kind.SLEEP: "sleeps",
    Kind.OUTSIDE: "waits for something outside",
    Kind.PAUSE: "pauses",
    Kind.ENTER: "enters the function",
    Kind.WAIT: "awaits",
    Kind.END: "ends",
}
