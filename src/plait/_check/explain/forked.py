"""Says of a failure after a fork that another thread had a lock at that moment: in the child nobody gives it back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from plait._check.findings import Finding
from plait._check.reading.history import History
from plait._check.reading.words import Words
from plait._core.event import FORK, Kind


class Caught(NamedTuple):
    """The indices of a fork, and of where another thread had taken what it had then."""

    fork: int
    taken: int


def explain_forked(history: History, before: History | None, words: Words) -> Finding | None:
    """The finding for such a lock; None if there is none, or if it was like that in the execution that passed."""
    found = next(_caught(history), None)
    if found is None or (before is not None and next(_caught(before), None) is not None):
        return None
    fork, taken = (history.events[index] for index in found)
    lock, line = words.lock(taken.place), words.line(fork.site)
    one, other = words.thread(fork.thread), words.thread(taken.thread)
    return Finding(
        "never released",
        f"Held by another thread at a fork: {lock}",
        f"{one} forks in {line} while {other} has `{lock}`, since {words.line(taken.site, fork.site)}. The child has "
        f"one thread, which goes on behind {line}, and a copy of the lock as it is: {other} is not there, and nobody "
        "gives it back.",
        f"Fork before other threads are started; or start a fresh process, by `subprocess` or by `multiprocessing` "
        f"with the start method 'spawn'. Or hold `{lock}` over the fork, `with {lock}:` around {line}: both processes "
        "let go of it then.",
        (words.side(found.fork), words.side(found.taken)),
        (words.moment(found.taken), words.moment(found.fork, "forks: the child has a copy of what it finds")),
        gil=True,
    )


def _caught(history: History) -> Iterator[Caught]:
    """All that another thread had at a fork; what it has taken in lines of the program comes first."""
    has: dict[int, int] = {}
    for index, event in enumerate(history.events):
        if event.kind is Kind.ACQUIRE and history.is_lock(event.place):
            has.setdefault(event.place, index)
        elif event.kind is Kind.RELEASE:
            has.pop(event.place, None)
        elif event.kind is Kind.OUTSIDE and event.name == FORK:
            others = [taken for taken in has.values() if history.events[taken].thread != event.thread]
            for taken in sorted(others, key=lambda taken: history.events[taken].site is None):
                yield Caught(index, taken)
