"""What a thread did when, from looks at it now and then and from the waits that it noted to the microsecond: pure."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterable, Sequence

from plait._core.trace import STATES, Lane, State
from plait._see.recorder.waits import Noted

Change = tuple[int, int, int]  # from this moment on it was seen in that state, with that text
Piece = tuple[int, int, int, int]  # began, ended, state, text
Label = tuple[int, int, int]  # began, ended, and what of it is to be told
Seen = Callable[[int, int, int], tuple[int, int]]  # from a state, its text and that to the state and text instead

_OWN = (State.GIL, State.NATIVE, State.PYTHON)  # what is no wait for what was noted, even while it lasts
_RUNS = (State.PYTHON, State.NATIVE)
_MOSTLY = 0.5
_NONE = (sys.maxsize, sys.maxsize, 0)
_NO_WAIT = (*_RUNS, State.ABSENT)
_MAY_BE_NOTED = (*_OWN, State.LOCK, State.UNSEEN)  # as a noted wait is seen; what else was seen in one, began after it


def refined(changes: Sequence[Change], waits: Sequence[Noted], end: int, slack: int) -> list[Piece]:
    """The stretches of a thread, without gaps, from the first change to the end.

    A noted wait begins and ends where the thread says so: what was seen before it does not reach into it, and what was
    seen in it, no further. After it nobody has looked until the next look: for `slack` at most, twice the time between
    two looks. Within it, what is seen to be something else, such as the wait for the GIL after it has been let go, is
    that. Waits do not overlap.

    >>> wait = Noted(7, 10, 50, State.QUEUE, "Queue", "a.py:3")
    >>> looks = [(0, State.PYTHON, 0), (20, State.LOCK, 0), (40, State.GIL, 0), (60, State.PYTHON, 0)]
    >>> [(began, ended, State(state).name) for began, ended, state, _ in refined(looks, [wait], 100, 20)]
    [(0, 10, 'PYTHON'), (10, 35, 'QUEUE'), (35, 50, 'GIL'), (50, 60, 'UNSEEN'), (60, 100, 'PYTHON')]
    """
    pieces: list[Piece] = []
    at = 0
    for index, (seen, state, text) in enumerate(changes):
        until = changes[index + 1][0] if index + 1 < len(changes) else end
        after = changes[index + 1][1] if index + 1 < len(changes) else State.ABSENT
        moment = seen
        while at < len(waits) and waits[at].ended <= seen:
            at += 1
        following = at
        while following < len(waits) and waits[following].began < until:
            wait = waits[following]
            if wait.began > moment:
                bare = following == at and wait.began - moment <= slack and state not in (*_OWN, State.ABSENT)
                before = _waited_before(pieces, moment - slack) if bare else (state, text)
                _between(pieces, moment, wait.began, *before, slack if following > at else 0)
                moment = wait.began
            ended = min(wait.ended, until)
            if state in _OWN and seen >= wait.began:
                since = max(wait.began, _since(moment, ended, slack // 2) if state == State.GIL else moment)
                _take_back(pieces, since)
                _add(pieces, since, ended, state, text)
            else:
                _add(pieces, moment, ended, wait.state, 0)
            moment = max(moment, ended)
            following += 1
        if moment < until:
            over = following > at and state in _MAY_BE_NOTED  # what is seen next began at once, if that is a wait, too
            if over and until - moment <= slack and after not in _NO_WAIT:
                _add(pieces, moment, until, after, 0)
            else:
                _between(pieces, moment, until, state, text, slack if over else 0)
    return pieces


def with_unseen(pieces: Sequence[Piece], seconds: float) -> list[Piece]:
    """What nobody looked at, between two waits mostly: it ran, unless it had too little time on a core for that.

    `seconds` are those that it ran or was ready to; less than 0 where the system does not tell.

    >>> with_unseen([(0, 10, State.QUEUE, 0), (10, 30, State.UNSEEN, 0)], 15e-6)[1][2].name
    'PYTHON'
    >>> with_unseen([(0, 10, State.QUEUE, 0), (10, 30, State.UNSEEN, 0)], 1e-6)[1][2].name
    'UNSEEN'
    """
    ran = sum(ended - began for began, ended, state, _ in pieces if state in (*_RUNS, State.UNSEEN))
    if 0 <= seconds * 1e6 < _MOSTLY * ran:
        return list(pieces)
    return [piece if piece[2] != State.UNSEEN else (*piece[:2], State.PYTHON, piece[3]) for piece in pieces]


def overlaid(pieces: Sequence[Piece], labels: Iterable[Label], seen: Seen) -> list[Piece]:
    """The pieces, with another state and text wherever there is a label; these come in order.

    >>> looks = [(0, 30, State.PYTHON, 0), (30, 60, State.GIL, 0), (60, 90, State.PYTHON, 0)]
    >>> found = overlaid(looks, [(20, 70, 0)], lambda state, text, label: (State.GARBAGE, label))
    >>> [(began, ended, State(state).name) for began, ended, state, _ in found]
    [(0, 20, 'PYTHON'), (20, 70, 'GARBAGE'), (70, 90, 'PYTHON')]
    """
    found: list[Piece] = []
    left = iter(labels)
    began, ended, label = next(left, _NONE)
    for low, high, state, text in pieces:
        moment = low
        while began < high:
            _add(found, moment, min(began, high), state, text)
            if ended > moment:
                _add(found, max(began, moment), min(ended, high), *seen(state, text, label))
            moment = max(moment, min(ended, high))
            if ended > high:
                break
            began, ended, label = next(left, _NONE)
        _add(found, moment, high, state, text)
    return found


def relabel(lane: Lane, labels: Iterable[Label], seen: Seen, end: int) -> None:
    """As `overlaid`, of a lane, whose last state goes on to the end."""
    moments, states, details = lane.moments, lane.states, lane.details
    lane.moments, lane.states, lane.details = array("q"), bytearray(), array("L")
    pieces = list(zip(moments, [*moments[1:], end], states, details, strict=True))
    for began, _, state, detail in overlaid(pieces, labels, seen):
        lane.add(began, STATES[state], detail)


def _waited_before(pieces: Sequence[Piece], since: int) -> tuple[int, int]:
    """What it waited for before it was seen to run for a moment: that a wait had begun was seen too early."""
    for _, ended, state, text in reversed(pieces[-2:]):
        if ended >= since and state not in (*_OWN, State.UNSEEN):
            return state, text
    return State.UNSEEN, 0


def _since(seen: int, ended: int, period: int) -> int:
    """Since when it was what it was seen to be and remained to the end of a wait, on average over all waits.

    Of those that last less than a period most are not seen, for which those stand that are.
    """
    return min(ended - period, seen - period // 2)


def _take_back(pieces: list[Piece], since: int) -> None:
    """Say nothing of the time since then."""
    while pieces and pieces[-1][1] > since:
        began, _, state, text = pieces.pop()
        if began < since:
            pieces.append((began, since, state, text))


def _between(pieces: list[Piece], began: int, ended: int, state: int, text: int, slack: int) -> None:
    """What was seen, but for the moment after a wait, when nobody has looked yet."""
    if slack and state != State.ABSENT:
        unseen = min(ended, began + slack)
        _add(pieces, began, unseen, State.UNSEEN, 0)
        began = unseen
    _add(pieces, began, ended, state, text)


def _add(pieces: list[Piece], began: int, ended: int, state: int, text: int) -> None:
    if ended <= began:
        return
    if pieces and pieces[-1][2:] == (state, text) and pieces[-1][1] == began:
        pieces[-1] = pieces[-1][0], ended, state, text
    else:
        pieces.append((began, ended, state, text))
