"""Says of a lock that is released while nobody has it why that is: a failed try that was not looked at, or a signal."""

from __future__ import annotations

from plait._check.findings import Finding, Side
from plait._check.history import History
from plait._check.record import Failure
from plait._check.source import Sources
from plait._check.touched import calls_of, last_word
from plait._check.waits import receiver
from plait._check.words import Words, frame_site, headline, innermost, own
from plait._core.event import Kind, Site

_FREE = ("release unlocked lock", "cannot release un-acquired lock")
_METHODS = ("acquire", "release", "locked")


def explain_release(history: History, failure: Failure, sources: Sources) -> Finding | None:
    """The finding for such a lock; None for another exception, and where no reason can be seen."""
    site = frame_site(innermost(failure.stack))
    if site is None or not any(text in str(failure.exception) for text in _FREE):
        return None
    thing = receiver(sources.line(site.file, site.line), "release")
    places = _places(history, thing, sources) if thing else set()
    words = Words(history, sources)
    name, here = words.thread(failure.thread), words.line(site)
    side = Side(failure.thread, name, headline(failure), site, own(failure.stack))
    tried = _tried(history, places, failure.thread)
    if tried >= 0:
        event = history.events[tried]
        who, where = words.thread(event.thread), words.line(event.site, site)
        return Finding(
            "fails under a schedule",
            f"Released without having it: {thing}",
            f"{who} tries to take `{thing}` in {where} and does not get it, since another thread has it. It goes on as "
            f"if it had, and what it releases then is not its own. So {name} finds it free in {here}.",
            "Look at what acquire() answers, and go on only when it is True; asking locked() before is no help. "
            f"`with {thing}:` waits until it is free.",
            (side,),
            (words.moment(tried, f"tries to take {thing}, and does not get it"),),
            gil=True,
        )
    if not thing or _takes(history, places, failure.thread) or _is_taken_here(site, thing, sources):
        return None
    if "unlocked" not in str(failure.exception):  # an RLock belongs to a thread, and is no signal to another one
        return Finding(
            "fails under a schedule",
            f"Released without having it: {thing}",
            f"{name} releases `{thing}` in {here}, and has not taken it on its way there. So nothing has kept others "
            "out up to there, either.",
            f"Take it first: `with {thing}:` around all that belongs under it, in place of the release() and of an "
            "acquire().",
            (side,),
            (),
            gil=True,
        )
    return Finding(
        "fails under a schedule",
        f"Released before it is taken: {thing}",
        f"{name} releases `{thing}` in {here} to let another thread go on, and has not taken it itself. A Lock keeps "
        "no release() for later, and at this moment nobody has it.",
        f"Let it begin taken, by `{thing}.acquire()` right where it is made. Or use `threading.Semaphore(0)`, which "
        "begins with nothing and counts each release().",
        (side,),
        (),
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
