"""Lanes made of what was sampled and what was noted: pure, from records to a `Trace`."""

from __future__ import annotations

import os
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from operator import attrgetter

from plait._core.trace import STATES, Lane, State, Trace, Wait
from plait._see.recorder.waits import Life, Noted
from plait._see.sampler.samples import Counted, Samples
from plait._see.stretches import Change, Piece, refined, with_unseen


def add_threads(
    trace: Trace,
    samples: Samples,
    noted: Iterable[Noted],
    names: dict[int, str],
    lives: dict[int, Life],
    origin: int,
    workers: dict[int, str],
    others: dict[int, str],
) -> None:
    """Fill the trace with a lane for each thread, and their waits.

    `names` has the threads of this process, by the system's number, and `lives` those that began and ended; `workers`
    plait's worker processes, by pid, and `others` the command lines of those that are shown, too. The rest is left out.
    `origin` is when the trace began, on the clock of the records.
    """
    trace.texts = samples.texts
    waits: dict[int, list[Noted]] = {}
    for wait in sorted(sorted(noted, key=attrgetter("ended"), reverse=True), key=attrgetter("began")):
        waits.setdefault(wait.tid, []).append(wait)
    outer = {tid: _outermost(found) for tid, found in waits.items()}
    began = {tid: found[0].began for tid, found in waits.items()} | {tid: life.began for tid, life in lives.items()}
    if samples.threads:
        threads = _shown(samples.threads, names, began, workers.keys() | others.keys())
    else:
        threads = [Counted(0, tid, "", origin, -1.0, -1.0) for tid in names]
    lanes: dict[int, int] = {}
    slack = int(2e6 / samples.rate) if samples.rate else 0
    first = {one.tid: lives[one.tid].began if one.tid in lives else one.first for one in threads}
    order = {one.tid: (one.pid != os.getpid(), one.pid not in workers, first[one.tid], one.tid) for one in threads}
    for one in sorted(threads, key=lambda one: order[one.tid]):
        changes: list[Change] = samples.changes.get(one.tid) or [(one.first, State.UNSEEN, 0)]
        without_core = samples.without_core.get(one.tid, [])
        if one.cpu < 0:  # nobody looked: what is no wait is running
            changes = [(origin, State.UNSEEN, 0)]
        elif one.tid in lives:
            one, changes, without_core = _whole(one, changes, without_core, lives[one.tid])
        ended = origin + trace.microseconds
        pieces = refined(changes, outer.get(one.tid, []), ended, slack)
        pieces = with_unseen(_within(pieces, origin, ended), one.cpu + one.queued)
        lane = _lane(one, pieces, _outside(sorted(without_core), outer.get(one.tid, [])), origin)
        lane.name = names.get(one.tid) or _elsewhere(one, workers.get(one.pid, ""), others.get(one.pid, ""))
        lanes[one.tid] = len(trace.lanes)
        trace.lanes.append(lane)
    trace.waits += _waits(outer, lanes, origin, trace.microseconds)


def _shown(
    counted: Iterable[Counted], names: dict[int, str], began: dict[int, int], processes: AbstractSet[int]
) -> list[Counted]:
    """The threads of these processes and of this one that have a name, those among them that nobody has looked at."""
    here = os.getpid()
    threads = [one for one in counted if one.tid in names or (one.pid in processes and one.pid != here)]
    unseen = (began.keys() & names.keys()) - {one.tid for one in threads}  # as who was over before anybody looked
    return threads + [Counted(here, tid, "", began[tid], 0.0, 0.0) for tid in unseen]


def _elsewhere(one: Counted, worker: str, command: str) -> str:
    """What a thread of another process is called."""
    thread = "" if one.tid == one.pid else f", thread {one.tid}"
    if worker:
        return worker + thread
    module = _MODULE.search(command)
    if module is not None:  # a helper or worker of multiprocessing, say
        return f"pid {one.pid}{thread}: {module[1]}"
    program, *words = command.split(" ")
    return f"pid {one.pid}{thread}: {' '.join([os.path.basename(program), *words])[:60]}"


_DRIVERS = ("plait-scope", "plait-pool", "plait-pump")  # threads that wait for what others do, or ask them to
_MODULE = re.compile(r" -c from ([\w.]+) import ")


def await_results(trace: Trace, consumed: Iterable[tuple[int, int, int]], origin: int) -> None:
    """A thread that waits, for nothing that was noted, while a map works for it waits for the results of the map.

    `consumed` has the thread, when a batch was begun, and when the thread was given it.
    """
    lanes = {lane.tid: at for at, lane in enumerate(trace.lanes)}
    for lane in trace.lanes:
        if lane.name in _DRIVERS:
            for k, state in enumerate(lane.states):
                lane.states[k] = State.IDLE if state == State.LOCK else state
    noted: dict[int, list[Wait]] = {}
    for wait in trace.waits:
        if wait.state is State.LOCK:
            noted.setdefault(wait.lane, []).append(wait)
    for tid, began, ended in consumed:
        at = lanes.get(tid)
        if at is None:
            continue
        lane = trace.lanes[at]
        for k in range(max(0, bisect_right(lane.moments, began - origin) - 1), len(lane.moments)):
            if lane.moments[k] > ended - origin:
                break
            waits, moment = noted.get(at, []), lane.moments[k]
            last = bisect_right(waits, moment, key=attrgetter("began")) - 1
            if lane.states[k] == State.LOCK and last >= 0 and moment < waits[last].ended:
                continue
            if lane.states[k] in (State.LOCK, State.SOCKET, State.IDLE):
                lane.states[k] = State.IDLE if lane.name.startswith("plait-") else State.FUTURE  # its own, or a user's


