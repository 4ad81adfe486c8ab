"""Says why an exception came that a thread caught and kept, or that a future brought to somebody else."""

from __future__ import annotations

from plait._check.explain.exception import explain_exception
from plait._check.findings import Finding, Moment
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import frame_site, headline, innermost, line_of, own
from plait._check.record import Failure, Frame
from plait._core.event import Event


def explain_raised(history: History, failure: Failure, before: History | None, sources: Sources) -> Finding | None:
    """The finding for an exception, looked at where it was raised first."""
    if failure.cause is not None:
        found = explain_raised(history, failure.cause, before, sources)
        if found is not None:
            return with_kept(found, failure, history, sources)
    return explain_exception(history, failure._replace(thread=raised_by(history, failure, sources)), before, sources)


def raised_by(history: History, failure: Failure, sources: Sources) -> int:
    """The thread in which the exception was raised: not always the one that it has ended.

    It is the one that was where the exception was handled; else one that did not get beyond the line that raised it.
    """
    frames = own(failure.stack)
    if not frames:
        return failure.thread
    handled = sources.handlers(frames[0].file, frames[0].line)
    caught = [event.thread for event in _inside(history, frames[0]) if event.site and event.site.line in handled]
    if caught:
        return caught[-1]
    last = {event.thread: event.site.line for event in _inside(history, frames[-1]) if event.site}
    stopped = [thread for thread, line in last.items() if line == frames[-1].line] or list(last)
    return failure.thread if failure.thread in stopped or not stopped else stopped[-1]


def _inside(history: History, frame: Frame) -> list[Event]:
    """What threads and tasks have done in the function of the frame."""
    return [
        event
        for event in history.events
        if event.site is not None and (event.site.file, event.site.function) == (frame.file, frame.function)
    ]


def with_kept(finding: Finding, failure: Failure, history: History, sources: Sources) -> Finding:
    """The same with the exception that was kept before the failure, as a row before what its thread did with it."""
    cause = failure.cause
    site = frame_site(innermost(cause.stack)) if cause is not None else None
    if cause is None or site is None or any(moment.does.startswith(_RAISES) for moment in finding.moments):
        return finding
    thread = raised_by(history, cause, sources)
    row = Moment(thread, site, f"{_RAISES}{headline(cause)}, which is kept for later")
    reached = [index for index in history.of.get(thread, []) if line_of(history.events[index].site) == line_of(site)]
    later = (at for at, one in enumerate(finding.moments) if reached and one.at > reached[-1])
    at = next(later, len(finding.moments))
    return finding._replace(moments=(*finding.moments[:at], row, *finding.moments[at:]))


_RAISES = "gets "
