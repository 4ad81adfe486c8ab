"""Says why an exception came that a thread caught and kept, or that a future brought to somebody else."""

from __future__ import annotations

from plait._check.explain_exception import explain_exception
from plait._check.findings import Finding, Moment
from plait._check.history import History
from plait._check.record import Failure
from plait._check.source import Sources
from plait._check.words import frame_site, headline, innermost


def explain_raised(history: History, failure: Failure, before: History | None, sources: Sources) -> Finding | None:
    """The finding for an exception, looked at where it was raised first."""
    if failure.cause is not None:
        found = explain_raised(history, failure.cause, before, sources)
        if found is not None:
            return _with_row(found, failure.cause, history)
    return explain_exception(history, failure._replace(thread=raised_by(history, failure)), before, sources)


def raised_by(history: History, failure: Failure) -> int:
    """The thread that was in the function where the exception was raised: not always the one that it ended."""
    frame = innermost(failure.stack)
    if frame is None:
        return failure.thread
    threads = {info.number for info in history.record.threads if info.kind == "thread"}
    inside = [
        event.thread
        for event in history.events
        if event.site is not None and (event.site.file, event.site.function) == (frame.file, frame.function)
        if event.thread in threads
    ]
    return failure.thread if failure.thread in inside or not inside else inside[-1]


def _with_row(finding: Finding, cause: Failure, history: History) -> Finding:
    """The same with the exception that was kept, as a row behind the others."""
    site = frame_site(innermost(cause.stack))
    if site is None or any(moment.does.startswith(_RAISES) for moment in finding.moments):
        return finding
    row = Moment(raised_by(history, cause), site, f"{_RAISES}{headline(cause)}, which is kept for later")
    return finding._replace(moments=(*finding.moments, row))


_RAISES = "gets "
