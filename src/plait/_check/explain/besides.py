"""What is said of a failure besides its cause."""

from __future__ import annotations

from plait._check.clock import EARLY
from plait._check.reading.history import History
from plait._check.reading.words import Words, listed
from plait._check.record import Failure
from plait._core.event import Event, Kind


def besides(failure: Failure, words: Words) -> str:
    """The sentences, each after a space; "" for most failures."""
    return _held_up(words) + _beats(failure, words) + _unasked(failure)


def early(history: History) -> Event | None:
    """The first wait by time that ended before the others did what they could have done; None if none did."""
    return next((event for event in history.events if event.kind == Kind.SLEEP and event.name == EARLY), None)


def _held_up(words: Words) -> str:
    """What it takes when a sleep ended before the others did what they could have done; "" for most failures."""
    wait = early(words.history)
    if wait is None:
        return ""
    return (
        f" It takes that the others are held up while {words.thread(wait.thread)} waits in {words.line(wait.site)}, "
        "as on a busy machine: only the time keeps them in order."
    )


def _beats(failure: Failure, words: Words) -> str:
    """Who goes on in a hang, to no purpose; "" for all other failures."""
    hosts = {*words.history.turns.hosts.values()}
    going = [words.thread(one) for one in failure.going if one not in hosts]
    if not going:
        return ""
    goes = "goes on meanwhile, but only does" if len(going) == 1 else "go on meanwhile, but only do"
    return f" {listed(going[:3])} {goes} the same again and again."


def _unasked(failure: Failure) -> str:
    """Who keeps the exception that nobody asks for; "" for one that was heard of."""
    return _UNASKED.get(failure.unasked, "")


_LOGGED = "all that says so is a line in asyncio's log."
_UNASKED = {
    "future": " Nobody asks the future for this exception, by `result()` for example: Python says nothing of it.",
    "task": f" Nobody awaits this task, or asks it for its exception: {_LOGGED}",
    "asyncio future": f" Nobody awaits the future that keeps this exception, or asks it: {_LOGGED}",
}
