"""What a trace says, in words and figures, the gravest first: pure."""

from __future__ import annotations

from collections.abc import Iterable

from plait._core.how_many import how_many
from plait._core.trace import ON_CORE, WITH_GIL, WORDS, State, Trace
from plait._see.forecast import Forecast, forecast
from plait._see.held import blocked, held
from plait._see.recorder import RETURNED
from plait._see.runs import Figures
from plait._see.summary_runs import SHORT, tell_runs

Finding = tuple[float, str]  # the seconds that it is about, and a sentence
_HELD = (State.LOCK, State.SEMAPHORE)
_SIGNALS = {State.CONDITION: "a condition", State.EVENT: "an event", State.BARRIER: "a barrier"}
_TOGETHER = 0.1
_GAIN = 0.85  # of the time as it was: a forecast above is no gain
_QUEUES = (
    (".put", "room in", "whoever takes from it is slower"),
    (".get", "an item of", "whoever puts into it is slower"),
    (
        f".get{RETURNED}",
        "an item of",
        "it is put back by those that take it, as a connection of a pool: there are fewer than threads that want one",
    ),
)
_TOLD, _PLACES = 0.1, 3  # of the time of tasks, and how many lines at which they wait
_FLOWS = 3  # waits for a queue: who waits only once or twice is idle
_LOOKS = 10  # at each thread: fewer say nothing
_LEAST = 0.01  # seconds of what is told of a trace that is so short
_CROWD = 5  # holders of which none had a lock for most of the time
_CHILDREN = 0.05  # cores
_WORTH = 0.02  # of the time of threads: what is less is not told


def summarise(trace: Trace, runs: list[Figures], others: list[Finding], cores: float) -> list[str]:
    """Sentences about where the time of threads went, and what would change it on so many cores.

    `others` is what is known of event loops and executors: sentences with the seconds that were lost.
    """
    times = [trace.times(at) if lane.kind != "task" else {} for at, lane in enumerate(trace.lanes)]
    total = sum(sum(seconds for state, seconds in one.items() if state is not State.IDLE) for one in times)
    if total <= 0:
        return ["it was over before anybody had looked at its threads"]
    exact = [*others, *_locks(trace), *_queues(trace, total), *_sleeps(trace, total), *tell_runs(trace, runs)]
    looks = trace.facts.get("rate", 0.0) * trace.seconds
    if 0 < looks < _LOOKS:
        seen = how_many(round(looks), "look")
        short = f"it was too short to say where the time went: {trace.seconds * 1000:.1f} ms, in {seen}"
        return [short, *_tasks(trace), *_sorted(one for one in exact if one[0] >= _LEAST)]
    sums = {state: sum(one.get(state, 0.0) for one in times) for state in State}
    busy = sum(sums[state] for state in ON_CORE)
    average = min(busy / trace.seconds, cores)
    found = [f"{total:.2f} s of thread time in {trace.seconds:.2f} s; {average:.2f} cores were busy on average"]
    children = trace.facts.get("children", 0.0) / trace.seconds
    if children >= _CHILDREN:
        found[0] += f", and {children:.2f} with child processes that have ended"
    if sums[State.IDLE] >= _TOGETHER * trace.seconds:
        found[0] += f"; threads were idle for {sums[State.IDLE]:.2f} s beside that"
    parts = sorted(((sums[state], state) for state in State if state is not State.IDLE), reverse=True)
    shares = [f"{seconds / total:.0%} {WORDS[state]}" for seconds, state in parts if seconds >= _WORTH * total]
    found.append("where it went: " + ", ".join(shares))
    found += _tasks(trace)
    graver = [*exact, *_gil(trace, times, sums, total, runs, cores), *_core(sums, total, trace.seconds, cores)]
    return found + _sorted(graver) + _sorted([*_signals(trace, total), *_naps(trace, total)])


def _tasks(trace: Trace) -> list[str]:
    """What tasks await, with the line; threads hardly notice that they do."""
    lanes = [at for at, lane in enumerate(trace.lanes) if lane.kind == "task"]
    total = sum(sum(trace.times(at).values()) for at in lanes)
    sums: dict[tuple[State, str], float] = {}
    for wait in trace.waits:
        if trace.lanes[wait.lane].kind == "task":
            sums[wait.state, wait.where] = sums.get((wait.state, wait.where), 0.0) + (wait.ended - wait.began) / 1e6
    most = sorted(sums, key=lambda one: -sums[one])[:_PLACES]
    told = [
        f"{sums[one] / total:.0%} {WORDS[one[0]]}{f' at {one[1]}' if one[1] else ''}"
        for one in most
        if sums[one] >= _TOLD * total
    ]
    if not told or total < _LEAST:
        return []
    return [f"{how_many(len(lanes), 'task')} took {total:.2f} s in all: {', '.join(told)}"]


def _sorted(findings: Iterable[Finding]) -> list[str]:
    return [text for _, text in sorted(findings, key=lambda one: -one[0])]


