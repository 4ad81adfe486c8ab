"""What a trace says, in words and figures, the gravest first: pure."""

from __future__ import annotations

from collections.abc import Iterable

from plait._core.how_many import how_many
from plait._core.trace import ON_CORE, WITH_GIL, WORDS, Finding, Lane, State, Trace, active
from plait._see.forecast import Forecast, forecast
from plait._see.held import blocked, held
from plait._see.holding import cure_of, doing, words_of
from plait._see.lines import Lines
from plait._see.runs import Figures
from plait._see.summary.lines import spinning_in, tell_lines, tell_spins, tell_strangers, wakes
from plait._see.summary.queues import tell_queues
from plait._see.summary.runs import SHORT, tell_runs
from plait._see.summary.serial import tell_serial
from plait._see.summary.signals import SIGNALS, tell_signals
from plait._see.summary.slower import least_seconds
from plait._see.summary.tasks import tell_tasks
from plait._see.summary.waits import in_waits, most_waited_at, seconds_of

_HELD = (State.LOCK, State.SEMAPHORE)
_TOGETHER = 0.1
_GAIN = 0.85  # of the time as it was: a forecast above is no gain
_AGAIN = 5  # waits of tasks
_LOOKS = 10  # at each thread: fewer say nothing
_SOME = 0.005  # seconds: what is less is 0.00 in a sentence
_LEAST = 0.01  # seconds of what is told of a trace that is so short
_TASKS = 100  # that wait for one semaphore
_CROWD = 5  # holders of which none had a lock for most of the time
_CHILDREN = 0.05  # cores
_LITTLE = 0.02  # of the time of the trace
_WORTH = 0.02  # of the time of threads: what is less is not told


def summarise(
    trace: Trace,
    runs: list[Figures],
    others: list[Finding],
    cores: float,
    lines: Lines | None = None,
    services: frozenset[int] = frozenset(),
) -> list[str]:
    """Sentences about where the time of threads went, and what would change it on so many cores.

    `others` is what is known of event loops, executors and processes: sentences with the seconds that were lost.
    `lines` are those at which threads were seen, `services` the lanes of threads that the library has for itself.
    """
    lines = lines or Lines(trace)
    times = [trace.times(at) if lane.kind != "task" else {} for at, lane in enumerate(trace.lanes)]
    total = sum(map(active, times))
    if total <= 0:
        return ["it was over before anybody had looked at its threads"]
    exact = [
        *others,
        *_locks(trace, lines, cores, services),
        *tell_queues(trace, total, lines, cores),
        *_sleeps(trace, total, lines),
        *tell_runs(trace, runs, cores),
    ]
    looks = trace.facts.get("rate", 0.0) * trace.seconds
    if 0 < looks < _LOOKS or (not looks and trace.seconds < _LEAST):
        seen = how_many(round(looks), "look")
        short = f"it was too short to say where the time went: {trace.seconds * 1000:.1f} ms, in {seen}"
        return [short, *tell_tasks(trace, lines), *_sorted(one for one in exact if one[0] >= _LEAST)]
    sums = {state: sum(one.get(state, 0.0) for one in times) for state in State}
    busy = sum(sums[state] for state in ON_CORE)
    average = min(busy / trace.seconds, cores)
    parts = sorted(((sums[state], state) for state in State if state is not State.IDLE), reverse=True)
    shares = [f"{seconds / total:.0%} {WORDS[state]}" for seconds, state in parts if seconds >= _WORTH * total]
    found = [f"where the time went: {', '.join(shares)}"]
    found.append(f"{total:.2f} s of thread time in {trace.seconds:.2f} s; {average:.2f} cores were busy on average")
    strangers = trace.facts.get("strangers", 0.0) / trace.seconds
    if strangers >= _CHILDREN:
        found[1] += f", and {min(strangers, cores):.2f} with threads that C code has started"
    children = trace.facts.get("children", 0.0) / trace.seconds
    if children >= _CHILDREN:
        found[1] += f", and {children:.2f} with child processes that have ended"
    if sums[State.IDLE] >= _TOGETHER * trace.seconds:
        found[1] += f"; threads were idle for {sums[State.IDLE]:.2f} s beside that"
    found += tell_tasks(trace, lines)
    spinning = spinning_in(trace, lines)
    spins = frozenset(spinning)
    apart = services | spins | frozenset(at for at, lane in enumerate(trace.lanes) if _is_ours(lane))
    graver = [*exact, *_gil(trace, times, sums, total, runs, cores, apart, spins)]
    graver += _core(sums, total, trace.seconds, trace.facts.get("others", 0.0), cores)
    graver += [*tell_spins(trace, lines, spinning), *tell_serial(trace, runs, lines, cores, services)]
    graver += tell_strangers(trace, lines)
    found += _sorted(graver) + _sorted(tell_signals(trace, total, lines, cores))
    found += _sorted(_naps(trace, total, lines, found))
    consumers = frozenset(run.consumer for run in runs if not run.inline)
    return found + _sorted(tell_lines(trace, lines, total, found, consumers))


