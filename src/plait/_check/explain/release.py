"""Says of a lock that is released while nobody has it why that is: a failed try that was not looked at, or a signal."""

from __future__ import annotations

from typing import NamedTuple

from plait._check.findings import Finding, Side
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.touched import calls_of, last_word
from plait._check.reading.waits import receiver
from plait._check.reading.words import Words, frame_site, headline, innermost, own
from plait._check.record import Failure
from plait._core.event import Kind, Site

_FREE = ("release unlocked lock", "cannot release un-acquired lock")
_METHODS = ("acquire", "release", "locked")


def explain_release(history: History, failure: Failure, sources: Sources) -> Finding | None:
    """The finding for such a lock; None for another exception, and where no reason can be seen."""
    site = frame_site(innermost(failure.stack))
    if site is None or not any(text in str(failure.exception) for text in _FREE):
        return None
    taken = _taken_away(history, failure.thread)
    if taken is not None:
        return _told_taken(history, failure, taken, site, sources)
    thing = receiver(sources.line(site.file, site.line), "release")
    places = _places(history, thing, sources) if thing else set()
    tried = _tried(history, places, failure.thread)
    if tried >= 0:
        return _told_tried(history, failure, tried, thing, site, sources)
    if not thing or _takes(history, places, failure.thread) or _is_taken_here(site, thing, sources):
        return None
    return _told_untaken(history, failure, thing, site, sources)


def _told_tried(history: History, failure: Failure, tried: int, thing: str, site: Site, sources: Sources) -> Finding:
    words = Words(history, sources)
    event = history.events[tried]
    who, where = words.thread(event.thread), words.line(event.site, site)
    return Finding(
        "fails under a schedule",
        f"Released without having it: {thing}",
        f"{who} tries to take `{thing}` in {where} and does not get it, since another thread has it. It goes on as "
        f"if it had, and what it releases then is not its own. So {words.thread(failure.thread)} finds it free in "
        f"{words.line(site)}.",
        "Look at what acquire() answers, and go on only when it is True; asking locked() before is no help. "
        f"`with {thing}:` waits until it is free.",
        (_side(words, failure, site),),
        (words.moment(tried, f"tries to take {thing}, and does not get it"),),
        gil=True,
    )


def _told_untaken(history: History, failure: Failure, thing: str, site: Site, sources: Sources) -> Finding:
    words = Words(history, sources)
    name, here = words.thread(failure.thread), words.line(site)
    if "unlocked" in str(failure.exception):
        title = f"Released before it is taken: {thing}"
        why = (
            f"{name} releases `{thing}` in {here} to let another thread go on, and has not taken it itself. A Lock "
            "keeps no release() for later, and at this moment nobody has it."
        )
        fix = (
            f"Let it begin taken, by `{thing}.acquire()` right where it is made. Or use `threading.Semaphore(0)`, "
            "which begins with nothing and counts each release()."
        )
    else:  # an RLock belongs to a thread, and is no signal to another one
        title = f"Released without having it: {thing}"
        why = (
            f"{name} releases `{thing}` in {here}, and has not taken it on its way there. So nothing has kept others "
            "out up to there, either."
        )
        fix = (
            f"Take it first: `with {thing}:` around all that belongs under it, in place of the release() and of an "
            "acquire()."
        )
    return Finding("fails under a schedule", title, why, fix, (_side(words, failure, site),), (), gil=True)


def _side(words: Words, failure: Failure, site: Site) -> Side:
    return Side(failure.thread, words.thread(failure.thread), headline(failure), site, own(failure.stack))


class Taken(NamedTuple):
    """The indices of where a thread takes a lock, and of where another one, which does not have it, lets go of it."""

    since: int
    freed: int


def _taken_away(history: History, thread: int) -> Taken | None:
    """What the thread had taken, and another one has released; None if there is nothing.

    Not what it gets from others again and again: that is a signal.
    """
    own: dict[int, int] = {}
    found = None
    for index, event in enumerate(history.events):
        if event.thread == thread and event.kind == Kind.ACQUIRE:
            own[event.place] = index
        elif event.kind == Kind.RELEASE and event.place in own:
            since = own.pop(event.place)
            foreign = event.thread != thread and event.site is not None and _enters(history, since)
            found = Taken(since, index) if foreign else found
    return found


def _enters(history: History, index: int) -> bool:
    """Whether a lock is taken by a `with`, which means to give it back itself."""
    site = history.events[index].site
    return site is not None and site.text.startswith("with ")


def _told_taken(history: History, failure: Failure, taken: Taken, site: Site, sources: Sources) -> Finding:
    words = Words(history, sources)
    since, freed = (history.events[index] for index in taken)
    name, other = words.thread(failure.thread), words.thread(freed.thread)
    lock, line = words.lock(since.place), words.line(freed.site, site)
    waits = freed.site is not None and bool(receiver(sources.line(freed.site.file, freed.site.line), "wait"))
    how = "waits on a condition of it" if waits else "lets go of it"
    return Finding(
        "fails under a schedule",
        f"Released by a thread that does not have it: {lock}",
        f"{name} has `{lock}`, since {words.line(since.site, site)}. {other} {how} in {line}, without having taken it, "
        f"and that sets it free. So {name} finds it free when it is to give it back in {words.line(site)}.",
        f"Take `{lock}` before {line}, in the same thread, by a `with` around it.",
        (_side(words, failure, site), words.side(taken.freed)),
        (words.moment(taken.since), words.moment(taken.freed, f"sets {lock} free, and does not have it")),
        gil=True,
    )


def _places(history: History, thing: str, sources: Sources) -> set[int]:
    """The locks that are used by this name somewhere."""
    name, found = last_word(thing), set()
    for event in history.events:
        if event.kind in (Kind.ACQUIRE, Kind.TRY, Kind.RELEASE) and event.site is not None and event.place >= 0:
            line = sources.line(event.site.file, event.site.line)
            called = (last_word(receiver(line, method)) for method in _METHODS)
            if name in called:
                found.add(event.place)
    return found


def _tried(history: History, places: set[int], thread: int) -> int:
    """The last failed try, of a thread that has released the lock after it, or was about to; -1 if there is none."""
    failed: dict[int, int] = {}
    found = -1
    for index, event in enumerate(history.events):
        if event.place not in places:
            continue
        if event.kind == Kind.TRY and event.name in ("", "timeout"):
            failed[event.thread] = index
        elif event.kind == Kind.ACQUIRE:
            failed.pop(event.thread, None)
        elif event.kind == Kind.RELEASE and event.thread in failed:
            found = failed.pop(event.thread)
    return failed.get(thread, found)


def _takes(history: History, places: set[int], thread: int) -> bool:
    return any(
        history.events[index].kind == Kind.ACQUIRE and history.events[index].place in places
        for index in history.of.get(thread, ())
    )


def _is_taken_here(site: Site, thing: str, sources: Sources) -> bool:
    """Whether the function that releases it takes it as well."""
    function = sources.function(site)
    return function is not None and any(calls_of(function, last_word(thing), "acquire"))
