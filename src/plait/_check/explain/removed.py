"""Says that the lock of a key was removed from where it is kept while others still wanted it."""

from __future__ import annotations

import ast
import re

from plait._check.findings import Finding
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.touched import last_word
from plait._check.reading.waits import receiver
from plait._check.reading.words import Words
from plait._core.event import Kind, Site

_REMOVE = ("pop", "popitem", "clear")


def explain_removed(history: History, sources: Sources) -> Finding | None:
    """The finding for a lock that a thread takes after another one has removed it from its container; None without."""
    kept = _kept(history, sources)
    for index, event in enumerate(history.events):
        if event.kind != Kind.WRITE or event.site is None or not _removes(history, index, sources):
            continue
        container = last_word(sources.thing(event.site, event.name, changes=True))
        mine = [place for place, name in kept.items() if name == container and _had(history, index, place)]
        for place in mine:
            later = _taken_after(history, index, place)
            if later >= 0:
                return _finding(history, (index, later), Words(history, sources), sources)
    return None


def _kept(history: History, sources: Sources) -> dict[int, str]:
    """The locks that are made as elements of a container, each with the last name of that."""
    found = {}
    for place, known in history.record.places.items():
        if known.made is None or not history.is_lock(place):
            continue
        name = _container(known.made, sources)
        if name:
            found[place] = name
    return found


def _container(made: Site, sources: Sources) -> str:
    """The last name of what an element of is made at the site; "" if that is none."""
    target = sources.assigned(made)
    if "[" in target:
        return last_word(target)
    line = sources.line(made.file, made.line)
    element = re.search(r"([A-Za-z_][\w.]*)\[", line)  # of a defaultdict
    return last_word(receiver(line, "setdefault") or (element[1] if element else ""))


def _removes(history: History, index: int, sources: Sources) -> bool:
    """Whether an event takes an element out of a container."""
    site = history.events[index].site
    if site is None or history.events[index].name[:1] != "[":
        return False
    return site.text in _REMOVE or isinstance(sources.statement(site), ast.Delete)


def _had(history: History, index: int, place: int) -> bool:
    """Whether the thread that removes something has this lock then, or has let go of it just before."""
    if place in history.locks(index):
        return True
    mine = history.of[history.events[index].thread][: history.steps[index]]
    locks = [history.events[one].place for one in mine if history.events[one].kind == Kind.RELEASE]
    return place in locks[-2:]


def _taken_after(history: History, index: int, place: int) -> int:
    """Where another thread takes the lock after it was removed; -1 if none does."""
    thread = history.events[index].thread
    for later in range(index + 1, len(history.events)):
        event = history.events[later]
        if event.kind == Kind.ACQUIRE and event.place == place and event.thread != thread:
            return later
    return -1


def _finding(history: History, found: tuple[int, int], words: Words, sources: Sources) -> Finding:
    removal, later = found
    events = history.events
    site = events[removal].site
    container = (words.thing(removal) if site is None else sources.thing(site, "[]", changes=True)).partition("[")[0]
    one, other = words.thread(events[removal].thread), words.thread(events[later].thread)
    where, there = words.line(site), words.line(events[later].site, site)
    guards = [words.lock(place) for place in history.locks(removal) if events[later].place != place]
    under = f", under `{guards[0]}`" if guards else ""
    return Finding(
        "used after the end",
        f"A lock that is removed while others want it: {container}",
        f"{one} takes the lock of a key out of `{container}` in {where}, while {other} still wants it: it has got it "
        f"from there before, and takes it in {there}. Whoever comes next finds none, and makes another one. So "
        "there are two locks for one key, which keep nobody out.",
        f"Leave it in `{container}`. If there would be too many, count for each who uses it{under}: one more before "
        "acquire(), one less at the end, and remove it when nobody is left. Or use a fixed number of locks, "
        "`locks[hash(key) % 64]`.",
        (words.side(removal), words.side(later)),
        (
            words.moment(removal, f"removes the lock from {container}"),
            words.moment(later, "takes the lock that is not there any more"),
        ),
        gil=True,
        reason="it waits for a lock in between",
    )
