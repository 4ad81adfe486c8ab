"""Says that a thread took another way than where it passes, since a test came too early or too late."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from plait._check.explain.window import on_gil_builds
from plait._check.findings import Finding
from plait._check.reading.atomicity import one_call, overlap
from plait._check.reading.history import History
from plait._check.reading.ordering import last_write, twin
from plait._check.reading.source import Sources
from plait._check.reading.words import Words
from plait._core.event import Kind, Site

_LOOKED_AT = 6  # suspects, the first of them
_TESTS = 48  # events of a thread in which the test is looked for


class Turn(NamedTuple):
    """A test at which a thread took another way.

    Attributes:
        test: index of the read, in the execution that failed.
        change: index there of the write of another thread that it saw, or did not see.
        early: whether it looked before that change; otherwise after it.
        missed: where it would have written what a suspect read.
    """

    test: int
    change: int
    early: bool
    missed: Site | None


def explain_turned(
    history: History, before: History | None, suspects: Sequence[int], sources: Sources
) -> Finding | None:
    """The finding for a result that lacks what a thread would have written on another way; None if there is none."""
    if before is None:
        return None
    turn = next(_turns(history, before, suspects, sources), None)
    if turn is None:
        return None
    act = _act(history, turn)
    if act >= 0:
        return _checked(history, (turn.test, turn.change, act), sources)
    stale = _stale(history, turn.change, sources)
    return _checked(history, stale, sources) if stale is not None else _ordered(history, turn, sources)


def _turns(failing: History, passing: History, suspects: Sequence[int], sources: Sources) -> Iterator[Turn]:
    for use in suspects[:_LOOKED_AT]:
        other = twin(failing, passing, use)
        expected = last_write(passing, other) if other is not None else None
        if expected is None:
            continue
        thread, missed = passing.events[expected].thread, passing.events[expected].site
        mine = failing.of.get(thread, [])
        if any(failing.events[index].kind == Kind.WRITE and failing.events[index].site == missed for index in mine):
            continue
        for test in reversed([index for index in mine if index < use][-_TESTS:]):
            found = _turned(failing, passing, test, sources)
            if found is not None:
                yield Turn(test, *found, missed)
                break


def _turned(failing: History, passing: History, test: int, sources: Sources) -> tuple[int, bool] | None:
    """The change that a test saw here and not where it passed, or the other way round, and whether it looked before."""
    event = failing.events[test]
    if event.kind != Kind.READ or event.site is None:
        return None
    if not (sources.in_test(event.site) or sources.iterated(event.site)):
        return None
    other = twin(failing, passing, test)
    if other is None:
        return None
    seen, usual = last_write(failing, test), last_write(passing, other)
    seen_site = failing.events[seen].site if seen is not None else None
    usual_site = passing.events[usual].site if usual is not None else None
    if seen_site == usual_site:
        return None
    if seen is not None and failing.events[seen].thread != event.thread and not failing.must(seen, test):
        return seen, False
    writes = (index for index in range(test + 1, len(failing.events)) if failing.events[index].site == usual_site)
    later = next((index for index in writes if failing.events[index].kind == Kind.WRITE), -1)
    return (later, True) if later >= 0 and failing.events[later].thread != event.thread else None


def _act(history: History, turn: Turn) -> int:
    """What the thread changes behind a test that came before the change, by an answer that is old by then; or -1."""
    if not turn.early:
        return -1
    mine = history.of[history.events[turn.test].thread]
    after = (index for index in mine[history.steps[turn.test] + 1 :] if index > turn.change)
    writes = (index for index in after if history.events[index].kind == Kind.WRITE and history.events[index].place >= 0)
    return next((index for index in writes if one_call(history, turn.test, index)), -1)


def _stale(history: History, act: int, sources: Sources) -> tuple[int, int, int] | None:
    """The test by which a thread had gone when it made a change, what changed the answer in between, and the change."""
    events, mine = history.events, history.of[history.events[act].thread]
    for test in reversed(mine[: history.steps[act]][-_TESTS:]):
        event = events[test]
        if event.kind == Kind.READ and event.site is not None and sources.in_test(event.site):
            for index in range(test + 1, act):
                other = events[index]
                if other.kind == Kind.WRITE and other.thread != event.thread and overlap(other, event):
                    return (test, index, act) if one_call(history, test, act) else None
    return None


def _checked(history: History, found: tuple[int, int, int], sources: Sources) -> Finding:
    """The answer of the test was old when it was acted upon."""
    words = Words(history, sources)
    test, change, act = found
    sites = history.sites(test, change, act)
    name, who = (words.thread(history.events[index].thread) for index in (test, change))
    thing = words.thing(test)
    over = words.block([sites[0], sites[2]])
    gil, reason = on_gil_builds(history, test, act, sources)
    return Finding(
        "check then act",
        f"Checked, then changed by another thread: {thing}",
        f"{name} checks `{thing}` in {words.line(sites[0])} and acts on the answer in "
        f"{words.line(sites[2], sites[0])}, where it changes `{words.thing(act)}`. In between {who} changes "
        f"`{thing}` in {words.line(sites[1], sites[0])}, so the answer does not hold any more.",
        f"Hold one lock over {over}, from the check to the end of what goes by it, and the same lock over "
        f"{words.line(sites[1], sites[0])} and what belongs to it.",
        (words.side(test), words.side(change)),
        tuple(words.moment(index) for index in found),
        gil=gil,
        reason=reason,
    )


def _ordered(history: History, turn: Turn, sources: Sources) -> Finding:
    """The test came on the wrong side of the change."""
    words = Words(history, sources)
    sites = history.sites(turn.test, turn.change)
    name, who = (words.thread(history.events[index].thread) for index in (turn.test, turn.change))
    thing, side = words.thing(turn.test), "before" if turn.early else "after"
    missed = words.line(turn.missed, sites[0])
    first, second = sorted((turn.test, turn.change))
    return Finding(
        "wrong order",
        f"In the wrong order: {thing}",
        f"{name} looks at `{thing}` in {words.line(sites[0])} {side} {who} changes it in "
        f"{words.line(sites[1], sites[0])}, and so does not come to {missed}. In an execution that passes it is the "
        "other way round, and nothing sees to that.",
        f"Let {who} wait before {words.line(sites[1], sites[0])} for what {name} has yet to do; or let {name} do that, "
        f"whatever it finds in {words.line(sites[0])}: look at what is left once more before it ends."
        if not turn.early
        else f"Let {name} wait for {words.line(sites[1], sites[0])}: for an Event that is set behind it, a result or a "
        "join().",
        (words.side(turn.test), words.side(turn.change)),
        (words.moment(first), words.moment(second)),
    )
