"""The finding of an event loop that is blocked: by what, what is known of that wait, and what to do instead. Pure."""

from __future__ import annotations

from plait._see.why_dump import Dump
from plait._see.why_elsewhere import locked_file
from plait._see.why_graph import FOR_EVER, RESULTS, taken
from plait._see.why_known import Diagnosis, Known, step
from plait._see.why_sockets import asks_itself


def blocked_loop(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """A coroutine, or what a loop has called, waits in the way of threads."""
    known = next((one for one in everybody if one.wait.inside and one.wait.kind not in _NOT_BLOCKED), None)
    if known is None:
        return None
    tasks = [other for other in everybody if other.thread.task]
    owners = [(task, held) for task in tasks for held in task.held if held.key in known.wait.keys]
    file, itself = locked_file(dump, [known]), asks_itself(dump, [known])
    found = file or itself
    reactor = _is_reactor(known)
    return Diagnosis(
        "An event loop is blocked" + (", and asks itself" if itself else ""),
        (found.steps[0] if found else step(known), *(taken(task, held) for task, held in owners[:1])),
        ("What the reactor has called" if reactor else "A coroutine")
        + " waits in the way of threads, without "
        + ("returning: nothing else that it is to call" if reactor else "await: no other task of the loop")
        + " can go on"
        + (", and one of them has what it waits for." if owners else ".")
        + (f" {found.why}" if found else ""),
        _instead(known, file, itself is not None),
        certain=known.wait.kind in FOR_EVER and not known.wait.limited,
        processes=found.processes if found else (),
    )


def is_trio(known: Known) -> bool:
    """Whether the event loop of a thread is trio's."""
    return any(frame.is_of("trio/_core/_run.py", "run") for frame in known.thread.frames)


def _is_reactor(known: Known) -> bool:
    return any(frame.calls_back for frame in known.thread.frames) and not any(
        frame.runs_loop for frame in known.thread.frames
    )


def _instead(known: Known, file: Diagnosis | None, itself: bool) -> str:
    """What to do instead of waiting."""
    if _is_reactor(known):
        return _IN_REACTOR
    if is_trio(known):
        return _FUTURES if known.wait.kind in RESULTS else _IN_TRIO
    if known.wait.kind in RESULTS:
        return _FUTURES
    if file is not None:
        return f"{_DATABASE} {file.cure}"
    if itself or "socket" in known.wait.what:
        return _CLIENT + (_CALL if itself else ".")
    return _COUNTERPART


_NOT_BLOCKED = ("loop", "idle", "runs", "C code")
_FUTURES = (
    "Await what is to be done instead of asking a future for its result; asyncio.wrap_future(...) makes any future one "
    "that can be awaited."
)
_IN_TRIO = (
    "Use the trio counterpart (memory channels, trio.Lock, trio.sleep, streams), or "
    "`await trio.to_thread.run_sync(...)`."
)
_IN_REACTOR = (
    "Return a Deferred, and let the reactor go on: what waits is for twisted.internet.threads.deferToThread(...), a "
    "pause for task.deferLater(...); blockingCallFromThread(...) is for other threads than the reactor's."
)
_COUNTERPART = (
    "Use the asyncio counterpart (asyncio.Queue, asyncio.Lock, asyncio.sleep, streams), or "
    "`await asyncio.to_thread(...)`."
)
_DATABASE = "Let a thread wait for it, `await asyncio.to_thread(...)`, or a driver of asyncio, such as aiosqlite."
_CLIENT = "Await the answer with a client of asyncio (httpx.AsyncClient, aiohttp), or `await asyncio.to_thread(...)`"
_CALL = ". What this process itself answers need not be asked for through a socket: call the function that answers."
