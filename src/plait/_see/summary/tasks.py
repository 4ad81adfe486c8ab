"""What a trace says of tasks of event loops: what they await at which line, and whether one awaits by turns: pure."""

from __future__ import annotations

from itertools import pairwise

from plait._core.how_many import how_many
from plait._core.trace import WORDS, State, Trace, Wait
from plait._see.lines import Lines
from plait._see.queueing import in_rounds
from plait._see.summary.lines import wakes
from plait._see.summary.memory import at_once
from plait._see.summary.waits import in_waits, seconds_of

_TOLD, _PLACES = 0.1, 3  # of the time of tasks, and how many lines at which they wait
_LEAST = 0.01  # seconds of what is told of a trace that is so short
_MOSTLY = 0.5
_MUCH = 0.2
_AGAIN = 5  # waits at one line: fewer are no loop
_AT_ONCE = 8  # waits, for a forecast
_SOON = 1000  # microseconds after the end of a task within which who waits for it goes on
_MEANT = (State.IDLE, State.QUEUE, State.READY)
_READY = 0.5  # of the time of tasks
_ANYIO = (
    "tasks wait for a thread of anyio, which has 40 (`def` endpoints of FastAPI run in them): anyio.to_thread."
    "current_default_thread_limiter().total_tokens = ..."
)
_FEW = (  # functions of packages in which tasks wait for one of a few, and what makes them more
    (
        " in _wait_for_available_connection",
        "tasks wait for a connection of aiohttp, which opens no more: TCPConnector(limit=..., limit_per_host=...)",
    ),
    (
        " in wait_for_connection",
        "tasks wait for a connection of httpx, which opens no more: Limits(max_connections=...)",
    ),
    (" in acquire_on_behalf_of", _ANYIO),
)


def tell_tasks(trace: Trace, lines: Lines | None = None) -> list[str]:
    """What tasks await, with the line; threads hardly notice that they do."""
    lanes = [at for at, lane in enumerate(trace.lanes) if lane.kind == "task"]
    times = {at: trace.times(at) for at in lanes}
    total = sum(sum(one.values()) for one in times.values())
    if total < _LEAST:
        return []
    sums: dict[tuple[State, str], float] = {}
    for wait in trace.waits:
        if trace.lanes[wait.lane].kind == "task":
            sums[wait.state, wait.where] = sums.get((wait.state, wait.where), 0.0) + (wait.ended - wait.began) / 1e6
    ready = sum(one.get(State.READY, 0.0) for one in times.values())
    if ready >= _READY * total:
        sums[State.READY, ""] = ready
    most = sorted(sums, key=lambda one: -sums[one])[:_PLACES]
    told = [
        f"{sums[one] / total:.0%} {WORDS[one[0]]}{f' at {one[1]}' if one[1] else ''}"
        for one in most
        if sums[one] >= _TOLD * total
    ]
    if not told:
        return []
    many, whole = how_many(len(lanes), "task"), int(trace.facts.get("tasks", 0))
    which = many if whole <= len(lanes) else f"the longest {len(lanes)} of {how_many(whole, 'task')}"
    took = f"{which} took {total:.2f} s in all: {', '.join(told)}"
    few = [
        cure for end, cure in _FEW for one in most if one[1].rstrip(")").endswith(end) and sums[one] >= _MUCH * total
    ]
    return [
        took,
        *few,
        *_polls(trace, lanes, lines or Lines(trace)),
        *_room(trace, lanes, total),
        *(_by_turns(trace, lanes) or _runs_by_turns(trace, lanes)),
    ]


def _polls(trace: Trace, lanes: list[int], lines: Lines) -> list[str]:
    """Tasks that sleep and look again and again whether they may go on."""
    sleeps: dict[str, list[int]] = {}
    for at, wait in enumerate(trace.waits):
        if wait.lane in lanes and wait.state is State.SLEEP:
            sleeps.setdefault(wait.where, []).append(at)
    found = []
    for where, places in sleeps.items():
        seconds, words = seconds_of(trace, places), wakes(lines, where, len(places))
        if seconds >= _TOLD * trace.seconds and words:
            text = f"sleep in a loop: {seconds:.2f} s, {in_waits(trace, places)}, at {where}{words}"
            found.append((seconds, text))
    return [text for _, text in sorted(found, reverse=True)[:_PLACES]]


