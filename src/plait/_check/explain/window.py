"""Whether a build with the GIL can switch threads between two steps of one thread: the measured rule.

CPython 3.10 and later looks whether to switch at calls, at function entry, when a loop goes round and where it blocks.
Between a read and a write without any of these, 600,000 increments of two threads lost none; with a call in between
a seventh to a half were lost. Builds without the GIL switch anywhere.
"""

from __future__ import annotations

from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._core.event import Kind

_SWITCHING = {
    Kind.ENTER: "a function is called in between",
    Kind.ACQUIRE: "a lock is taken in between",
    Kind.TRY: "a lock is taken in between",
    Kind.RELEASE: "a lock is let go in between",
    Kind.START: "a thread is started in between",
    Kind.JOIN: "it waits for a thread in between",
    Kind.SLEEP: "it sleeps in between",
    Kind.PAUSE: "it yields in between",
    Kind.OUTSIDE: "it waits for something outside in between",
    Kind.WAIT: "it awaits in between",
}
_BETWEEN_TASKS = {
    **_SWITCHING,
    **dict.fromkeys((Kind.PAUSE, Kind.WAIT, Kind.SLEEP), "other tasks run at the await in between"),
}
_CANNOT = "a GIL build switches threads at calls and loops, and none is between the two steps"


def on_gil_builds(history: History, first: int, second: int, sources: Sources) -> tuple[bool | None, str]:
    """Whether it can switch between two events of one thread, None if that cannot be told, and why."""
    thread = history.events[first].thread
    switching = _BETWEEN_TASKS if history.record.threads[thread].kind == "task" else _SWITCHING
    for index in history.of[thread][history.steps[first] + 1 : history.steps[second]]:
        reason = switching.get(history.events[index].kind)
        if reason:
            return True, reason
    one, two = history.events[first].site, history.events[second].site
    if one is None or two is None or not sources.known(one.file):
        return None, "the source is not at hand"
    if one.function != two.function or one.file != two.file:
        return True, "it goes from one function to another in between"
    reason = sources.can_switch(one, two)
    return (True, reason) if reason else (False, _CANNOT)
