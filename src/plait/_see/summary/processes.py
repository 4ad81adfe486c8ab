"""What a trace says of processes that multiprocessing has for a program: too many, for too little, too much: pure."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from plait._core.how_many import in_units
from plait._core.trace import ON_CORE, Finding, State, Trace, Wait
from plait._see.queueing import in_rounds
from plait._see.recorder.processes import Pieces, Start

_TOLD = 0.1  # of the time
_OFTEN = 8  # processes started at one line, which is in a loop or a function
_MANY = 500  # pieces of work: fewer are not worth to be put together
_SMALL = 4096  # bytes
_LARGE = 100_000
_SHORT = 0.002  # seconds of a piece
_PIECE = 0.05  # seconds that one should last
_HARDLY = 0.2  # of the time of a process
_AT_ONCE = 32
_AGAIN = 5  # waits: fewer are no loop
_SEVERAL = 2
_GAIN = 0.8  # of the time as it was: a forecast above is no gain
_WAITS = (State.FUTURE, State.QUEUE, State.JOIN, State.CHILD)


class Others(NamedTuple):
    """What is known of other processes.

    `computed` are the seconds of processor time in all of them, `lacked` those that they were ready and had no core;
    `managers` the lines at which processes of multiprocessing.Manager were started, with what each of them computed;
    `imported` are the seconds that imports took in this process;
    `each` has the seconds that each of them computed or would have; `wide` are those that computed in several threads;
    `pools` how many pools of processes were made; `sends` the moments at which something was pickled for them.
    """

    pieces: Pieces = Pieces()
    started: Sequence[Start] = ()
    pools: int = 0
    sends: Sequence[int] = ()
    managers: Mapping[str, float] = MappingProxyType({})
    computed: float = 0.0
    lacked: float = 0.0
    each: Sequence[float] = ()
    imported: float = 0.0
    wide: int = 0


def tell_processes(trace: Trace, others: Others, cores: float) -> list[Finding]:
    """Sentences with the seconds that they are about."""
    found = _starts(trace, others) or _renewed(trace, others) or _imports(trace, others)
    found += _large(trace, others.pieces) + _small(trace, others.pieces, others.computed) + _managers(trace, others)
    found = found or _by_turns(trace, others, cores) or _uneven(trace, others, cores)
    return found or _too_many(trace, others, cores) or _waiting(trace, others)


def _starts(trace: Trace, others: Others) -> list[Finding]:
    """Processes that are started again and again; those of one pool are not."""
    lines = Counter(one.where for one in others.started)
    where, times = lines.most_common(1)[0] if lines else ("", 0)
    if times < _OFTEN or not where or times < 2 * trace.seconds:
        return []
    if others.pools < _SEVERAL and any(one.by and one.where == where for one in others.started):
        return []
    text = (
        f"{times} processes were started at {where}, {times / trace.seconds:.0f} a second: a pool that is made once, "
    )
    return [(trace.seconds, text + "before the loop or the function around that line, serves all calls")]


def _renewed(trace: Trace, others: Others) -> list[Finding]:
    """Workers of a pool that leave after a few calls."""
    times = sum(one.renews for one in others.started)
    if times < _OFTEN or times < 2 * trace.seconds:
        return []
    text = f"{times} processes took the place of others of their pool, {times / trace.seconds:.0f} a second: "
    return [(trace.seconds, text + "maxtasksperchild= (max_tasks_per_child=) is too small, or they died")]


def _imports(trace: Trace, others: Others) -> list[Finding]:
    """Processes that mostly import what the program imports."""
    many = sum(one.new for one in others.started)
    again = many * others.imported
    if others.imported < _TOLD or again < 0.5 * others.computed or again < _TOLD * trace.seconds:
        return []
    text = f"{many} processes began as new interpreters (spawn, forkserver), and each imports the program again, which "
    text += f"took {others.imported:.2f} s here; they computed for {others.computed:.2f} s in all. What only the main "
    text += (
        "program needs can be imported below its `if __name__ == ...`; plait's workers import what the function needs"
    )
    return [(min(again, trace.seconds), text)]


def _managers(trace: Trace, others: Others) -> list[Finding]:
    """What lives in the process of a manager, and is asked for there again and again."""
    where, computed = max(others.managers.items(), key=lambda item: item[1], default=("", 0.0))
    if computed < _TOLD * trace.seconds:
        return []
    text = f"the process of the Manager of {where} computed for {computed:.2f} s to answer: each `x[i]`, `x.append` or "
    text += "`len(x)` of what it has goes there and back, hundreds of times as slow as in a list or dict. Work on a "
    text += "copy (list(x), dict(x)) and return what is found, or share numbers in a multiprocessing.Array"
    return [(trace.seconds, text)]


def _by_turns(trace: Trace, others: Others, cores: float) -> list[Finding]:
    """A thread that gives other processes one piece of work, and waits for its result before it gives the next."""
    places: dict[tuple[int, str], list[Wait]] = {}
    for wait in trace.waits:
        if wait.state is State.FUTURE and wait.where and trace.lanes[wait.lane].kind == "thread":
            places.setdefault((wait.lane, wait.where), []).append(wait)
    if not places:
        return []
    (at, where), waits = max(places.items(), key=lambda item: sum(map(_length, item[1])))
    waits = outermost(waits)
    seconds, sends = sum(map(_length, waits)), sorted(others.sends)
    if len(waits) < _AGAIN or seconds < 0.5 * trace.seconds or len(sends) < len(waits):
        return []
    if not by_turns(sends, waits):
        return []
    workers = len(others.started)
    computes = others.computed + others.lacked >= 0.5 * seconds
    many = max(_SEVERAL, min(workers, math.floor(cores)) if computes else workers)
    then = trace.seconds - seconds + max(in_rounds(seconds, len(waits), many), *map(_length, waits))
    text = f"{trace.lanes[at].name} waited {len(waits)} times for a result at {where}, and meanwhile one other process "
    text += "worked at a time: give them all the work first (map, imap, or apply_async and submit before the first "
    text += "result is asked for), or let plait.map do so"
    if not computes or cores >= _SEVERAL:
        text += f"; {many} at a time would take about {then:.2f} s instead of {trace.seconds:.2f} s"
    return [(seconds, text)]


def by_turns(begun: Sequence[int], waits: Sequence[Wait]) -> bool:
    """Whether each thing was begun when the one before had been waited for; moments and waits in order.

    >>> first, second = (Wait(0, at, at + 10, State.FUTURE, "", "") for at in (0, 20))
    >>> by_turns([0, 20], [first, second]), by_turns([0, 5], [first, second])
    (True, False)
    """
    return all(bisect_right(begun, wait.ended) <= number for number, wait in enumerate(waits, 1))


def outermost(waits: Iterable[Wait]) -> list[Wait]:
    """Without those that are a part of another, as `ApplyResult.wait` is of `ApplyResult.get`."""
    found: list[Wait] = []
    for wait in sorted(waits, key=lambda one: (one.began, -one.ended)):
        if not found or wait.began >= found[-1].ended:
            found.append(wait)
    return found


def _length(wait: Wait) -> float:
    return (wait.ended - wait.began) / 1e6


def _too_many(trace: Trace, others: Others, cores: float) -> list[Finding]:
    """Processes that compute, and are more than the cores."""
    workers = len(others.started)
    wanted = others.computed + others.lacked
    if others.pools > 1 or others.lacked < others.computed:
        return []
    if workers < _SEVERAL * cores and (others.wide < _SEVERAL or workers + others.wide <= cores):
        return []
    if wanted < 0.5 * workers * trace.seconds:  # they mostly wait
        return []
    text = f"{workers} other processes computed for {others.computed:.2f} s, and were ready without a core for "
    text += f"{others.lacked:.2f} s: no more than {cores:g} can compute at the same time"
    if others.wide >= _SEVERAL:
        text += (
            f". {others.wide} of them had several threads that computed, as libraries that use all cores by themselves "
        )
        text += (
            "start them (BLAS, OpenMP): OMP_NUM_THREADS=1, set before the program starts, leaves the cores to processes"
        )
    else:
        text += f", and {cores:g} of them would do as much, with less memory"
    return [(min(trace.seconds, others.lacked / workers), text)]


def _uneven(trace: Trace, others: Others, cores: float) -> list[Finding]:
    """One process that had most of the work, and so ended long after the others."""
    workers, each = len(others.started), sorted(others.each)
    if others.pools != 1 or not _SEVERAL <= len(each) <= workers or others.pieces.sent < _SEVERAL * workers:
        return []
    most, rest = each[-1], sum(each[:-1]) / (workers - 1)
    then = trace.seconds - most + sum(each) / min(workers, max(1.0, cores))
    if most < 0.4 * trace.seconds or rest > 0.5 * most or then > _GAIN * trace.seconds:
        return []
    whom = "the other" if workers == _SEVERAL else "the others on average"
    text = (
        f"one of {workers} other processes had {most:.2f} s of work, {whom} {rest:.2f} s: pieces of it are too large, "
    )
    text += "or what takes long comes last. chunksize=1, and what takes longest first, would let it end after about "
    return [(most - rest, f"{text}{then:.2f} s at best, instead of {trace.seconds:.2f} s")]


def _large(trace: Trace, pieces: Pieces) -> list[Finding]:
    seconds = pieces.sent_seconds + pieces.read_seconds
    without_core = max((trace.times(at).get(State.CORE, 0.0) for at in _threads(trace)), default=0.0)
    if seconds < _TOLD * max(
        trace.seconds - without_core, _TOLD * trace.seconds
    ) or pieces.sent_bytes + pieces.read_bytes < _LARGE * (pieces.sent + pieces.read):
        return []
    text = f"{in_units(pieces.sent_bytes)} went to other processes in {pieces.sent:,} pieces and "
    text = text if pieces.sent else f"{pieces.read:,} pieces of "
    text += f"{in_units(pieces.read_bytes)} {'came back' if pieces.sent else 'in all came from other processes'}"
    text += (
        f", which took {seconds:.2f} s of pickling, writing and reading here, and as much there. What is the same for "
    )
    text += "all calls is for initializer=, once a process; names of files instead of contents, and sums instead of "
    return [(seconds, text + "tables, are sent fast; plait.map has large arrays travel through shared memory")]


def _small(trace: Trace, pieces: Pieces, computed: float) -> list[Finding]:
    many = min(pieces.sent, pieces.read)
    if many < _MANY or pieces.sent_bytes > _SMALL * pieces.sent or trace.seconds > _SHORT * many:
        return []
    each = trace.seconds / many
    chunk = 10 ** round(math.log10(max(1.0, _PIECE / max(computed / many, 1e-6))))
    text = (
        f"{many:,} pieces of work went to other processes one by one, {each * 1e6:.0f} µs each, most of which is the "
    )
    text += f"way there and back: let a piece have more of them (map and imap take chunksize={chunk:,}), "
    return [(trace.seconds, text + "or use plait.map, which does so by itself")]


def _waiting(trace: Trace, others: Others) -> list[Finding]:
    """Processes that hardly compute, while the program waits for them."""
    pieces, workers, computed = others.pieces, len(others.started), others.computed
    if not workers or pieces.sent < 2 * workers:
        return []
    waited = max((_waits(trace, at) for at in _threads(trace)), default=0.0)
    if waited < 0.5 * trace.seconds:
        return []
    if computed + others.lacked > _HARDLY * workers * trace.seconds:
        return []
    many = max(workers, min(_AT_ONCE, pieces.sent))
    own = sum(trace.times(at).get(state, 0.0) for at in _threads(trace) for state in ON_CORE)
    then = max(trace.seconds - waited + waited * workers / many, computed + own)
    if then > _GAIN * trace.seconds:
        return []
    text = (
        f"{workers} other processes computed for {computed:.2f} s in {trace.seconds:.2f} s, so that they mostly wait. "
    )
    text += "Threads wait as well, and there can be many more of them: ThreadPoolExecutor or plait.map on "
    return [(waited, text + f"{many} threads would take about {then:.2f} s instead of {trace.seconds:.2f} s")]


def _waits(trace: Trace, at: int) -> float:
    times = trace.times(at)
    return sum(times.get(state, 0.0) for state in _WAITS)


def _threads(trace: Trace) -> Sequence[int]:
    return [at for at, lane in enumerate(trace.lanes) if lane.kind == "thread"]