def _room(trace: Trace, lanes: list[int], total: float) -> list[str]:
    """Tasks that wait for room in a queue: who takes from it is slower."""
    waits = [wait for wait in trace.waits if wait.lane in lanes and wait.state is State.QUEUE]
    puts = [wait for wait in waits if wait.name.endswith(".put")]
    seconds = sum(wait.ended - wait.began for wait in puts) / 1e6
    if len(puts) < _AGAIN or seconds < _MUCH * total:
        return []
    many = how_many(len({wait.lane for wait in puts}), "task")
    text = (
        f"{many} waited {seconds:.2f} s for room in a queue, at {puts[0].where}: whoever takes from it is slower. More "
    )
    return [f"{text}tasks that take from it await what they await at once"]


def _each_alone(trace: Trace, lanes: list[int], at: int, where: str) -> bool:
    """Whether a task waits there for other tasks, of which each begins when the one before has ended."""
    waits = [wait for wait in trace.waits if wait.lane == at and wait.where == where]
    lives = []
    for other in lanes:
        around = list(trace.lanes[other].stretches(trace.microseconds)) if other != at else []
        if around and any(wait.began <= around[0][0] and around[-1][1] <= wait.ended + _SOON for wait in waits):
            lives.append((around[0][0], around[-1][1]))
    lives.sort()
    turns = all(before[1] <= after[0] for before, after in pairwise(lives))
    return turns and len(lives) >= _MOSTLY * len(waits) and waits[0].state is State.FUTURE


def _runs_by_turns(trace: Trace, lanes: list[int]) -> list[str]:
    """Tasks that wait at one line, of which each begins when the one before has ended, as by asyncio.run in a loop."""
    places: dict[str, list[Wait]] = {}
    for wait in trace.waits:
        if wait.lane in lanes and wait.where and wait.state not in _MEANT:
            places.setdefault(wait.where, []).append(wait)
    where, waits = max(places.items(), key=lambda one: sum(w.ended - w.began for w in one[1]), default=("", []))
    spans = [(wait.began, wait.ended) for wait in waits]
    seconds = sum(ended - began for began, ended in spans) / 1e6
    if len({wait.lane for wait in waits}) < _AGAIN or seconds < _MOSTLY * trace.seconds or at_once(spans) > 1:
        return []
    text = (
        f"tasks awaited {len(spans)} times at {where}, one after the other, as where asyncio.run ends before it begins "
    )
    return [f"{text}again: one asyncio.run with plait.map, a TaskGroup or asyncio.gather in it lets them wait at once"]


def _by_turns(trace: Trace, lanes: list[int]) -> list[str]:
    """The one task that waits, when it does so again and again at one line."""
    places: dict[tuple[int, str], list[int]] = {}
    for wait in trace.waits:
        if wait.lane in lanes and wait.where and wait.state not in _MEANT:
            places.setdefault((wait.lane, wait.where), []).append(wait.ended - wait.began)
    if not places:
        return []
    (at, where), lengths = max(places.items(), key=lambda item: sum(item[1]))
    seconds = sum(lengths) / 1e6
    others = sum(sum(own) for key, own in places.items() if key[0] != at) / 1e6
    if len(lengths) < _AGAIN or seconds < _MOSTLY * trace.seconds:
        return []
    if others > _TOLD * trace.seconds and not _each_alone(trace, lanes, at, where):
        return []
    turns = len(lengths)  # a loop may await at several lines
    mine = [own for key, own in places.items() if key[0] == at and _MOSTLY * turns <= len(own) <= turns / _MOSTLY]
    seconds, longest = (sum(map(each, mine)) / 1e6 for each in (sum, max))
    then = trace.seconds - seconds + max(in_rounds(seconds, turns, _AT_ONCE), longest)
    text = f"{trace.lanes[at].name} awaited {sum(map(len, mine))} times{', most' if len(mine) > 1 else ''} at {where}, "
    text += "one after the other. If none needs the "
    text += "result of the one before, plait.map, a TaskGroup or asyncio.gather let them wait at once: "
    return [f"{text}{_AT_ONCE} at a time would take about {then:.2f} s instead of {trace.seconds:.2f} s"]
