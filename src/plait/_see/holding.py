"""What the holder of a lock did while others waited for it, and what that costs: pure, from waits, lanes and lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from plait._core.trace import ON_CORE, WORDS, State, Trace
from plait._see.held import Blocked
from plait._see.lines import COMPUTES, Lines, Place, most_of

_WAITS = frozenset(
    {
        State.SLEEP,
        State.SOCKET,
        State.FILE,
        State.CHILD,
        State.OTHER,
        State.QUEUE,
        State.EVENT,
        State.FUTURE,
        State.JOIN,
    }
)
_MOSTLY = 0.5
_SEVERAL = 2
_GAIN = 0.8  # of the time as it was: a forecast above is no gain
_LOGGING = "(logging/__init__.py:"


class Turn(NamedTuple):
    """From one moment to another a lane had what somebody waited for."""

    lane: int
    began: int
    ended: int


class Doing(NamedTuple):
    """What holders did in their turns: seconds by state, and the line at which they were most.

    So many `lanes` had turns with one lock; the `busiest` of all lanes computed for so many seconds, lock or not.
    """

    seconds: dict[State, float]
    place: Place | None
    lanes: int
    busiest: float = 0.0


def doing(trace: Trace, lines: Lines, waits: Sequence[Blocked]) -> Doing:
    """What those did who had a lock, or several of one name, while others waited for it."""
    by_lock = [[*turns(same)] for same in _by_lock(waits).values()]
    found = [turn for same in by_lock for turn in same]
    seconds: Counter[State] = Counter()
    until = 0
    for turn in sorted(found, key=lambda turn: turn.began):  # of several locks that are held at once, once
        low, until = max(turn.began, until), max(turn.ended, until)
        for began, ended, state, _ in trace.lanes[turn.lane].stretches_between(low, turn.ended, trace.microseconds):
            seconds[state] += ended - began
    times = {state: length / 1e6 for state, length in seconds.items()}
    if any(trace.lanes[turn.lane].kind == "task" for turn in found):
        place = _awaited(trace, found, frozenset(State) - {State.LOCK})
    else:
        mostly = _mostly(times)
        states = COMPUTES if mostly in COMPUTES else {mostly}
        looks = [look for turn in found for look in lines.between(*turn)]
        place = most_of(look for look in looks if look.state in states)
        if place is None and mostly in _WAITS:  # nobody has looked just then; the wait itself was noted
            place = _awaited(trace, found, frozenset({mostly}))
    lanes = max((len({turn.lane for turn in same}) for same in by_lock), default=0)
    computed = (sum(trace.times(at).get(state, 0.0) for state in ON_CORE) for at in range(len(trace.lanes)))
    return Doing(times, place, lanes, max(computed, default=0.0))


def turns(waits: Sequence[Blocked]) -> Iterator[Turn]:
    """Who had one lock while somebody waited for it: who got it last, or was seen to have it when a wait began.

    >>> from plait._core.trace import Wait
    >>> one, two = Wait(1, 0, 40, State.LOCK, "a", "", 0), Wait(2, 10, 60, State.LOCK, "a", "", 0)
    >>> [tuple(turn) for turn in turns([Blocked(one, 40), Blocked(two, 60)])]
    [(0, 0, 40), (1, 40, 60)]
    """
    last, lane = 0, -1
    for one in sorted((one for one in waits if one.wait.got), key=lambda one: one.until):
        wait = one.wait
        holder = wait.holder if wait.began >= last or lane < 0 else lane
        began = max(last, wait.began)
        if holder >= 0 and holder != wait.lane and began < one.until:
            yield Turn(holder, began, one.until)
        last, lane = one.until, wait.lane


def cure_of(name: str, done: Doing, seconds: float, cores: float, *, free_threaded: bool = False) -> str:
    """What would let others wait less for a lock, with a forecast for a trace of so many seconds; or ""."""
    if _LOGGING in name:
        return ". A logging.handlers.QueueHandler leaves what is slow there to a thread of its own"
    now = seconds - done.seconds.get(State.CORE, 0.0)
    mostly = _mostly(done.seconds)
    waited = sum(length for state, length in done.seconds.items() if state in _WAITS)
    native = done.seconds.get(State.NATIVE, 0.0)
    if done.lanes < _SEVERAL:
        return ""
    if waited > _MOSTLY * sum(done.seconds.values()):
        then = max(now - waited + waited / done.lanes, done.busiest)
        text, free = "If that need not be under the lock, it would take", ""
    elif mostly is State.NATIVE:
        then = max(now - native + native / min(cores, done.lanes), done.busiest)
        text, free = (
            "If each thread can have its own of what the lock guards, it would take",
            f" on {cores:g} free cores",
        )
    elif mostly is State.PYTHON and not free_threaded and done.seconds[mostly] > _MOSTLY * now:
        return ". The GIL lets one thread at a time run Python without that lock, too; processes run it side by side"
    else:
        return ""
    return f". {text} about {then:.2f} s instead of {now:.2f} s{free}" if then < _GAIN * now else ""


def words_of(done: Doing) -> str:
    """``its holder was mostly sleeping at app.py:3 in save``; "" where that is not known."""
    if done.place is None or not done.seconds:
        return ""
    return f"its holder was mostly {WORDS[_mostly(done.seconds)]} at {done.place.where}"


def _mostly(seconds: dict[State, float]) -> State:
    """The state of most of it, leaving out that no core was free."""
    return max(seconds, key=lambda state: seconds[state] * (state is not State.CORE), default=State.ABSENT)


def _by_lock(waits: Sequence[Blocked]) -> dict[tuple[str, int], list[Blocked]]:
    found: dict[tuple[str, int], list[Blocked]] = {}
    for one in waits:
        found.setdefault((one.wait.name, one.wait.which), []).append(one)
    return found


def _awaited(trace: Trace, found: Sequence[Turn], states: frozenset[State]) -> Place | None:
    """The line of these waits at which those who had a lock were most."""
    own: dict[int, list[tuple[int, int, str]]] = {}
    for wait in trace.waits:
        if wait.state in states and wait.where:
            own.setdefault(wait.lane, []).append((wait.began, wait.ended, wait.where))
    lengths: Counter[str] = Counter()
    for lane, low, high in found:
        for began, ended, where in own.get(lane, ()):
            if began < high and ended > low:
                lengths[where] += min(ended, high) - max(began, low)
    if not lengths:
        return None
    where, most = lengths.most_common(1)[0]
    return Place(where, most / lengths.total())
