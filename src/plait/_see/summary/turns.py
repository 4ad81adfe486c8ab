"""What a trace says of servers that take one request after the other, and of windows that do not answer: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from plait._core.how_many import how_many
from plait._core.trace import WORDS, Finding, State, Trace
from plait._see.lines import COMPUTES, Lines, most_of
from plait._see.recorder.turns import WINDOW, Turn

_LONG = 100_000  # microseconds in which a window does not answer: who has clicked notices that
_TOLD = 0.1  # of the time of the trace: what is less is not told
_QUEUED = 3  # requests that found another in their way
_AT_ONCE = 20_000  # microseconds from the end of one request to the next, where that had been waiting
_LACKS = (State.CORE, State.GIL)
_THREADED = {  # what the server is called that has a thread for each request
    "HTTPServer": "http.server.ThreadingHTTPServer",
    "TCPServer": "socketserver.ThreadingTCPServer",
    "UDPServer": "socketserver.ThreadingUDPServer",
    "werkzeug.serving.BaseWSGIServer": "threaded=True of app.run and make_server",
}
_MIX_IN = "a class of socketserver.ThreadingMixIn and this one"


def tell_turns(trace: Trace, turns: Iterable[Turn], origin: int, lines: Lines) -> list[Finding]:
    """Sentences with the seconds that they are about."""
    lanes = {lane.tid: at for at, lane in enumerate(trace.lanes) if lane.tid}
    groups: dict[tuple[int, str], list[Turn]] = {}
    for turn in sorted(turns, key=lambda one: (one.began, -one.ended)):
        known = groups.setdefault((turn.tid, turn.server), []) if turn.tid in lanes else []
        if not known or turn.began - origin >= known[-1].ended:  # of one within another, the outer one
            known.append(turn._replace(began=turn.began - origin, ended=turn.ended - origin))
    found = []
    for (tid, server), ones in groups.items():
        tell = _window if server == WINDOW else _server
        found += tell(trace, lanes[tid], ones, lines)
    return found


def _server(trace: Trace, at: int, turns: Sequence[Turn], lines: Lines) -> list[Finding]:
    """A server of which requests find another in their way."""
    queued = [after for before, after in pairwise(turns) if after.began - before.ended < _AT_ONCE]
    waited = sum(after.ended - after.began for after in queued) / 1e6
    if len(queued) < _QUEUED or waited < _TOLD * trace.seconds:
        return []
    kind = turns[0].server
    text = f"{kind} took {len(turns)} requests one after the other in {trace.lanes[at].name}"
    text += f"{_doing(trace, at, turns, lines)}; {len(queued)} of them came while it was busy, and had to wait for the "
    text += f"one before. {_THREADED.get(kind, _MIX_IN)} has a thread for each"
    return [(_seconds(turns), text)]


def _window(trace: Trace, at: int, turns: Sequence[Turn], lines: Lines) -> list[Finding]:
    """A window that does not answer while it is called back."""
    long = [turn for turn in turns if turn.ended - turn.began - _lacked(trace, at, turn) >= _LONG]
    if not long or _seconds(long) < _TOLD * trace.seconds:
        return []
    text = f"the window did not answer for {_seconds(long):.2f} s, in {how_many(len(long), 'callback')}"
    text += f"{_doing(trace, at, long, lines)}. Let the callback start a thread and return, without waiting for it; "
    text += "root.after(100, look) calls a function that looks whether it is over, and shows the result"
    if _mostly(trace, at, long) is State.PYTHON and not trace.facts.get("free"):
        text += ". What computes in Python still takes the GIL from the window there: in a process it does not"
    return [(_seconds(long), text)]


def _doing(trace: Trace, at: int, turns: Sequence[Turn], lines: Lines) -> str:
    """What the thread did meanwhile, and at which line."""
    mostly = _mostly(trace, at, turns)
    states = COMPUTES if mostly in COMPUTES else {mostly}
    place = most_of(one for turn in turns for one in lines.between(at, turn.began, turn.ended) if one.state in states)
    return f", {WORDS[mostly]}{f' at {place.where}' if place else ''}"


def _mostly(trace: Trace, at: int, turns: Sequence[Turn]) -> State:
    times: Counter[State] = Counter()
    for turn in turns:
        for began, ended, state, _ in trace.lanes[at].stretches_between(turn.began, turn.ended, trace.microseconds):
            times[state] += (ended - began) * (state not in _LACKS)
    return max(times, key=lambda state: times[state], default=State.UNSEEN)


def _lacked(trace: Trace, at: int, turn: Turn) -> int:
    around = trace.lanes[at].stretches_between(turn.began, turn.ended, trace.microseconds)
    return sum(ended - began for began, ended, state, _ in around if state in _LACKS)


def _seconds(turns: Iterable[Turn]) -> float:
    return sum(turn.ended - turn.began for turn in turns) / 1e6
