"""What a trace says of processes that multiprocessing has for a program: too many, for too little, too much: pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from plait._core.memory import in_units
from plait._core.trace import Finding, State, Trace
from plait._see.recorder_processes import Pieces

_TOLD = 0.1  # of the time
_OFTEN = 8  # processes started at one line, which is in a loop or a function
_MANY = 500  # pieces of work: fewer are not worth to be put together
_SMALL = 4096  # bytes
_LARGE = 100_000
_SHORT = 0.002  # seconds of a piece
_PIECE = 0.05  # seconds that one should last
_HARDLY = 0.2  # of the time of a process
_AT_ONCE = 32
_WAITS = (State.FUTURE, State.QUEUE, State.JOIN, State.CHILD)


def tell_processes(
    trace: Trace, pieces: Pieces, started: Iterable[str], computed: float, lacked: float = 0.0
) -> list[Finding]:
    """Sentences with the seconds that they are about.

    `computed` are those of processor time in all those processes, `lacked` those that they were ready and had no core.
    """
    lines = Counter(started)
    where, times = lines.most_common(1)[0] if lines else ("", 0)
    found = _starts(trace, where, times)
    found += _large(trace, pieces) + _small(trace, pieces, computed)
    return found or _waiting(trace, pieces, lines.total(), computed, lacked)


def _starts(trace: Trace, where: str, times: int) -> list[Finding]:
    if times < _OFTEN or not where or times < 2 * trace.seconds:
        return []
    text = (
        f"{times} processes were started at {where}, {times / trace.seconds:.0f} a second: a pool that is made once, "
    )
    return [(trace.seconds, text + "before the loop or the function around that line, serves all calls")]


def _large(trace: Trace, pieces: Pieces) -> list[Finding]:
    seconds = pieces.sent_seconds + pieces.read_seconds
    if seconds < _TOLD * trace.seconds or pieces.sent_bytes + pieces.read_bytes < _LARGE * (pieces.sent + pieces.read):
        return []
    text = f"{in_units(pieces.sent_bytes)} went to other processes in {pieces.sent:,} pieces and "
    text += f"{in_units(pieces.read_bytes)} came back, which took {seconds:.2f} s of pickling and reading here, and as "
    text += "much there. What is the same for all calls is for initializer=, once a process; names of files instead of "
    return [(seconds, text + "contents, and sums instead of tables, are sent fast")]


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


def _waiting(trace: Trace, pieces: Pieces, workers: int, computed: float, lacked: float) -> list[Finding]:
    """Processes that hardly compute, while the program waits for them."""
    if not workers or pieces.sent < 2 * workers:
        return []
    waited = max((_waits(trace, at) for at in _threads(trace)), default=0.0)
    if waited < 0.5 * trace.seconds:
        return []
    if computed + lacked > _HARDLY * workers * trace.seconds:
        return []
    many = max(workers, min(_AT_ONCE, pieces.sent))
    then = max(trace.seconds - waited + waited * workers / many, computed)
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