def _gil(
    trace: Trace,
    times: list[dict[State, float]],
    sums: dict[State, float],
    total: float,
    runs: list[Figures],
    cores: float,
) -> list[Finding]:
    lost, python = sums[State.GIL], sum(sums[state] for state in WITH_GIL)
    if lost < 0.1 * (total - sums[State.CORE]):  # on a busy machine, too, of the time that the program had
        return []
    worst = max(range(len(times)), key=lambda lane: times[lane].get(State.GIL, 0.0))
    text = (
        f"{lost / total:.0%} of thread time waits for the GIL ({lost:.2f} s, most of it {trace.lanes[worst].name} with "
    )
    text += f"{times[worst].get(State.GIL, 0.0):.2f} s): {python:.2f} s of Python ran, one thread at a time"
    mine = [run for run in runs if not run.elsewhere]
    workers = frozenset(at for run in mine for at in run.lanes)
    seen = forecast(trace, workers, frozenset(run.consumer for run in mine), cores)
    if seen is None:
        return [(lost, text)]
    return [(lost, f"{text}. More threads will not help{_instead(trace, times, seen, mine, workers, cores)}")]


def _instead(
    trace: Trace,
    times: list[dict[State, float]],
    seen: Forecast,
    runs: list[Figures],
    workers: frozenset[int],
    cores: float,
) -> str:
    """What processes would make of it, or why that cannot be said."""
    of_maps = workers.issuperset(seen.lanes)
    if not of_maps and _together(times, seen.lanes) > _TOGETHER:
        return "; what computes belongs into processes: plait.map on them"
    short = [
        run for run in runs if run.work / max(1, run.items) < SHORT and not run.lanes.keys().isdisjoint(seen.lanes)
    ]
    if short:
        return f", and an item of {short[0].name} is too short for another process: give each call more to do"
    trace.facts["forecast"] = seen.then
    if seen.then > _GAIN * seen.now:
        why = "there is one core" if cores <= 1 else "there is little that could run at the same time"
        return f", and processes hardly: {why}"
    who = 'engine="process"' if of_maps else f"{len(seen.lanes)} processes in place of these threads"
    return (
        f"; {who} would take about {seen.then:.2f} s instead of {seen.now:.2f} s on {_cores(cores, 'free ')}, beside "
        "their start and the moving of data"
    )


def _together(times: list[dict[State, float]], lanes: tuple[int, ...]) -> float:
    """The share of their time that threads wait for one another: as processes they could not share what they share."""
    each = [times[at] for at in lanes]
    waits = sum(one.get(state, 0.0) for one in each for state in (*_HELD, State.QUEUE, *_SIGNALS))
    return waits / max(1e-9, sum(sum(one.values()) for one in each))


def _locks(trace: Trace) -> list[Finding]:
    by_name: dict[str, list[int]] = {}
    for at, wait in enumerate(trace.waits):
        if wait.state in _HELD:
            by_name.setdefault(wait.name, []).append(at)
    found = []
    for name, places in sorted(by_name.items(), key=lambda item: -_length(trace, item[1]))[:3]:
        waits = blocked(trace, [trace.waits[at] for at in places])
        seconds = sum(one.microseconds for one in waits) / 1e6
        if seconds < 0.01 * trace.seconds:
            continue
        which = len({one.wait.which for one in waits})
        permits = max(one.wait.permits for one in waits)
        text = f"{name}{f', {which} of that name' if which > 1 else ''}"
        text += (
            f"{f', {permits} permits' if permits > 1 else ''}: {seconds:.2f} s of waiting {_in_waits(trace, places)}"
        )
        holders = held(waits) if permits == 1 else {}
        if permits > 1:  # it does not go from one thread to the next, as a lock does
            longest = _line(trace, places, of_holders=True)
            text += f"; who had one longest was most at {longest}" if longest else ""
        if holders:
            (lane, line), cost = max(holders.items(), key=lambda item: item[1])
            many = len({lane for lane, _ in holders})
            if many >= _CROWD and cost < seconds / _CROWD:  # as where each request has a thread of its own
                who = "tasks" if trace.lanes[lane].kind == "task" else "threads"
                text, line = f"{text}; held by {many} {who}, one after the other", ""
            else:
                text += f"; {cost:.2f} s of it held by {trace.lanes[lane].name}{f', then at {line}' if line else ''}"
            longest = "" if line else _line(trace, places, of_holders=True)
            text += f"; its holder was mostly at {longest}" if longest else ""
        where = _line(trace, places)
        found.append((seconds, text + (f"; waited for at {where}" if where else "")))
    return found


def _signals(trace: Trace, total: float) -> list[Finding]:
    """What threads wait for that nobody holds: it comes when others are ready. Last, since it may be meant so."""
    by_name: dict[tuple[str, State], list[int]] = {}
    for at, wait in enumerate(trace.waits):
        if wait.state in _SIGNALS and trace.lanes[wait.lane].kind != "task":
            by_name.setdefault((wait.name, wait.state), []).append(at)
    found = []
    for (name, state), places in by_name.items():
        seconds = _length(trace, places)
        if seconds >= 0.1 * total:
            where = _line(trace, places)
            text = f"{name}: {seconds:.2f} s of waiting for {_SIGNALS[state]}, {_in_waits(trace, places)}"
            found.append((seconds, text + (f"; waited for at {where}" if where else "")))
    return sorted(found, reverse=True)[:3]


