"""What a trace says of executors whose threads were too few for the calls that were submitted: pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from plait._core.how_many import how_many
from plait._core.trace import ON_CORE, WITH_GIL, State, Trace
from plait._see.recorder.calls import Begun, Done
from plait._see.summary.memory import at_once
from plait._see.summary.short_calls import ShortCalls, tell_short_calls

_TOLD = 0.1  # of the time of the trace: what is less is not told
_WAITS = (State.SLEEP, State.SOCKET, State.FILE, State.CHILD, State.OTHER, State.UNSEEN)
_KEPT_FROM = (State.IDLE, State.GIL, State.CORE)
_CHILDREN = 0.25  # of all cores
_ONE_ANOTHER = (State.LOCK, State.SEMAPHORE, State.CONDITION, State.QUEUE, State.BARRIER)
_MOSTLY = 0.5
_SLOW = 4  # times the median
_MORE = 4  # times as many threads, for a forecast
_GAIN = 0.8  # of the time as it was: a forecast above is no gain
_OWN_POOL = "asyncio"  # the name of the threads of a loop's default executor


class _Pool(NamedTuple):
    """An executor: the lanes of its threads, its calls that are over, and how many were open at the same time."""

    name: str
    workers: Sequence[int]
    runs: Sequence[tuple[int, int, int]]
    at_once: int


def tell_calls(
    trace: Trace,
    begun: Iterable[Begun],
    origin: int,
    cores: float,
    done: Iterable[Done] = (),
    short: Sequence[ShortCalls] = (),
) -> list[tuple[float, str]]:
    """A sentence for each executor that had calls wait for a tenth of the time or more, with the seconds of that.

    And one for each of which one call was so slow that the others were over long before. Of those that are `short` it
    is told that they are.
    """
    brief = frozenset(one.name for one in short)
    ended = {(one.tid, one.began): one.ended - origin for one in done}
    lanes = {lane.tid: at for at, lane in enumerate(trace.lanes) if lane.kind == "thread" and lane.tid}
    pools: dict[str, list[Begun]] = {}
    for one in begun:
        if one.tid in lanes:
            pools.setdefault(trace.lanes[lanes[one.tid]].name.rpartition("_")[0], []).append(one)
    found = tell_short_calls(trace, short)
    for name in sorted(pools.keys() - brief):
        calls = pools[name]
        runs = [(one.began - origin, ended.get((one.tid, one.began), trace.microseconds), one.tid) for one in calls]
        slow = _straggler(trace, name, runs, lanes)
        found += slow
        spans = sorted((max(0, one.submitted - origin), one.began - origin) for one in calls)
        seconds = _covered(spans) / 1e6
        if seconds < _TOLD * trace.seconds or not name:
            continue
        over = [run for run, one in zip(runs, calls, strict=True) if (one.tid, one.began) in ended]
        open_at_once = at_once([(one.submitted - origin, run[1]) for one, run in zip(calls, runs, strict=True)])
        pool = _Pool(name, sorted({lanes[one.tid] for one in calls}), over, open_at_once)
        found.append((seconds, _waited(pool, spans, seconds) + ("" if slow else _advice(trace, pool, cores))))
    return found


def _waited(pool: _Pool, spans: Sequence[tuple[int, int]], seconds: float) -> str:
    """How long the calls of a pool waited for its threads: each in a span, at least one of them for so many seconds."""
    mean = sum(ended - began for began, ended in spans) / len(spans) / 1e6
    whom = "its only thread" if len(pool.workers) == 1 else f"one of {len(pool.workers)} threads"
    waited = f"its {how_many(len(spans), 'call')} waited for {whom}, {mean:.2f} s each on average"
    return f"{pool.name}: {waited}, in {seconds:.2f} s of the time"


def _covered(spans: Sequence[tuple[int, int]]) -> int:
    """For how long at least one of them was; they are in order.

    >>> _covered([(0, 5), (2, 3), (4, 8), (10, 11)])
    9
    """
    total = until = 0
    for began, ended in spans:
        total += max(0, ended - max(began, until))
        until = max(until, ended)
    return total


def _straggler(
    trace: Trace, name: str, runs: Sequence[tuple[int, int, int]], lanes: dict[int, int]
) -> list[tuple[float, str]]:
    """The call that ended last, if it took far longer than the others, which were over by then."""
    lengths = sorted((ended - began) / 1e6 for began, ended, _ in runs)
    if len(lengths) < _SLOW:
        return []
    began, ended, tid = max(runs, key=lambda one: one[1])
    longest, middle = (ended - began) / 1e6, lengths[len(lengths) // 2]
    first, before = min(one[0] for one in runs), sorted(one[1] for one in runs)[-2]
    whole = (ended - first) / 1e6
    best = max(longest, sum(lengths) / len({one[2] for one in runs}))
    if longest < _SLOW * middle or (ended - before) / 1e6 < _TOLD * whole or whole - best < _TOLD * whole:
        return []
    text = f"{name}: one of its {how_many(len(runs), 'call')} took {longest:.2f} s on {trace.lanes[lanes[tid]].name}, "
    text += f"{longest / max(middle, 1e-6):.0f} times the median, and ended last: submitted first, it would have let "
    return [(longest, f"{text}them end after about {best:.2f} s, not {whole:.2f} s")]


def _advice(trace: Trace, pool: _Pool, cores: float) -> str:
    """Whether more threads would help, by what they do while they have a core and the GIL."""
    runs = pool.runs
    times = [trace.times(at) for at in pool.workers]
    sums = {state: sum(one.get(state, 0.0) for one in times) for state in State}
    own = sum(seconds for state, seconds in sums.items() if state not in _KEPT_FROM)
    if sums[State.FUTURE] > _MOSTLY * own:
        return (
            ". They mostly wait for results themselves: if these are of calls of the same executor, it stands still as "
            "soon as all of its threads wait. Give the calls that are waited for an executor of their own"
        )
    if sum(sums[state] for state in _WAITS) > _MOSTLY * own:
        children = trace.facts.get("children", 0.0) / trace.seconds
        if children > _CHILDREN * cores:
            return (
                f". They mostly wait, and child processes keep {children:.2f} of {cores:g} cores busy: more threads "
                "help for as long as cores are free"
            )
        text = ". They mostly wait for something outside: more of them (max_workers=...) would begin calls sooner"
        if not runs:
            return text
        longest, whole = max(ended - began for began, ended, _ in runs), _whole(runs)
        if len(runs) > len(pool.workers) and longest > _MOSTLY * whole:
            text = f". They mostly wait for something outside: one call took {longest / 1e6:.2f} s, so that more would "
            return f"{text}hardly help"
        return text + _forecast(trace, pool, sums)
    if sum(sums[state] for state in _ONE_ANOTHER) > _MOSTLY * own:
        return ". They mostly wait for one another, or for what there is too little of: more threads would not help"
    if sum(sums[state] for state in ON_CORE) >= _MOSTLY * own:  # or had no chance to
        return ". They compute: more threads would hardly help"
    return ""


def _forecast(trace: Trace, pool: _Pool, sums: dict[State, float]) -> str:
    """What more threads would make of it, if what they wait for serves so many."""
    runs, many = pool.runs, min(pool.at_once, _MORE * len(pool.workers))
    if many <= len(pool.workers):
        return ""
    lengths = [(ended - began) / 1e6 for began, ended, _ in runs]
    whole = _whole(runs) / 1e6
    threads = [at for at, lane in enumerate(trace.lanes) if lane.kind == "thread"]
    with_gil = sum(trace.times(at).get(state, 0.0) for at in threads for state in WITH_GIL)
    computed = sum(sums[state] for state in ON_CORE)
    least = max(sum(lengths) / many, *lengths, computed if trace.facts.get("free") else max(computed, with_gil))
    then = trace.seconds - whole + least
    if then > _GAIN * trace.seconds:
        return ""
    who = f"{many} of them"
    if pool.name == _OWN_POOL:
        who += f" (loop.set_default_executor(ThreadPoolExecutor({many})))"
    text = f"; {who} would take about {then:.2f} s instead of {trace.seconds:.2f} s"
    return f"{text} if what they wait for serves so many at once"


def _whole(runs: Sequence[tuple[int, int, int]]) -> int:
    """Microseconds from the first call's beginning to the last one's end."""
    return max(one[1] for one in runs) - min(one[0] for one in runs)
