"""What is said when work is stopped or its input fails: where that was, what was running, what could not be stopped.

Never more than five lines.
"""

from __future__ import annotations

import os
from _collections_abc import Sequence
from types import TracebackType

from plait._core.feed import Feed
from plait._core.how_many import how_many
from plait._core.job import Running
from plait._core.mishaps import warn
from plait._core.notes import add_note
from plait._core.outcome import brief

_THREAD = ("thread", "threads", 'Let the function poll plait.current().cancelled, or use engine="process".')
_COROUTINE = (
    "coroutine",
    "coroutines",
    "Let the function pass CancelledError on, and hand what blocks the event loop to asyncio.to_thread.",
)
_CALL = (
    "call",
    "calls",
    'Executors cannot end what runs: use engine="process", or, on threads, poll plait.current().cancelled.',
)
_WORDS = {"async": _COROUTINE, "executor": _CALL, "dask": _CALL, "ray": _CALL}
_SHOWN = 3  # items that are named
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def in_words(running: Running) -> str:
    """One line about an item that is being run."""
    item = f"item {running.index}, {brief(running.item, 60)},"
    if running.among > 1:
        item += f" or one of the {running.among - 1:,} after it,"
    return f"{item} on {running.worker} for {running.seconds:.1f} s"


def stopping_words(done: int, running: list[str], abandoned: int = 0, engine: str = "") -> str:
    """What had been done and what was running when somebody stopped the work; `running` in the order of importance."""
    first = f"plait: stopped after {how_many(done, 'item')}; {how_many(len(running), 'was', 'were')} running"
    if abandoned:
        one, many, _ = _left_behind(engine)
        first += f", and {how_many(abandoned, one, many)} could not be stopped and were left behind"
    return and_running(first, running)


def and_running(first: str, running: Sequence[str]) -> str:
    """The line, below it some of what was running, and how many more there were."""
    lines = [first, *(f"  {one}" for one in running[:_SHOWN])]
    if len(running) > _SHOWN:
        lines.append(f"  and {len(running) - _SHOWN} more")
    return "\n".join(lines)


def explain(interrupt: KeyboardInterrupt, words: str) -> None:
    """Add the words to Ctrl-C, and leave our own frames out of its traceback."""
    interrupt.add_note(words)
    interrupt.__traceback__ = _theirs(interrupt.__traceback__)


def warn_abandoned(abandoned: list[str], engine: str) -> None:
    """Say which items still run because they could not be stopped."""
    if not abandoned:
        return
    names = "; ".join(abandoned[:_SHOWN]) + (
        "" if len(abandoned) <= _SHOWN else f"; and {len(abandoned) - _SHOWN} more"
    )
    one, many, advice = _left_behind(engine)
    warn(f" could not stop {how_many(len(abandoned), one, many)}, now left behind: {names}. {advice}")


def warn_mishaps(mishaps: list[str]) -> None:
    """Say what went wrong when workers ended."""
    for text in mishaps:
        warn(f": {text}")


def _theirs(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame on that is not ours: where the user's function was, if it ran here."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        trace = trace.tb_next
    return trace


def _left_behind(engine: str) -> tuple[str, str, str]:
    """What it is that an engine leaves behind, one and many of it, and what would have helped."""
    return _WORDS.get(engine, _THREAD)


def taken_error(feed: Feed) -> BaseException:
    """What the input raised, for the consumer, with a word on where that was; the feed has it no longer."""
    error, feed.error = feed.error, None
    assert error is not None
    where = f"after item {feed.taken - 1}; the items before it were run" if feed.taken else "before its first item"
    add_note(error, f"plait: raised by the input iterator {where}")
    return error
