"""What is known of each thread, and the form of a diagnosis: what every finding is made of."""

from __future__ import annotations

from typing import NamedTuple

from plait._see.why import source
from plait._see.why.dump import Dump, Thread
from plait._see.why.keys import Holding, holdings, key_of
from plait._see.why.manager import served
from plait._see.why.passed import named
from plait._see.why.task_wait import for_ever, task_wait
from plait._see.why.teams import crews_awaited
from plait._see.why.wait import Wait, wait_of


class Step(NamedTuple):
    """One line of the explanation: who, what it does, where, and the line itself."""

    who: str
    does: str
    place: str
    text: str


class Diagnosis(NamedTuple):
    """Why it hangs.

    Attributes:
        title: in one line.
        steps: the culprit first.
        why: one or two sentences.
        cure: what to change.
        certain: whether it can never go on; False when it may be waiting for what is still to come.
        processes: who else to ask, by number.
    """

    title: str
    steps: tuple[Step, ...]
    why: str
    cure: str
    certain: bool = True
    processes: tuple[int, ...] = ()


class Known(NamedTuple):
    """A thread, what it waits for and what it holds; and the crews of plait that do what it waits for."""

    thread: Thread
    wait: Wait
    held: list[Holding]
    crews: tuple[int, ...] = ()


def examine(dump: Dump) -> list[Known]:
    """What is known of each thread."""
    found = [_known(thread, dump.threads) for thread in dump.threads]
    return [_staying(_joining(known, found), found) for known in found]


def step(known: Known) -> Step:
    """What a thread does, in a line."""
    wait = known.wait
    frame = wait.frame
    line = source.text(frame.file, frame.line) if frame is not None else ""
    limited = wait.limited and wait.kind not in ("service", "feeder", "runs", "C code", "sleep")
    often = _AGAIN if known.thread.moved else ", with a timeout," if limited else ""
    does = _DOES[wait.kind].format(what=wait.what or "something") + often
    if known.thread.cancelled:
        does = f"was cancelled, and {does}"
    if wait.deep is not None:
        does += f" ({wait.deep.place})"
    return Step(known.thread.name, does, frame.place if frame else "", line)


def is_thread(thread: Thread, address: int) -> bool:
    """Whether its `threading.Thread` is at this address."""
    bottom = [frame for frame in thread.frames if frame.name in ("_bootstrap", "run")]
    return any("self" in frame.variables and frame.variables["self"].address == address for frame in bottom)


def _joining(known: Known, everybody: list[Known]) -> Known:
    """Of one that waits for the end of a thread, with the name of that."""
    wait = known.wait
    if wait.kind != "join" or not wait.address:
        return known
    other = next((one.thread.name for one in everybody if is_thread(one.thread, wait.address)), "")
    return known._replace(wait=wait._replace(what=f'{wait.what or "thread"} ("{other}")')) if other else known


def _staying(known: Known, everybody: list[Known]) -> Known:
    """Of a task that awaits what nobody can end, and which no other task needs, that it stays."""
    if not known.thread.task or not for_ever(known.thread, known.wait):
        return known
    tasks = [one for one in everybody if one.thread.task and one is not known]
    wanted = {key for one in tasks for key in one.wait.keys}
    unknown = [one for one in tasks if one.wait.kind == "tasks" and not one.thread.awaits]
    awaited = bool(unknown) or any(known.thread.ident in one.thread.awaits for one in tasks)
    needed = awaited or any(held.key in wanted for held in known.held)
    return known if needed else known._replace(wait=known.wait._replace(kind="stays"))


def _known(thread: Thread, everybody: tuple[Thread, ...]) -> Known:
    wait = task_wait(thread) if thread.task else served(named(wait_of(thread), thread, everybody), thread)
    crews = crews_awaited(thread, everybody) if wait.kind == "work" else ()
    released = key_of(wait.frame, wait.what) if wait.kind == "condition" and not wait.keys and wait.frame else None
    held = [held for held in holdings(thread) if released is None or held.key != released]
    return Known(thread, wait, held, crews)


_AGAIN = ", again and again,"
_DOES = {
    "import": "waits for an import that another thread has begun",
    "join": "waits for the end of {what}",
    "exit": "has come to the end of the program, and waits for the threads that are left",
    "future": "waits for the result of a future",
    "futures": "waits for futures",
    "queue join": "waits until all items of {what} are done",
    "queue get": "waits for an item from {what}",
    "queue put": "waits for room in {what}",
    "channel get": "waits for an item from {what}",
    "channel put": "waits for room in {what}",
    "child": "waits for the end of a child process",
    "idle": "is idle: a worker of a pool without work",
    "feeder": "sends what is put into a queue to other processes",
    "service": "is a thread of the standard library's own",
    "loop": "waits in its event loop: no task can go on",
    "lock": "waits for {what}",
    "semaphore": "waits for a permit of {what}",
    "event": "waits until {what} is set",
    "barrier": "waits for the others at {what}",
    "condition": "waits to be notified on {what}",
    "sleep": "sleeps",
    "await": "awaits {what}",
    "tasks": "awaits other tasks",
    "serves": "serves whoever connects",
    "stays": "waits until it is cancelled, as the main task of a server does,",
    "window": "waits for events of its windows",
    "window call": "waits until a window does what it asks for, in the thread of the window",
    "client": "serves a process that asks for nothing now",
    "proxy": "waits in {what}, which a proxy in the process of that name has asked for",
    "current": "is the task that its event loop runs",
    "ready": "could go on, and waits for its turn",
    "system": "{what}",
    "work": "waits for what it has plait do",
    "plait": "is a thread of plait's own",
    "C code": "runs C code and has the GIL",
    "runs": "runs",
    "something": "waits for something in C code",
}