def _is_ours(lane: Lane) -> bool:
    """Whether it is a thread of plait's that runs no item: one that drives a map, or came when all was given out."""
    return lane.kind == "thread" and lane.name.startswith("plait-")


def _sorted(findings: Iterable[Finding]) -> list[str]:
    return [text for _, text in sorted(findings, key=lambda one: -one[0])]


def _gil(
    trace: Trace,
    times: list[dict[State, float]],
    sums: dict[State, float],
    total: float,
    runs: list[Figures],
    cores: float,
    apart: frozenset[int],
    spinning: frozenset[int],
) -> list[Finding]:
    lost, python = sums[State.GIL], sum(sums[state] for state in WITH_GIL)
    if lost < max(0.1 * (total - sums[State.CORE]), _LITTLE * trace.seconds):
        return []  # on a busy machine, too, of the time that the program had
    kept = lost - sum(times[at].get(State.GIL, 0.0) for at in spinning)  # who only looks loses nothing by that
    worst = max(range(len(times)), key=lambda lane: times[lane].get(State.GIL, 0.0) * (lane not in spinning))
    text = (
        f"{lost / total:.0%} of thread time waits for the GIL ({lost:.2f} s, most of it {trace.lanes[worst].name} with "
    )
    text += f"{times[worst].get(State.GIL, 0.0):.2f} s): {python:.2f} s of Python ran, one thread at a time"
    mine = [run for run in runs if not run.elsewhere]
    consumers = frozenset(run.consumer for run in mine)
    workers = frozenset(at for run in mine for at in run.lanes) - consumers
    seen = forecast(trace, workers, consumers, cores, apart)
    if seen is None:
        return [(kept, text)]
    return [(kept, f"{text}. More threads will not help{_instead(trace, times, seen, mine, workers, cores)}")]


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
    if of_maps and all(run.one_at_a_time for run in runs):
        return ""  # which is told of the map
    trace.facts["forecast"] = seen.then
    if seen.then > _GAIN * seen.now:
        lacks = seen.then <= _GAIN * trace.seconds  # which would be shorter with free cores, whoever has the GIL
        why = "what they lack more is a free core" if lacks else "there is little that could run at the same time"
        why = "there is one core" if cores <= 1 else why
        return f", and processes hardly: {why}"
    who = 'engine="process"' if of_maps else f"{len(seen.lanes)} processes in place of these threads"
    return (
        f"; {who} would take about {seen.then:.2f} s instead of {seen.now:.2f} s on {_cores(cores, 'free ')}, beside "
        f"their start and the moving of data{'' if of_maps else '; what threads share, processes do not'}"
    )


def _together(times: list[dict[State, float]], lanes: tuple[int, ...]) -> float:
    """The share of their time that threads wait for one another: as processes they could not share what they share."""
    each = [times[at] for at in lanes]
    waits = sum(one.get(state, 0.0) for one in each for state in (*_HELD, State.QUEUE, *SIGNALS))
    return waits / max(1e-9, sum(sum(one.values()) for one in each))


def _locks(trace: Trace, lines: Lines, cores: float, services: frozenset[int]) -> list[Finding]:
    by_name: dict[str, list[int]] = {}
    for at, wait in enumerate(trace.waits):
        if wait.state in _HELD:
            by_name.setdefault(wait.name, []).append(at)
    found = []
    theirs = {name for name, places in by_name.items() if services.issuperset(trace.waits[at].lane for at in places)}
    for name in theirs:  # for which no thread of the program waits
        del by_name[name]
    for name, places in sorted(by_name.items(), key=lambda item: -seconds_of(trace, item[1]))[:3]:
        waits = blocked(trace, [trace.waits[at] for at in places])
        seconds = sum(one.microseconds for one in waits) / 1e6
        if seconds < max(0.01 * trace.seconds, _SOME):
            continue
        which = len({one.wait.which for one in waits})
        permits = max(one.wait.permits for one in waits)
        text = f"{name}{f', {which} of that name' if which > 1 else ''}"
        text += f"{f', {permits} permits' if permits > 1 else ''}: {seconds:.2f} s of waiting {in_waits(trace, places)}"
        holders, cure = held(waits) if permits == 1 else {}, ""
        if permits > 1:  # it does not go from one thread to the next, as a lock does
            longest = most_waited_at(trace, places, of_holders=True)
            text += f"; who had one longest was most at {longest}" if longest else ""
            cure = _permits(trace, places, permits, seconds, cores)
        if permits == 0 and len(places) >= _AGAIN:
            cure = ". More permits let more tasks go on at once, if what it guards serves more"
            cure += "; plait.map(..., workers=N) needs no task for each item" if len(places) >= _TASKS else ""
        if holders:
            (lane, line), cost = max(holders.items(), key=lambda item: item[1])
            many = len({lane for lane, _ in holders})
            if many >= _CROWD and cost < seconds / _CROWD:  # as where each request has a thread of its own
                who = "tasks" if trace.lanes[lane].kind == "task" else "threads"
                text, line = f"{text}; held by {many} {who}, one after the other", ""
            else:
                text += f"; {cost:.2f} s of it held by {trace.lanes[lane].name}{f', then at {line}' if line else ''}"
            did = doing(trace, lines, waits)
            longest = "" if line else most_waited_at(trace, places, of_holders=True)
            words = words_of(did) or (f"its holder was mostly at {longest}" if longest else "")
            text += f"; {words}" if words else ""
            cure = cure_of(name, did, trace.seconds, cores, free_threaded=bool(trace.facts.get("free")))
        where = most_waited_at(trace, places)
        found.append((seconds, text + (f"; waited for at {where}" if where else "") + cure))
    return found