def _whole(
    one: Counted, changes: list[Change], without_core: list[tuple[int, int]], life: Life
) -> tuple[Counted, list[Change], list[tuple[int, int]]]:
    """With the beginning and the end that nobody saw, of a thread that has counted itself."""
    seen = [change for change in changes if change[0] < life.ended]
    if not seen or seen[0][0] > life.began:
        seen.insert(0, (life.began, State.UNSEEN, 0))
    lacked = int((life.queued - one.queued) * 1e6)
    if lacked > 0:
        without_core = [*without_core, (life.ended - lacked, life.ended)]
    if life.cpu >= 0:
        one = one._replace(cpu=life.cpu, queued=life.queued)
    return one, [*seen, (life.ended, State.ABSENT, 0)], without_core


def _outside(without_core: Iterable[tuple[int, int]], waits: Sequence[Noted]) -> list[tuple[int, int]]:
    """Those that may be: who waits is not ready for a core. It is known when one was missing to a look, a wait exactly.

    >>> wait = Noted(7, 10, 50, State.LOCK, "lock", "a.py:3")
    >>> _outside([(5, 15), (20, 30), (45, 60)], [wait])
    [(5, 10), (45, 60)]
    """
    found, at = [], 0
    for low, high in without_core:
        while at < len(waits) and waits[at].ended <= low:
            at += 1
        wait = waits[at] if at < len(waits) else None
        if wait is None or high <= wait.began or (wait.began <= low and wait.ended <= high):
            found.append((low, high))
        elif low < wait.began:
            found.append((low, wait.began))
    return found


def _within(pieces: Iterable[Piece], began: int, ended: int) -> list[Piece]:
    """What was between two moments: the sampler looks from before the trace begins until after it has ended."""
    cut = ((max(low, began), min(high, ended), state, text) for low, high, state, text in pieces)
    return [piece for piece in cut if piece[0] < piece[1]]


def _lane(one: Counted, pieces: list[Piece], without_core: Sequence[tuple[int, int]], origin: int) -> Lane:
    lane = Lane(one.name, "thread", one.pid, one.tid)
    if one.cpu >= 0:
        lane.cpu, lane.queued, lane.native = one.cpu, one.queued, one.native
    at = 0
    for began, ended, state, text in pieces:
        while at < len(without_core) and without_core[at][1] <= began:
            at += 1
        moment, following = began, at
        while following < len(without_core) and without_core[following][0] < ended:
            low, high = without_core[following]
            if low > moment:
                lane.add(moment - origin, STATES[state], text)
            lane.add(max(0, max(low, moment) - origin), State.CORE)
            moment = min(high, ended)
            following += 1
        if moment < ended:
            lane.add(moment - origin, STATES[state], text)
    if not pieces:
        lane.add(0, State.ABSENT)
    return lane


def _outermost(waits: Sequence[Noted]) -> list[Noted]:
    """Without those that are part of another: an Event waits on its Condition."""
    found: list[Noted] = []
    for wait in waits:
        if not found or wait.ended > found[-1].ended or wait.began >= found[-1].ended:
            found.append(wait)
    return found


def _waits(waits: dict[int, list[Noted]], lanes: dict[int, int], origin: int, end: int) -> list[Wait]:
    """For the trace; who let a lock go is who got it last before the waiter did."""
    takers: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for found in waits.values():
        for one in found:
            if one.state is State.LOCK and one.got:
                takers.setdefault((one.name, one.one), []).append((one.ended, one.tid))
    for line in takers.values():
        line.sort()
    numbers: dict[str, dict[int, int]] = {}
    result = []
    for tid, found in waits.items():
        lane = lanes.get(tid, -1)
        for one in found if lane >= 0 else ():
            _, began, ended, state, name, where, holder, held_at, got, which, permits = one
            holder = lanes.get(holder, -1)
            giver = holder if got and permits == 1 else -1
            if state is State.LOCK and got:
                giver = lanes.get(_last_before(takers[name, which], one), giver)
            known = numbers.setdefault(name, {})
            which = known.setdefault(which, len(known))
            began, ended = min(end, max(0, began - origin)), min(end, max(0, ended - origin))
            result.append(Wait(lane, began, ended, state, name, where, holder, held_at, giver, which, got, permits))
    return sorted(result, key=attrgetter("began"))


def _last_before(line: list[tuple[int, int]], wait: Noted) -> int:
    """Who of others got it last while this one waited; 0 for nobody."""
    at = bisect_left(line, (wait.ended, 0)) - 1
    while at >= 0 and line[at][0] >= wait.began:
        if line[at][1] != wait.tid:
            return line[at][1]
        at -= 1
    return 0
