"""What a trace says of barriers, conditions and events, which nobody holds: what they wait for comes: pure."""

from __future__ import annotations

from collections.abc import Sequence

from plait._core.trace import Finding, State, Trace
from plait._see.lines import Lines
from plait._see.recorder.waits import LAST
from plait._see.summary.slower import lanes_called, least_seconds, named_after, slower
from plait._see.summary.waits import in_waits, most_waited_at, seconds_of

SIGNALS = {State.CONDITION: "a condition", State.EVENT: "an event", State.BARRIER: "a barrier"}
_TOLD = 0.1  # of the time of threads
_MOSTLY = 0.5
_AGAIN = 3  # meetings at a barrier
_GAIN = 0.85  # of the time as it was: a forecast above is no gain
_MOST = 3
_POOLS = (  # where threads wait for one of a few, and what makes them more
    (
        "sqlalchemy/util/queue.py",
        "SQLAlchemy's pool has too few connections: create_engine(pool_size=..., max_overflow=...)",
    ),
    ("psycopg_pool/pool.py", "The pool has too few connections: ConnectionPool(max_size=...)"),
)


def tell_signals(trace: Trace, total: float, lines: Lines, cores: float) -> list[Finding]:
    """What threads wait for that nobody holds: it comes when others are ready. Last, since it may be meant so."""
    by_name: dict[tuple[str, State], list[int]] = {}
    for at, wait in enumerate(trace.waits):
        if wait.state in SIGNALS and trace.lanes[wait.lane].kind != "task":
            by_name.setdefault((wait.name.partition(LAST)[0], wait.state), []).append(at)
    found = []
    for (name, state), places in by_name.items():
        seconds = seconds_of(trace, places)
        if seconds >= _TOLD * total:
            where = most_waited_at(trace, places)
            text = f"{name}: {seconds:.2f} s of waiting for {SIGNALS[state]}, {in_waits(trace, places)}"
            text += f"; waited for at {where}" if where else ""
            found.append((seconds, f"{text}{_late(trace, places, seconds, lines, cores)}{_pool(lines, where)}"))
    return sorted(found, reverse=True)[:_MOST]


def _late(trace: Trace, places: Sequence[int], seconds: float, lines: Lines, cores: float) -> str:
    """The one for which the others at a barrier wait most, and what it does meanwhile."""
    names = named_after(trace, places, LAST)
    lanes = lanes_called(trace, names)
    if not names or len(lanes) != len(names):
        return ""
    ((name, microseconds),) = names.most_common(1)
    parties = {*lanes, *(trace.waits[at].lane for at in places)}
    if microseconds < _MOSTLY * seconds * 1e6 or len(places) < _AGAIN * (len(parties) - 1):
        return ""
    (lane,) = lanes_called(trace, [name])
    text = f"; {microseconds / 1e6:.2f} s of it for {name}, which came last{slower(trace, lane, lines).words}"
    then = max(trace.seconds - seconds / len(parties), least_seconds(trace, cores))
    if then > _GAIN * trace.seconds:
        return text
    return (
        f"{text}. If each of the {len(parties)} had as much to do in between, it would take about {then:.2f} s instead "
        f"of {trace.seconds:.2f} s"
    )


def _pool(lines: Lines, where: str) -> str:
    """What makes more of what a package has too few of."""
    file = lines.sources.get(where, ("", 0))[0].replace("\\", "/")
    return next((f". {cure}" for end, cure in _POOLS if file.endswith(end)), "")
