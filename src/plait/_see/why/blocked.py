"""The finding of an event loop that is blocked: by what, what is known of that wait, and what to do instead. Pure."""

from __future__ import annotations

from plait._see.why.cures import NOBODY
from plait._see.why.dump import Dump
from plait._see.why.elsewhere import from_processes, locked_file
from plait._see.why.graph import FOR_EVER, RESULTS, awaited, taken
from plait._see.why.known import Diagnosis, Known, step
from plait._see.why.sockets import asks_itself


def blocked_loop(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """A coroutine, or what a loop has called, waits in the way of threads."""
    at = next((at for at, one in enumerate(everybody) if one.wait.inside and one.wait.kind not in _NOT_BLOCKED), None)
    if at is None:
        return None
    known, follows = everybody[at], awaited(everybody, at)
    tasks = [other for other in everybody if other.thread.task]
    owners = [(task, held) for task in tasks for held in task.held if held.key in known.wait.keys]
    cell, reactor = _is_cell(known), _is_reactor(known)
    file, itself, shared = (
        find(dump, [known, *_services(everybody)]) for find in (locked_file, asks_itself, from_processes)
    )
    found = file or itself or shared
    return Diagnosis(
        "A cell of the notebook waits"
        if cell
        else "An event loop is blocked" + (", and asks itself" if itself else ""),
        (
            *(found.steps if found else (step(known),)),
            *(taken(task, held) for task, held in owners[:1]),
            *(step(everybody[other]) for other in (follows,) if other is not None and not everybody[other].thread.task),
        ),
        (_CELL if cell else _REACTOR if reactor else _LOOP)
        + (", and one of them has what it waits for." if owners else ".")
        + (f" {found.why}" if found else ""),
        _in_cell(known, found) if cell else _instead(known, file, itself is not None),
        certain=known.wait.kind in FOR_EVER and not known.wait.limited,
        processes=found.processes if found else (),
    )


def _services(everybody: list[Known]) -> list[Known]:
    """The threads that carry results of processes, by which it is known that something waits for those."""
    return [known for known in everybody if known.wait.kind == "service"]


def _is_cell(known: Known) -> bool:
    """Whether a thread runs a cell of a notebook."""
    return any("/ipykernel/" in frame.file.replace(chr(92), "/") for frame in known.thread.frames)


def _in_cell(known: Known, found: Diagnosis | None) -> str:
    """What to do about a cell that waits."""
    if found is not None:
        return f"{found.cure} {_SPAWNED * (known.wait.kind in RESULTS)}{_INTERRUPT}"
    told = NOBODY.get(known.wait.kind, ("", "", "Give the wait a timeout."))[2]
    return f"{_AWAIT if known.wait.kind in RESULTS else told} {_INTERRUPT}"


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
    if known.wait.kind == "join":
        return _JOIN
    if file is not None:
        return f"{_DATABASE} {file.cure}"
    if itself or "socket" in known.wait.what:
        return _CLIENT + (_CALL if itself else ".")
    return _COUNTERPART


_CELL = "The notebook runs no other cell before this one has ended, nor any task of its event loop"
_REACTOR = (
    "What the reactor has called waits in the way of threads, without returning: nothing else that it is to call can "
    "go on"
)
_LOOP = "A coroutine waits in the way of threads, without await: no other task of the loop can go on"
_AWAIT = "A cell may await: write `await f()` instead of asking a future of the notebook's own loop for its result."
_SPAWNED = (
    "What a notebook defines does not exist in processes that are started by spawn or forkserver, which end by that, "
    "one after the other: put it into a module, or use plait.map(..., engine='process'). "
)
_INTERRUPT = "The wait ends when the kernel is interrupted."
_NOT_BLOCKED = ("loop", "idle", "runs", "C code")
_FUTURES = (
    "Await what is to be done instead of asking a future for its result; asyncio.wrap_future(...) makes any future one "
    "that can be awaited."
)
_JOIN = "See what the thread waits for; await its end with `await asyncio.to_thread(thread.join)`."
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