def _in_waits(trace: Trace, places: list[int]) -> str:
    """``in 3 waits of 1 thread``."""
    waiters = {trace.waits[at].lane for at in places}
    who = "task" if any(trace.lanes[at].kind == "task" for at in waiters) else "thread"
    return f"in {how_many(len(places), 'wait')} of {how_many(len(waiters), who)}"


def _line(trace: Trace, places: list[int], of_holders: bool = False) -> str:
    """The line at which was waited longest, or at which the holder was while others waited; "" for none."""
    lengths: dict[str, int] = {}
    for wait in (trace.waits[at] for at in places):
        line = wait.held_at if of_holders else wait.where
        if line:
            lengths[line] = lengths.get(line, 0) + wait.ended - wait.began
    return max(lengths, key=lambda one: lengths[one], default="")


def _queues(trace: Trace, total: float) -> list[Finding]:
    """Who waits for room in a queue, or for items: the others are slower."""
    waits = _at_queues(trace)
    found = []
    for method, lacks, why in _QUEUES:
        places = [at for at, known in waits if known == method]
        seconds = _waiting(trace, places)
        if seconds < 0.1 * total or len(places) < _FLOWS:
            continue
        lanes = list(dict.fromkeys(trace.lanes[trace.waits[at].lane].name for at in places))
        who = lanes[0] if len(lanes) == 1 else f"{len(lanes)} threads"
        where = _line(trace, places)
        most = f", most at {where}" if where else ""
        found.append((seconds, f"{who} waited {seconds:.2f} s for {lacks} a queue{most}: {why}"))
    return found


def _at_queues(trace: Trace) -> list[tuple[int, str]]:
    """Threads' waits for queues, and which of those that can be told it is."""
    waits = [
        (at, wait)
        for at, wait in enumerate(trace.waits)
        if wait.state is State.QUEUE and trace.lanes[wait.lane].kind != "task"
    ]
    put_back = {(wait.lane, wait.where) for _, wait in waits if wait.name.endswith(RETURNED)}  # not yet in the first
    found = []
    for at, wait in waits:
        method = "." + wait.name.rpartition(".")[2]
        found.append((at, f".get{RETURNED}" if method == ".get" and (wait.lane, wait.where) in put_back else method))
    return found


def _sleeps(trace: Trace, total: float) -> list[Finding]:
    """What sleeps in C, where no line of the program says so."""
    seconds = 0.0
    for lane in trace.lanes:
        for began, ended, state, detail in lane.stretches(trace.microseconds):
            seconds += (ended - began) / 1e6 if state is State.SLEEP and detail else 0.0
    if seconds < 0.1 * total:
        return []
    text = f"{seconds:.2f} s of sleeping were in C code, not in time.sleep: SQLite does that while another connection "
    return [(seconds, text + "has locked the database (keep transactions short, or let one thread write)")]


def _naps(trace: Trace, total: float) -> list[Finding]:
    """The lines at which threads slept by `time.sleep`. Last, since it may be meant so."""
    by_line: dict[str, list[int]] = {}
    for at, wait in enumerate(trace.waits):
        if wait.state is State.SLEEP and wait.where and trace.lanes[wait.lane].kind != "task":
            by_line.setdefault(wait.where, []).append(at)
    found = [(_length(trace, places), where, places) for where, places in by_line.items()]
    return [
        (seconds, f"time.sleep: {seconds:.2f} s, {_in_waits(trace, places)}, at {where}")
        for seconds, where, places in sorted(found, reverse=True)[:3]
        if seconds >= 0.1 * total
    ]


def _core(sums: dict[State, float], total: float, seconds: float, cores: float) -> list[Finding]:
    queued = sums[State.CORE]
    if queued < 0.1 * max(total, seconds):  # of a program that has hardly anything to do, it is not what matters
        return []
    text = f"{queued / total:.0%} of thread time waits for a core ({queued:.2f} s)"
    why = f"here and in other programs, more threads want to run than there are cores ({cores:g})"
    wanted = (queued + sum(sums[state] for state in ON_CORE)) / seconds
    if wanted < cores:
        why = f"it wants {wanted:.1f} of {_cores(cores)} on average, so that mostly other processes have them"
    return [(queued, f"{text}: {why}")]


def _cores(count: float, free: str = "") -> str:
    return f"{count:g} {free}core{'' if count == 1 else 's'}"


def _waiting(trace: Trace, places: list[int]) -> float:
    """Seconds of waits in which nothing else was waited for: who was woken still needs a core and the GIL."""
    total = 0
    for wait in (trace.waits[at] for at in places):
        stretches = trace.lanes[wait.lane].stretches_between(wait.began, wait.ended, trace.microseconds)
        total += sum(ended - began for began, ended, state, _ in stretches if state is wait.state)
    return total / 1e6


def _length(trace: Trace, places: list[int]) -> float:
    return sum(trace.waits[at].ended - trace.waits[at].began for at in places) / 1e6
