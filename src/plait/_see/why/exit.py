"""Findings of a program that has come to its end, and does not end. Pure."""

from __future__ import annotations

from plait._see.why.dump import Dump
from plait._see.why.graph import NOT_TOLD, is_timer
from plait._see.why.known import Diagnosis, Known, step

_MOST = 3


def at_its_end(everybody: list[Known], found: Diagnosis | None) -> Diagnosis | None:
    """What was found, with that the program has come to its end where it has: its threads keep it from ending."""
    main = next((known for known in everybody if known.wait.kind == "exit"), None)
    left = [known for known in everybody if _is_left(known)]
    if main is None or not left:
        return found
    if found is not None and found.certain:
        return found._replace(why=f"{found.why} {_ENDS}")
    left.sort(key=lambda known: found is None or known.thread.name != found.steps[0].who)
    first = left[0]
    names = " and ".join(known.thread.name for known in left) if len(left) <= _MOST else f"{len(left)} threads"
    return Diagnosis(
        f"The program has come to its end, and waits for {names}",
        (*map(step, left), *(one for one in (found.steps if found else ()) if one.who not in _names(left)), step(main)),
        _ENDS,
        _CURE[_kind(first)],
        certain=False,
        processes=found.processes if found is not None else (),
    )


def _is_left(known: Known) -> bool:
    """Whether it is a thread that may keep the program from ending: whether it is a daemon cannot be told."""
    return not known.thread.task and known.wait.kind not in (*NOT_TOLD, "exit")


def _names(some: list[Known]) -> list[str]:
    return [known.thread.name for known in some]


def _kind(known: Known) -> str:
    return "timer" if is_timer(known) else "loop" if known.wait.kind == "loop" else "thread"


_ENDS = (
    "The main thread has nothing more to do: Python ends when all threads have ended, but for those that were started "
    "with daemon=True."
)
_CURE = {
    "timer": "Call cancel() of a threading.Timer when it is not needed any more, also of one that starts itself again; "
    "or set its `daemon` to True before start().",
    "loop": "Stop the loop before the program ends: loop.call_soon_threadsafe(loop.stop), then join its thread; or "
    "start the thread with daemon=True.",
    "thread": "Have it end before the program does: by an Event that its loop looks at, a sentinel in its queue, the "
    "end of the process or connection that it reads from; then join it. A thread that may be cut off anywhere can be "
    "started with daemon=True.",
}


def unread(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    """A process has come to its end, and what it has put into a `multiprocessing.Queue` is not read."""
    known = next((one for one in everybody if any(frame.is_of(*_JOINS) for frame in one.thread.frames)), None)
    feeds = next((one for one in everybody if one.wait.kind == "feeder"), None)
    if known is None or feeds is None or "pipe_write" not in feeds.thread.where:
        return None
    return Diagnosis(
        "What was put into a multiprocessing.Queue is not read",
        (step(known)._replace(does="waits until all is read that it has put into a queue"), step(feeds)),
        "A process ends when others have taken what it has put into its queues: more than fits into a pipe (64 KiB) is "
        "still here, and nobody takes it. Whoever did may have ended.",
        "Take everything out of the queue, until a sentinel, and only then join or leave; see whether the process that "
        "took from it has failed. Where what is left may be lost: queue.cancel_join_thread().",
        certain=False,
    )


_JOINS = ("multiprocessing/queues.py", "_finalize_join")
