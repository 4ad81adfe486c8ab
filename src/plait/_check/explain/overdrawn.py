"""Says of a semaphore that one has given back a unit that it had not got: from then on it lets one more in."""

from __future__ import annotations

from plait._check.findings import Finding, Moment, Side
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.touched import last_word
from plait._check.reading.waits import entered, receiver
from plait._check.reading.words import Words
from plait._check.record import Frame, Remark
from plait._check.remarks import IN_VAIN, OVERDRAWN
from plait._core.event import Site


def explain_overdrawn(history: History, sources: Sources) -> Finding | None:
    """The finding for such a release; None if there is none."""
    remark = next(iter(_remarks(history, sources)), None)
    if remark is None or remark.site is None or remark.other is None:
        return None
    words = Words(history, sources)
    name, thing = words.thread(remark.thread), _given(remark.site, sources)
    taken, given = words.line(remark.other), words.line(remark.site, remark.other)
    given += ", at the end of the block," if remark.site.line == remark.other.line else ""
    in_vain = remark.what == IN_VAIN
    why = (
        f"{name} asks for `{thing}` in {taken}, and does not get it; but it gives it back in {given}"
        if in_vain
        else f"{name} has taken `{thing}` in {taken}, and gives it back in {given} when it has done so already"
    )
    fix = (
        f"Begin the `try:` whose `finally:` gives `{thing}` back right behind {taken}, and go on only with what was "
        "taken"
        if in_vain
        else "Give back once for each time that it was taken"
    )
    wait = "async with" if history.is_task(remark.thread) else "with"
    does = "asks for" if in_vain else "takes"
    stack = (Frame(remark.site.file, remark.site.line, remark.site.function, True),)
    return Finding(
        "fails under a schedule",
        f"Given back more often than taken: {thing}",
        f"{why}. That lets somebody else in who should wait.",
        f"{fix}: `{wait} {thing}:` does both. A `BoundedSemaphore` raises an error there.",
        (Side(remark.thread, name, f"gives back {thing}, and has not got it", remark.site, stack),),
        (
            Moment(remark.thread, remark.other, f"{does} {thing}"),
            Moment(remark.thread, remark.site, f"gives back {thing}, and has not got it"),
        ),
        gil=True,
    )


def _remarks(history: History, sources: Sources) -> list[Remark]:
    """Where it is given back further down in the function that takes it: else it may be a signal."""
    return [
        one
        for one in history.record.remarks
        if one.kind == OVERDRAWN and one.site is not None and one.other is not None
        if one.site.function == one.other.function and one.site.line >= one.other.line
        if last_word(_given(one.site, sources)) == last_word(_taken(one.other, sources))
    ]


def _thing(site: Site, method: str, sources: Sources) -> str:
    return receiver(sources.line(site.file, site.line), method)


def _given(site: Site, sources: Sources) -> str:
    return _thing(site, "release", sources) or entered(sources.line(site.file, site.line))


def _taken(site: Site, sources: Sources) -> str:
    return _thing(site, "acquire", sources) or entered(sources.line(site.file, site.line))
