"""Says what threads lack that wait for pipes and sockets of which nobody but the program itself has an end."""

from __future__ import annotations

from collections.abc import Sequence

from plait._check.explain.deadlock import side_of, waits_at, what
from plait._check.findings import Finding, Moment
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.waits import waiting
from plait._check.reading.words import Words, listed
from plait._check.record import Blocked, Failure
from plait._core.event import Kind

_HOLDING = (
    "Do not keep `{lock}` while you wait for others: have one lock for those who send, and another one for those who "
    "receive."
)
_FIXES = {  # by what is lacked; the first that somebody lacks
    "a connection to a socket that was closed": "close() does not wake whoever waits in accept(): call "
    "shutdown(socket.SHUT_RDWR) before it, or connect to it once, and look at a stop flag after each accept().",
    "room in": "Let somebody read while others write: in a thread of its own, or before that thread is joined. What "
    "fits into the buffers between both is all that can be sent to one who does not read.",
    "data from a pipe": "Close the end to write to when all is written, wherever it is open: `with`, or a `finally:`. "
    "Whoever reads sees the end of a pipe only then; and whoever is to be woken by it needs a byte after each change.",
    "data from a socket": "Settle who speaks first, and say where a message ends: by its length, by a newline, or by "
    "shutdown(socket.SHUT_WR). What was sent in two calls may arrive in one, and a part of it alone. Answer on every "
    "way out, or close the connection.",
}


def explain_unanswered(history: History, failure: Failure, sources: Sources) -> Finding | None:
    """The finding where somebody waits so; None if nobody does."""
    outside = [one for one in failure.blocked if one.pending.kind is Kind.OUTSIDE]
    if not outside:
        return None
    words = Words(history, sources)
    first = _first(outside, failure.blocked)
    name, lacks = words.thread(first.thread), first.pending.name
    others = [one for one in _told(failure.blocked) if one is not first]
    does = [f"{words.thread(one.thread)} for {what(one, words)} in {words.line(waits_at(one))}" for one in others]
    beside = f", {listed(does)}" if does else ""
    fix = next(fix for lack, fix in _FIXES.items() if lacks.startswith(lack))
    if wanted := words.holds(first) if _is_wanted(first, failure.blocked) else ():
        fix = f"{_HOLDING.format(lock=wanted[-1])} {fix}"
    return Finding(
        "nothing comes" if lacks.startswith("data") else "hang",
        f"Nobody can go on: {name} waits for {lacks}",
        f"{name} waits for {lacks} in {words.line(waits_at(first))}{beside}. {_ends(lacks)}, and nobody who is left "
        "does anything more.",
        fix,
        tuple(side_of(one, words, f"waits for {what(one, words)}") for one in (first, *others)),
        tuple(
            Moment(one.thread, waits_at(one), f"waits for {what(one, words, '')}, for ever", words.holds(one))
            for one in sorted((first, *others), key=lambda one: one.pending.kind is Kind.JOIN)
        ),
    )


def _first(outside: Sequence[Blocked], blocked: Sequence[Blocked]) -> Blocked:
    """The one to begin with: who keeps a lock from others, then by what they lack."""
    order = [*_FIXES]

    def rank(one: Blocked) -> tuple[bool, int, int]:
        lack = next(at for at, lack in enumerate(order) if one.pending.name.startswith(lack))
        return not _is_wanted(one, blocked), lack, one.thread

    return min(outside, key=rank)


def _is_wanted(one: Blocked, blocked: Sequence[Blocked]) -> bool:
    """Whether somebody waits for a lock that this one holds."""
    return any(other.holder == one.thread and other.pending.kind is Kind.ACQUIRE for other in blocked)


def _ends(lacks: str) -> str:
    if lacks.startswith("a connection"):
        return "Nobody can connect to it any more"
    return "Both ends are this program's own, nothing is on its way"


def _told(blocked: Sequence[Blocked]) -> list[Blocked]:
    """Those who are worth a row: no event loop, all of whose tasks wait, and nobody who only waits to be asked."""
    return [one for one in blocked if waiting(one).kind not in ("loop", "idle")]
