"""The finding of a `map` of an executor or a pool that is still taking its items, of which it takes all first. Pure."""

from __future__ import annotations

from plait._see.why.dump import Dump, Thread
from plait._see.why.known import Diagnosis, Known, step

_EAGER = (
    ("concurrent/futures/_base.py", "map"),
    ("concurrent/futures/process.py", "map"),
    ("multiprocessing/pool.py", "_map_async"),
)
ENDLESS = (
    "map() of an executor or a multiprocessing.Pool takes all items before it gives the first result: of an iterable "
    "without an end it never does. plait.map(...) takes them only a little ahead; itertools.islice(...) cuts them off."
)


def takes_items(thread: Thread) -> bool:
    """Whether a thread is within such a `map`, which pulls its items."""
    return any(frame.is_of(*each) for frame in thread.frames for each in _EAGER)


def eager(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    """What gives the items sleeps or waits in between, and whoever wants the first result waits with it."""
    known = next((one for one in everybody if one.wait.frame is not None and takes_items(one.thread)), None)
    if known is None or known.wait.kind in ("runs", "C code"):
        return None
    return Diagnosis(
        f"{known.thread.name} is still taking the items of a map()",
        (step(known),),
        "No wait that cannot end was found. There is no result before the last item has come.",
        ENDLESS,
        certain=False,
    )
