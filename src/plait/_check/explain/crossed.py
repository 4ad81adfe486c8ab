"""Says that each of several threads would give what the next one waits for, but only after its own wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from plait._check.explain.deadlock import waits_at
from plait._check.findings import Finding, Moment, Side
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.waits import receiver, waiting
from plait._check.reading.words import Words, listed, own
from plait._check.record import Blocked, Failure

_PUT: Final = ("put", "put_nowait")
# What a thread waits for, by which methods, and by which methods another one gives it.
_GIVEN: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "event": (("wait",), ("set",)),
    "semaphore": (("acquire",), ("release",)),
    "queue get": (("get",), _PUT),
    "future": (("result", "exception"), ("set_result", "set_exception")),
    "await event": (("wait",), ("set",)),
    "await semaphore": (("acquire",), ("release",)),
    "await queue get": (("get",), _PUT),
}
_DOES: Final = {
    "event": "set `{}`",
    "semaphore": "release `{}`",
    "queue get": "put something into `{}`",
    "future": "give `{}` its result",
}


class Crossed(NamedTuple):
    """A thread, what it waits for, and the line of its own by which it would give the thread before what that wants."""

    blocked: Blocked
    thing: str
    gives: int


def explain_crossed(history: History, failure: Failure, first: Blocked, sources: Sources) -> Finding | None:
    """The finding for a ring of threads, ``b.wait(); a.set()`` and ``a.wait(); b.set()``; None where there is none."""
    circle = _ring(failure, first, sources)
    if not circle:
        return None
    words = Words(history, sources)
    parts, rows, sides = [], [], []
    for one, before in zip(circle, (circle[-1], *circle[:-1]), strict=True):
        name, site = words.thread(one.blocked.thread), waits_at(one.blocked)
        does = _DOES[waiting(before.blocked).kind.removeprefix("await ")].format(before.thing)
        wanted = f"which {words.thread(before.blocked.thread)} waits for"
        parts.append(
            f"{name} waits for `{one.thing}` in {words.line(site)}, and would {does}, {wanted}, only after that"
        )
        rows.append(Moment(one.blocked.thread, site, f"waits for {one.thing}"))
        sides.append(Side(one.blocked.thread, name, f"waits for {one.thing}", site, own(one.blocked.stack)))
    behind = [
        Moment(one.blocked.thread, site and site.at_line(one.gives), "does not come to this line")
        for one in circle
        for site in (waits_at(one.blocked),)
    ]
    moves = [f"line {one.gives} before {words.line(waits_at(one.blocked))}" for one in circle]
    return Finding(
        "deadlock",
        f"Deadlock of {listed([words.thread(one.blocked.thread) for one in circle])}: each waits first",
        "; ".join(parts) + f". {'Neither' if len(circle) == 2 else 'None of them'} can ever go on.",
        f"Let one of them do its part before it waits: move {', or '.join(moves)}.",
        tuple(sides),
        (*rows, *behind),
    )


def _ring(failure: Failure, first: Blocked, sources: Sources) -> tuple[Crossed, ...]:
    """The threads that wait so, beginning with the first; empty if nobody gives what it waits for, or it is no ring."""
    way: list[Crossed] = []
    one, gives = first, 0
    while len(way) <= len(failure.blocked):
        thing = _awaited(one, sources)
        giver = next(_givers(failure, one, thing, sources), None) if thing else None
        if giver is None:
            return ()
        way.append(Crossed(one, thing, gives))
        one, gives = giver
        if one is first:
            return (way[0]._replace(gives=gives), *way[1:])
    return ()


def _awaited(blocked: Blocked, sources: Sources) -> str:
    """What a thread waits for, as its line calls it; "" if nobody gives such a thing by a method."""
    what, site = waiting(blocked), waits_at(blocked)
    methods, _ = _GIVEN.get(what.kind, ((), ()))
    text = sources.line(site.file, site.line) if site is not None else ""
    return next((name for method in methods if (name := receiver(text, method))), "")


def _givers(failure: Failure, one: Blocked, thing: str, sources: Sources) -> Iterator[tuple[Blocked, int]]:
    """The other stuck threads that would give it further down in a function that they are in, and the lines."""
    _, methods = _GIVEN[waiting(one).kind]
    name = thing.rpartition(".")[2]
    for other in failure.blocked:
        for frame in reversed(own(other.stack)) if other.thread != one.thread else ():
            line = sources.called_behind(frame.file, frame.line, name, methods)
            if line:
                yield other, line
                break
