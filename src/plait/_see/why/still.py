"""Whether a thread has stood still from one moment to another."""

from __future__ import annotations

from plait._see.why.dump import Thread
from plait._see.why.proc import turns_of, waits_in


def still(pid: int, thread: Thread, turns: int) -> Thread:
    """The thread; one of an event loop without where in the kernel it was, if it has moved since.

    Its tasks are looked at after it: it may have begun with one of them in between. Given is how often it had gone to
    sleep before it was looked at.
    """
    if not thread.where or not any(frame.runs_loop for frame in thread.frames):
        return thread
    if waits_in(pid, thread.native) == thread.where and turns_of(pid, thread.native) == turns:
        return thread
    return thread._replace(where="")
