"""Findings of event loops: one that was not woken, one that does not run, and what tasks wait for. Pure."""

from __future__ import annotations

from plait._see.why.assigned import ITS_OWN, is_given_by, is_of_pool, taken_by
from plait._see.why.blocked import is_trio
from plait._see.why.cures import AWAITED, NOBODY, OF_LIBRARY, RANK
from plait._see.why.dump import Dump
from plait._see.why.graph import NOT_TOLD, may_go_on, with_held
from plait._see.why.known import Diagnosis, Known, Step, step
from plait._see.why.leaves import leavers
from plait._see.why.nobody import NO_GENERATOR, called_later, generators
from plait._see.why.reach import concerns_main
from plait._see.why.task_wait import awaits_thread, primitive


def not_woken(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    """What a task awaits is there, and its event loop sleeps: another thread has set it."""
    loops = [known for known in everybody if known.wait.kind == "loop"]
    ready = next((known for known in everybody if known.wait.kind == "ready"), None)
    if ready is None or not loops or not all(known.thread.where.startswith(_SELECTS) for known in loops):
        return None
    return Diagnosis(
        f"{ready.thread.name} could go on, but its event loop was not woken",
        (step(ready)._replace(does="awaits what is there by now,"), step(loops[0])),
        "The loop sleeps until something comes from outside or a timer is due, though one of its tasks could go on: "
        "what that awaits was set by another thread, which does not wake the loop.",
        "Nothing of asyncio is for other threads: have them call loop.call_soon_threadsafe(event.set), or "
        "loop.call_soon_threadsafe(queue.put_nowait, item), or asyncio.run_coroutine_threadsafe(...).",
        certain=False,
    )


_SELECTS = ("do_epoll_wait", "ep_poll", "do_sys_poll", "poll_schedule_timeout", "do_select")


def no_loop(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """Somebody waits for a coroutine that was given to an event loop which no thread runs."""
    if any(frame.runs_loop for known in everybody for frame in known.thread.frames):
        return None
    for known in everybody:
        frame = known.wait.frame
        if known.wait.kind != "future" or frame is None or known.wait.limited:
            continue
        if is_given_by(frame, known.wait.what, "run_coroutine_threadsafe"):
            return Diagnosis(
                f"{known.thread.name} waits for an event loop that does not run",
                (step(known),),
                "It waits for what asyncio.run_coroutine_threadsafe(...) has given to a loop, and no thread"
                f"{' that is seen' * bool(dump.missing)} runs one.",
                "Run the loop in a thread of its own, threading.Thread(target=loop.run_forever), from before the first "
                "call until after the last; where there is none, asyncio.run(...) makes one.",
                certain=not any(may_go_on(dump, other) for other in everybody),
            )
    return None


def task_waits(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    """Tasks of an event loop that wait, while the loop has nothing to do."""
    tasks = [known for known in everybody if known.thread.task]
    loop = next((known for known in everybody if known.wait.kind == "loop"), None)
    waiting = concerns_main([known for known in tasks if known.wait.kind == "await"], everybody)
    asleep = [known for known in tasks if known.wait.kind == "sleep"]
    cancelled = [known for known in (*waiting, *asleep) if known.thread.cancelled]
    if loop is None or not (waiting or cancelled):
        return None
    last = [known for known in waiting if not known.thread.awaits] or waiting
    others = [known for known in tasks if known.wait.kind == "tasks"]
    threads = [known for known in everybody if known.wait.pooled and known.wait.kind not in NOT_TOLD]
    holders = [known for known in everybody if known.held]
    wanted = [known for known in waiting if _is_kept(known, holders)]
    behind = [known for known in wanted if _is_kept(known, [one for one in waiting if one.held])]
    serves = any(known.wait.kind in ("serves", "stays") for known in tasks)
    ticks = bool(asleep) or serves
    told = [known for known in last if _is_told(known) and not (serves and primitive(known.thread) == "queue get")]
    own = [known for known in tasks if known.wait.frame is not None]
    if (ticks or not own) and not (cancelled or wanted or told):
        return None  # a server that has nothing to do looks like this
    first = min(
        cancelled or last,
        key=lambda known: (
            known in behind,
            not _keeps(known, behind),
            known not in wanted,  # who keeps it awaits other tasks, or sleeps
            not _is_told(known),
            _awaits_one_who_awaits(known, threads),
            not _takes_itself(known),
            _rank(known),
        ),
    )
    stands = generators(first) if primitive(first.thread) == "lock" and not cancelled else []
    left = [] if cancelled or stands or first in wanted else leavers(first)
    keeps = any(_is_kept(known, [first]) for known in tasks)
    later = [] if cancelled or stands or left or keeps else _later(first, tasks)
    rest = [known for known in (*waiting, *others, *asleep) if known is not first]
    unseen = not cancelled and not _is_told(first) and bool(threads)  # what the thread does is all there is to say
    return Diagnosis(
        f"{first.thread.name} was cancelled, and does not end"
        if cancelled
        else f"{first.thread.name} waits for what {threads[0].thread.name} does"
        if unseen
        else f"{first.thread.name} waits for {first.wait.what or 'a future'}",
        (
            *with_held([first], everybody),
            *stands,
            *left,
            *with_held([*threads, *rest], everybody),
            *(one for _, one in later),
        ),
        "The event loop has nothing to do: each of its tasks waits for a future, a timer or a socket."
        + _wakes(asleep, threads, loop.wait.limited),
        NO_GENERATOR
        if stands
        else f"Have {later[0][0]} come before that wait, or in another task."
        if later
        else _in_words_of(loop, _cure_of_task(first, rest, threads)),
        certain=False,
    )


def _later(first: Known, tasks: list[Known]) -> list[tuple[str, Step]]:
    """What a task would call after its own wait, in the same function, that ends the wait of the first."""
    what = first.wait.what.partition("(")[0].rpartition(".")[0]
    return [call for known in tasks for call in called_later(known, what, primitive(first.thread)) if what][:1]


def _awaits_one_who_awaits(known: Known, threads: list[Known]) -> bool:
    """Whether it awaits what a thread does which waits for tasks itself: then one of those is who to look at."""
    return awaits_thread(known.thread) and any(
        frame.is_of(*each) for one in threads for frame in one.thread.frames for each in _FROM_THREADS
    )


_FROM_THREADS = (("asgiref/current_thread_executor.py", "run_until_future"), ("anyio/from_thread.py", "run"))


def _in_words_of(loop: Known, cure: str) -> str:
    """With what there is where the loop is trio's."""
    return cure.replace("asyncio.timeout(...)", "trio.fail_after(...)") if is_trio(loop) else cure


def _is_kept(known: Known, everybody: list[Known]) -> bool:
    """Whether one of them has what another waits for: then that one is who to look at."""
    return any(held.key in known.wait.keys for one in everybody for held in one.held)


def _is_told(known: Known) -> bool:
    """Whether a line of the user's own awaits something itself: what libraries await, they know."""
    return known.wait.frame is not None and known.wait.deep is None


def _keeps(known: Known, wanted: list[Known]) -> bool:
    """Whether it has what one of them waits for."""
    return any(_is_kept(one, [known]) for one in wanted)


def _takes_itself(known: Known) -> bool:
    """Whether it waits for room in a queue that it takes from."""
    queue, _, item = known.wait.what.partition(".put(")
    return bool(item) and taken_by(known.thread.frames, queue) is not None


def _rank(known: Known) -> int:
    kind = primitive(known.thread)
    return RANK.index(kind) if kind else len(RANK)


def _cure_of_task(first: Known, rest: list[Known], threads: list[Known]) -> str:
    if first.thread.cancelled:
        return (
            "Raise CancelledError again wherever it is caught, and await in a `finally` only what comes to an end: who "
            "has cancelled the task may wait for it."
        )
    if any(_is_kept(known, [first]) or _is_kept(first, [known]) for known in (first, *rest)):
        return (
            "Keep nothing that others need while you await something else: let go of it first. See who is to set what "
            "is awaited, or await it with asyncio.timeout(...)."
        )
    of_library = [
        OF_LIBRARY[kind] for file, names, kind in AWAITED for one in first.thread.frames if one.is_in(file, names)
    ]
    if of_library:
        return of_library[0]
    kind = primitive(first.thread)
    pool = kind == "queue get" and first.wait.frame is not None and is_of_pool(first.wait.frame)
    if _takes_itself(first):
        return ITS_OWN
    told = NOBODY.get("pool" if pool else kind)
    if told is not None:
        return told[2].replace("thread", "task").replace("`with`", "`async with`")
    if first.wait.deep is not None:
        return (
            "See what the library waits for there: an answer that does not come, or a connection from a pool whose "
            "connections are all out, which has to get them back (`async with`). Give the call a timeout."
        )
    if threads:
        return "See why the thread takes so long: what it does was begun by a task, which may wait for it."
    return (
        "See who is to set what is awaited, and that it does so on every path, also after an exception; await with "
        "asyncio.timeout(...)."
    )


def _wakes(asleep: list[Known], threads: list[Known], timer: bool) -> str:
    """What may wake one of the tasks of a loop."""
    if asleep:
        return " The tasks that sleep will go on."
    if threads:
        return " A thread of a pool is at work, and may wake one of them."
    if timer:
        return " A timer of the loop runs, as one of a timeout, and may wake one of them."
    return " Only what comes from outside can wake one of them."


def busy_loop(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    loop = next((known for known in everybody if known.wait.kind == "loop"), None)
    if loop is None or any(known.wait.kind == "runs" or known.thread.task for known in everybody):
        return None
    return Diagnosis(
        "The event loop waits",
        (step(loop),),
        "It has nothing to do, and no task."
        if dump.inside
        else "It has nothing to do. Which task waits where cannot be seen from outside of the process.",
        "It runs until somebody calls loop.call_soon_threadsafe(loop.stop), or gives it a task by "
        "asyncio.run_coroutine_threadsafe(...)."
        if dump.inside
        else "Start the program with PLAIT_WATCHDOG=30, and ask again: then its tasks are named, each with its line.",
        certain=False,
    )
