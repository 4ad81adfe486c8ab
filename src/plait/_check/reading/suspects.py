"""What the thread that failed had touched: on the lines of the failure, and right before."""

from __future__ import annotations

from collections.abc import Iterator
from traceback import walk_tb

from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import innermost, line_of, own
from plait._check.record import Failure
from plait._core.event import Kind


def suspects_of(history: History, failure: Failure, sources: Sources) -> list[int]:
    """What the failing thread touched on the lines of the failure, the last first; else what it touched last.

    The line of a `raise` touches nothing: it is the test around it that has failed; or what it was raised for, in the
    body of a `try`.

    What nobody else touches tells little: it is made of what was read before.
    """
    hot = touched_by(history, failure, sources)
    others = {event.place for event in history.events if event.thread != failure.thread}
    shared = [index for index in hot if history.events[index].place in others]
    return shared or sorted({*hot, *_accesses(history, failure.thread)[-4:]}, reverse=True)


def _accesses(history: History, thread: int) -> list[int]:
    return [index for index in history.of.get(thread, []) if history.events[index].kind in (Kind.READ, Kind.WRITE)]


def touched_by(history: History, failure: Failure, sources: Sources) -> list[int]:
    """What the failing thread touched on the lines of the failure, the last first."""
    lines = {(frame.file, frame.line) for frame in own(failure.stack)}
    last = innermost(failure.stack)
    lines |= {(last.file, line) for line in sources.tested(last.file, last.line)} if last is not None else set()
    lines |= set(_before_it(failure.exception))
    mine = reversed(_accesses(history, failure.thread))
    return [index for index in mine if line_of(history.events[index].site) in lines]


def _before_it(error: BaseException | None) -> Iterator[tuple[str, int]]:
    """The lines that the exceptions came through in whose handlers this one was raised."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        error = error.__cause__ or error.__context__
        if error is not None:
            yield from ((frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__))
