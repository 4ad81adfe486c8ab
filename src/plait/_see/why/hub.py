"""The finding of green threads (gevent, eventlet) whose thread waits for what blocks all of them. Pure."""

from __future__ import annotations

from plait._see.why.dump import GREEN, Dump
from plait._see.why.graph import FOR_EVER, RESULTS, taken
from plait._see.why.known import Diagnosis, Known, step


def blocked_hub(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """A thread that runs green threads waits for what gevent or eventlet does not know, in the way of all of them."""
    greens = [known for known in everybody if _is_green(known)]
    known = next((one for one in everybody if _blocks(one)), None)
    if known is None or not (greens or (dump.missing == GREEN and _runs_green(known))):
        return None
    owners = [(green, held) for green in greens for held in green.held if held.key in known.wait.keys]
    alone = sum(not _is_green(one) and not one.thread.task for one in everybody) == 1
    return Diagnosis(
        f"{known.thread.name} is blocked, and its green threads with it",
        (step(known), *(taken(green, held) for green, held in owners[:1])),
        "It waits in the way of threads, which gevent and eventlet do not see: no other green thread of this thread "
        "can go on meanwhile"
        + (
            ", and one of them has what it waits for."
            if owners
            else "."
            if greens
            else ", and one of them may have what it waits for."
        ),
        "Use what green threads wait with: monkey.patch_all() before any other import makes threading and queue so; or "
        "gevent.lock and gevent.event, eventlet.semaphore. What only threads can do is for gevent.get_hub().threadpool "
        "or eventlet.tpool.",
        certain=bool(owners) and alone,
    )


def _is_green(known: Known) -> bool:
    return known.thread.native == 0 and not known.thread.task


def _runs_green(known: Known) -> bool:
    """Whether a thread is in a green thread: then its outermost frame is not what threads and programs begin with."""
    frames = known.thread.frames
    return bool(frames) and frames[-1].name not in ("<module>", "_bootstrap", "_run_module_as_main")


def _blocks(known: Known) -> bool:
    """Whether it waits without an end, in the system, at a line of the program."""
    wait = known.wait
    in_system = known.thread.native != 0 and known.thread.where.startswith("futex")
    return in_system and wait.kind in (*FOR_EVER, *RESULTS) and not wait.limited and wait.frame is not None