def _permits(trace: Trace, places: list[int], permits: int, waited: float, cores: float) -> str:
    """What more of them would make of it: as many as there are threads or tasks that want one."""
    wanted = permits + waited / trace.seconds  # on average
    waits: dict[int, float] = {}
    for wait in (trace.waits[at] for at in places):
        waits[wait.lane] = waits.get(wait.lane, 0.0) + (wait.ended - wait.began) / 1e6
    longest = max(sum(trace.times(at).values()) - spent for at, spent in waits.items())  # without these waits
    then = max(trace.seconds * permits / wanted, longest, least_seconds(trace, cores))
    if then > _GAIN * trace.seconds:
        return ""
    many = len(waits.keys() | {trace.waits[at].holder for at in places} - {-1})
    text = f". If what it guards serves more at once, {max(many, permits + 1)} permits would take about {then:.2f} s "
    return text + f"instead of {trace.seconds:.2f} s"


def _sleeps(trace: Trace, total: float, lines: Lines) -> list[Finding]:
    """What sleeps in C, where no line of the program says so."""
    seconds = 0.0
    for lane in trace.lanes:
        for began, ended, state, detail in lane.stretches(trace.microseconds):
            seconds += (ended - began) / 1e6 if state is State.SLEEP and detail else 0.0
    if seconds < 0.1 * total:
        return []
    threads = [at for at, lane in enumerate(trace.lanes) if lane.kind != "task"]
    place = lines.most(threads, {State.SLEEP})
    text = f"{seconds:.2f} s of sleeping were in C code, {f'most at {place.where}, ' if place else ''}"
    text += "not in time.sleep: SQLite does that while another connection "
    return [(seconds, text + "has locked the database (keep transactions short, or let one thread write)")]


def _naps(trace: Trace, total: float, lines: Lines, known: list[str]) -> list[Finding]:
    """The lines at which threads slept by `time.sleep`, unless they are known. Last, since it may be meant so."""
    said = "\n".join(known)
    by_line: dict[str, list[int]] = {}
    for at, wait in enumerate(trace.waits):
        if wait.state is State.SLEEP and wait.where and trace.lanes[wait.lane].kind != "task":
            by_line.setdefault(wait.where, []).append(at)
    found = [(seconds_of(trace, places), where, places) for where, places in by_line.items()]
    return [
        (
            seconds,
            f"time.sleep: {seconds:.2f} s, {in_waits(trace, places)}, at {where}{wakes(lines, where, len(places))}",
        )
        for seconds, where, places in sorted(found, reverse=True)[:3]
        if seconds >= 0.1 * total and f"at {where}" not in said
    ]


def _core(sums: dict[State, float], total: float, seconds: float, others: float, cores: float) -> list[Finding]:
    queued = sums[State.CORE]
    if queued < 0.1 * max(total, seconds):  # of a program that has hardly anything to do, it is not what matters
        return []
    text = f"{queued / total:.0%} of thread time waits for a core ({queued:.2f} s)"
    why = f"here and in other programs, more threads want to run than there are cores ({cores:g})"
    wanted = (queued + sum(sums[state] for state in ON_CORE)) / seconds
    if wanted < cores <= wanted + others / seconds:
        why = f"with the other processes that it has started, more want to run than there are cores ({cores:g})"
    elif wanted < cores:
        why = f"it wants {wanted:.1f} of {_cores(cores)} on average, so that mostly other processes have them"
    return [(queued, f"{text}: {why}")]


def _cores(count: float, free: str = "") -> str:
    return f"{count:g} {free}core{'' if count == 1 else 's'}"
