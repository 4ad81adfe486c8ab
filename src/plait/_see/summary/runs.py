"""What a trace says of maps: slow items, data on their way, batches, workers without work: pure."""

from __future__ import annotations

from collections.abc import Iterator

from plait._core.how_many import how_many, in_units
from plait._core.trace import ON_CORE, WORDS, Slice, State, Trace
from plait._see.runs import Figures

_OWN = frozenset({State.PYTHON, State.NATIVE, State.SLEEP, State.FILE, State.SOCKET, State.LOCK})
_OUTSIDE = (State.SLEEP, State.SOCKET, State.FILE, State.CHILD, State.OTHER)
_MOSTLY = 0.6
_MORE = 4  # times as many workers, for a forecast
_GAIN = 0.8  # of the time as it was: a forecast above is no gain
_TOLD = 0.1  # of the time of a map: what is less is not told
_EMPTY = 0.25
_FULL = 0.8  # of what a rate allows
SHORT = 50e-6  # seconds of an item for which another process is not worth it
_SLOW = 4  # times the median
_WORTH = 1.5  # cores: less is not worth it
_STAYED = ("inline: ", "inline, ", "threads: ", "threads, ")  # how `auto` begins to say why items did not move
_MOVED = "processes: "


def tell_runs(trace: Trace, runs: list[Figures], cores: float) -> list[tuple[float, str]]:
    """Sentences about the maps that took a tenth of the time or more, each with the seconds that it is about."""
    found: list[tuple[float, str]] = []
    for run in runs:
        measured = not run.elsewhere and any(reason.startswith(_MOVED) for reason in run.reasons)
        if run.lanes and run.seconds >= _TOLD * trace.seconds and not measured:
            found += _stragglers(trace, run) + _transfer(run) + _late_batch(trace, run)
            found += _one_at_a_time(trace, run, cores) or _empty(trace, run)
            found += _waits(trace, run)
    return found


def _one_at_a_time(trace: Trace, run: Figures, cores: float) -> list[tuple[float, str]]:
    """Items that compute, in the program's own process, of which no two ran at the same time."""
    if run.elsewhere or _of_tasks(trace, run) or cores < _WORTH or trace.facts.get("free") or not run.one_at_a_time:
        return []
    times = _times(trace, run)
    lived = sum(seconds for state, seconds in times.items() if state not in (State.IDLE, State.GIL, State.CORE))
    computed = min(run.work, sum(times.get(state, 0.0) for state in ON_CORE))  # without what the loop around it does
    if not lived or computed < _MOSTLY * min(run.work, lived):
        return []
    text = f"{run.name}: one item was computed at a time, {computed:.2f} s in all"
    stayed = next((reason for reason in run.reasons if reason.startswith(_STAYED)), "")
    if stayed:
        return [(computed, f'{text}; engine="auto" says why: {stayed}')]
    if run.work < SHORT * run.items:
        return []
    least = max(min(_longest(trace, run), computed), computed / min(cores, run.items), run.seconds - run.work)
    then = trace.seconds - run.seconds + least
    now = trace.seconds - min(times.get(State.CORE, 0.0), run.seconds - computed)  # had it had a core
    if then > _GAIN * now:
        return []
    trace.facts["forecast"] = then
    text += f'; engine="process" would take about {then:.2f} s instead of {now:.2f} s on {cores:g} free cores'
    return [(computed, f"{text}, beside their start and the moving of data")]


def _times(trace: Trace, run: Figures) -> dict[State, float]:
    """What its workers did between their first and their last item, in seconds."""
    times: dict[State, float] = {}
    for at, (first, last) in run.lanes.items():
        for began, ended, state, _ in trace.lanes[at].stretches_between(first, last, trace.microseconds):
            times[state] = times.get(state, 0.0) + (ended - began) / 1e6
    return times


def _longest(trace: Trace, run: Figures) -> float:
    return max(map(_seconds, _slices(trace, run)), default=0.0)


def _slices(trace: Trace, run: Figures) -> Iterator[Slice]:
    return (one for one in trace.slices if one.group == run.name and one.lane in run.lanes)


def _of_tasks(trace: Trace, run: Figures) -> bool:
    return any(trace.lanes[at].kind == "task" for at in run.lanes)


def _stragglers(trace: Trace, run: Figures) -> list[tuple[float, str]]:
    items = [one for one in _slices(trace, run) if ", item " in one.name]
    lengths = sorted(_seconds(one) for one in items)
    if len(lengths) < _SLOW:
        return []
    slow, middle = max(items, key=_seconds), lengths[len(lengths) // 2]
    longest = _seconds(slow)
    if longest < _SLOW * middle or longest < _TOLD * run.seconds:
        return []
    text = (
        f"{slow.name} took {longest:.2f} s on {trace.lanes[slow.lane].name}, {longest / max(middle, 1e-6):.0f} times "
    )
    text += f"the median of {len(lengths)} items"
    best = max(longest, run.work / len(run.lanes))
    if slow is run.last and run.seconds - best > _TOLD * run.seconds:
        text += f"; it ended last: given first, it would have let the map end after about {best:.2f} s, not "
        text += f"{run.seconds:.2f} s"
    return [(longest, text)]


def _transfer(run: Figures) -> list[tuple[float, str]]:
    """What went to processes and back, where it costs much beside the work."""
    sums = run.transfer
    if sums is None:
        return []
    here = sums.sent_seconds + sums.read_seconds
    cost = here + run.between
    if cost < _TOLD * (run.work + cost):
        return []
    each = run.work / run.items
    text = f"{run.name}: {in_units(sums.sent_bytes)} went to the workers and {in_units(sums.read_bytes)} came back for "
    text += f"{run.items:,} items; that took {here:.2f} s of pickling and reading here, and workers were busy for "
    text += f"{run.between:.2f} s between items, beside {run.work:.2f} s of work in them"
    if each < SHORT:
        text += f". At {each * 1e6:.1f} µs, with what it takes to note each, an item is too short for another process: "
        text += "give each call more to do"
    else:
        text += ". Send names of files and return sums, make arrays of lists, or let threads do it"
    return [(cost, text)]


def _late_batch(trace: Trace, run: Figures) -> list[tuple[float, str]]:
    """The last batch, when the other workers had nothing left to do beside it."""
    last, others = run.last, sorted(end for _, end in run.lanes.values())[:-1]
    if last is None or not others or ", items " not in last.name:
        return []
    alone = (last.ended - max(last.began, others[-1])) / 1e6
    if alone < _TOLD * run.seconds:
        return []
    which = last.name.partition(", ")[2]
    text = f"{run.name}: {which} were one batch that ran {alone:.2f} s longer than anything else, on "
    return [(alone, f"{text}{trace.lanes[last.lane].name}: the batch was too large for the end of the map")]


def _empty(trace: Trace, run: Figures) -> list[tuple[float, str]]:
    """Workers that had no item, and what the thread that feeds them did meanwhile."""
    whole = run.hungry
    if not whole or run.empty < _EMPTY * whole or run.consumer < 0 or run.inline:
        return []
    feeder = trace.lanes[run.consumer]
    did: dict[State, float] = {}
    for began, ended, state, _ in feeder.stretches_between(run.began, run.ended, trace.microseconds):
        did[state] = did.get(state, 0.0) + (ended - began) / 1e6
    mostly = max(did, key=lambda state: did[state], default=State.ABSENT)
    if mostly in (State.GIL, State.CORE):
        return []  # which is told, and the reason for this
    text = f"{run.name}: {_workers(run)} had no item for {run.empty / whole:.0%} of the time "
    text += f"in which items were still to come ({run.empty:.2f} s of {whole:.2f} s)"
    if run.rate and run.items > _FULL * run.rate * run.seconds:
        text += f"; rate= lets {run.rate:.3g} of them start in a second"
    elif mostly in _OWN:
        text += f"; {feeder.name}, which takes their results, spent {did[mostly]:.2f} s {WORDS[mostly]}: "
        text += "the loop around the map, or its input, is what is slow"
    elif run.transfer is not None and run.transfer.sent_seconds + run.transfer.read_seconds > _EMPTY * run.seconds:
        text += "; pickling here is what they waited for"
    elif run.again:
        text += f"; {how_many(run.again, 'attempt')} after a failure (retry=) had to wait for the delay before it"
    elif not run.elsewhere:
        return []  # threads that rest, since more of them would do no more
    return [(run.empty, text)]


def _waits(trace: Trace, run: Figures) -> list[tuple[float, str]]:
    """Workers that are few, always have an item, and mostly wait while they do: more of them would wait at once."""
    times = _times(trace, run)
    waited = sum(times.get(state, 0.0) for state in _OUTSIDE)
    computed = sum(times.get(state, 0.0) for state in ON_CORE)
    many, work = min(run.items, _MORE * len(run.lanes)), run.work
    if waited < _MOSTLY * work or run.empty >= _EMPTY * run.hungry:
        return []
    longest = _longest(trace, run)
    least = max(work / many, longest, computed)
    then = trace.seconds - run.seconds + least
    if then > _GAIN * trace.seconds or longest > _MOSTLY * run.seconds:
        return []
    several = len(run.lanes) > 1 or _of_tasks(trace, run)  # inline there is but one
    how = f"workers={many}" if several and not run.elsewhere else f'engine="thread" and workers={many}'
    text = (
        f"{run.name}: {_workers(run)} waited for {min(1.0, waited / work):.0%} of the time of the items: {how} would "
    )
    text += f"take about {then:.2f} s instead of {trace.seconds:.2f} s if what they wait for serves so many at once"
    return [(waited, text)]


def _workers(run: Figures) -> str:
    return f"its {len(run.lanes)} workers" if len(run.lanes) > 1 else "its worker"


def _seconds(one: Slice) -> float:
    return (one.ended - one.began) / 1e6
