"""Why a process does not go on: who waits for whom, which of the waits can never end, and what cures it. Pure."""

from __future__ import annotations

from plait._see.why import source
from plait._see.why.blocked import blocked_loop
from plait._see.why.dump import Dump
from plait._see.why.eager import ENDLESS, eager, takes_items
from plait._see.why.elsewhere import ELSEWHERE, child_awaited, stopped
from plait._see.why.exit import at_its_end, unread
from plait._see.why.graph import BOUND, NOT_TOLD, RESULTS, awaited, is_timer, needed, with_held
from plait._see.why.hub import blocked_hub
from plait._see.why.interrupted import interrupted
from plait._see.why.keys import is_own
from plait._see.why.known import Diagnosis, Known, Step, examine, step
from plait._see.why.leaves import leavers
from plait._see.why.left import left_taken
from plait._see.why.loops import busy_loop, no_loop, not_woken, task_waits
from plait._see.why.nobody import nobody
from plait._see.why.pipes import pipelined
from plait._see.why.polls import polls
from plait._see.why.pools import callback_waits, is_taken, items_wait, loop_ends, pool_out, waits_for_itself
from plait._see.why.quiet import from_outside
from plait._see.why.server import stops_itself
from plait._see.why.task_wait import awaits_thread
from plait._see.why.workers import all_ask, all_wait


def diagnose(dump: Dump) -> Diagnosis | None:
    """The gravest that is found; None when every thread may go on by itself."""
    return judge(dump, examine(dump))


def judge(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """As `diagnose`, of threads that have been examined."""
    for find in (
        stopped,
        _gil,
        _cycle,
        waits_for_itself,
        callback_waits,
        items_wait,
        blocked_loop,
        not_woken,
        blocked_hub,
        _forked,
        unread,
        pipelined,
        _pipe,
        loop_ends,
        is_taken,
        no_loop,
        stops_itself,
        nobody,
        all_ask,
        *ELSEWHERE,
        left_taken,
        task_waits,
        busy_loop,
        eager,
        polls,
        pool_out,
        all_wait,
        _chain,
        _computes,
        from_outside,
    ):
        if (found := find(dump, everybody)) is not None:
            break
    return at_its_end(everybody, found)


def _gil(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    """One call into C code keeps the GIL, and everybody else waits for it."""
    for known in everybody:
        if known.wait.kind == "C code" and len(known.thread.frames) > 0:
            return Diagnosis(
                "One thread has the GIL and does not give it back",
                (step(known),),
                "It is within one call into C code, and no other thread can run meanwhile. Look again: if it is the "
                "same line, that call takes very long (a regular expression that backtracks, say).",
                "Make that call smaller or simpler, or run it in a process: plait.map(..., engine='process').",
                certain=False,
            )
    return None


def _cycle(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """Threads that wait for each other."""
    edges = needed(dump, everybody)
    for start in range(len(everybody)):
        paths, seen = [[start]], {start}
        for path in paths:  # the shortest first
            for following in edges[path[-1]]:
                if following == start:
                    return _ring(everybody, path)
                if following not in seen:
                    seen.add(following)
                    paths.append([*path, following])
    return None


def _ring(everybody: list[Known], ring: list[int]) -> Diagnosis:
    timer = _releasing_timer([everybody[at] for at in ring], everybody)
    if len(ring) == 1:
        only = everybody[ring[0]]
        steps, cure = interrupted(only)
        *has, waits = with_held([only], everybody)
        return Diagnosis(
            f"{only.thread.name} waits for itself",
            (*has, *steps, waits),
            f'It waits for what only it could let go, or what "{timer}" calls, which is a threading.Timer that waits.'
            if timer
            else "It waits for what only it could let go.",
            cure or _cure_of_one(only),
            certain=not timer,
        )
    members = [everybody[at] for at in ring]
    names = " and ".join(f'"{known.thread.name}"' for known in members)
    return Diagnosis(
        f"Deadlock: {names} wait for each other",
        tuple(with_held(members, everybody)),
        "Each keeps what the next one waits for. "
        + (
            f'None of them can ever go on, unless "{timer}", a threading.Timer that waits, lets go of one of the locks.'
            if timer
            else "None of them can ever go on."
        ),
        _cure_of_ring(members),
        certain=not timer,
    )


def _cure_of_ring(members: list[Known]) -> str:
    if any(known.wait.kind == "import" for known in members):
        return (
            "Start no thread, and wait for none, while a module is imported: put that into a function that is called "
            "later."
        )
    if any(known.wait.kind == "window call" for known in members):
        return (
            "Wait for no thread in what a window calls: let the thread put what it has into a queue.Queue, and look "
            "into that with root.after(100, ...); the window stays alive meanwhile, too."
        )
    if all(known.thread.awaits for known in members):
        return (
            "Await no task that awaits this one, as a method that stops a service does which its own task calls: have "
            "it look whether the task is asyncio.current_task(), or cancel it and let somebody else await its end."
        )
    if any(known.crews or known.thread.awaits or awaits_thread(known.thread) for known in members):
        who = "task" if any(known.thread.awaits for known in members) else "thread"
        return f"Keep no lock while you wait for what another {who} is to do under that lock: let go of it first."
    return (
        "Take the locks in the same order everywhere, or take one lock for both; and let go of a lock before you wait "
        "for a thread that needs it."
    )


def _cure_of_one(only: Known) -> str:
    if only.wait.kind == "condition":
        return "It has it as a reader, and wants it as a writer, or the other way round: let go before taking it again."
    split = "Split the function: one that takes the lock, and one that expects it taken"
    shared = only.wait.shared or only.wait.kind == "system"
    rlock = "an RLock of the same kind" if shared else "a threading.RLock"
    return split + ("." if only.thread.task else f"; or use {rlock}.")


def _releasing_timer(members: list[Known], everybody: list[Known]) -> str:
    """A `threading.Timer` that may let go of a lock for which one of them waits; "" for none.

    Who has an RLock lets it go himself, and so do programs that release nothing but what the same function has taken.
    """
    if not any(known.wait.kind == "lock" and not known.wait.owner for known in members):
        return ""
    files = {frame.file for known in everybody for frame in known.thread.frames if is_own(frame)}
    if not any(map(source.releases_for_others, files)):
        return ""
    return next((known.thread.name for known in everybody if is_timer(known)), "")


def _forked(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    stuck = [known for known in everybody if _waits_for_a_lock(known) and not known.wait.shared]
    if not dump.forked or dump.missing or len(everybody) != 1 or not stuck:
        return None
    what = (stuck[0].wait.kind == "lock" and stuck[0].wait.what) or "the lock"
    if leavers(stuck[0]):
        return left_taken(dump, everybody)
    return Diagnosis(
        "A lock was held by another thread when this process was forked",
        (step(stuck[0]),),
        "This process is a fork: it has the locks of its parent as they were at that moment, but only one thread. "
        f"The thread that had {what} does not exist here, so nobody will let it go.",
        "Do not fork while threads run: start processes with the start method 'spawn' or 'forkserver', or with plait, "
        "which forks from a process without threads.",
    )


def _waits_for_a_lock(known: Known) -> bool:
    """Whether it waits for one, or in C code for what only another thread could do, such as for a lock of a stream."""
    in_c = known.wait.kind == "system" and not known.wait.limited and known.thread.where.startswith("futex")
    return known.wait.kind == "lock" or in_c


def _pipe(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """Somebody waits for room in a pipe, and who could read from it waits, too."""
    waiting = child_awaited(everybody)
    writing = next((pid for pid, where in dump.children if "pipe_write" in where), None)
    stuck = [known for known in everybody if "pipe_write" in known.thread.where]
    writer = next((known for known in stuck if known.wait.kind != "service"), None)  # a pool's workers read
    child = Step(f"child {writing}", "waits for room in a pipe", "", "")
    tasks = [step(known) for known in everybody if known.thread.task and known.wait.kind == "await"]
    if waiting is not None and writing is not None:
        return Diagnosis(
            "A pipe is full that nobody reads",
            (*(tasks if waiting.wait.frame is None else []), step(waiting), child),
            f"This process waits for the end of process {writing}, and that one waits until somebody reads what it "
            "writes.",
            "Read before you wait: subprocess.run(..., capture_output=True) or communicate() instead of wait(); from a "
            "multiprocessing queue get() everything before join().",
        )
    if writer is None:
        return None
    return Diagnosis(
        "A pipe is full, and nobody reads from it now",
        (step(writer), *([] if writing is None else [child])),
        "It waits until whoever has the other end reads."
        + (f" Process {writing} waits for that as well, on a pipe of its own." if writing is not None else "")
        + " A pipe holds 64 KiB: who writes more needs somebody who reads meanwhile.",
        "Read and write in different threads or processes; with a child process use communicate(), which does both.",
        certain=False,
    )


def _chain(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    """Whom all others wait for, one after the other, is who to look at."""
    ends: list[int] = []
    for at in range(len(everybody)):
        path = [at]
        while (following := _next(everybody, path[-1])) is not None and following not in path:
            path.append(following)
        if len(path) > 1:
            ends.append(path[-1])
    if not ends:
        return None
    last = everybody[max(ends, key=ends.count)]
    if last.wait.frame is None and last.wait.kind in _FOR_WORK:
        return None  # as who has started a library's service waits for its end
    waiting = [known for at, known in enumerate(everybody) if _next(everybody, at) is not None]
    polls = last.thread.busy and (last.wait.limited or last.wait.kind not in BOUND)
    runs = last.wait.kind in ("runs", "C code") or polls
    return Diagnosis(
        f'"{last.thread.name}" is waited for, and {"runs" if runs else "does not end"}',
        tuple(with_held([last, *waiting], everybody)),
        _NOT_FOR_EVER + (_COMPUTES if runs else _MAY_COME),
        _LOOP if runs else "See why it takes so long; keep no lock, and join no thread, while something slow is done.",
        certain=False,
    )


def _next(everybody: list[Known], at: int) -> int | None:
    """Whom a thread waits for; for a result, the only thread that works for a pool, where there is one."""
    found = awaited(everybody, at)
    if found is not None or everybody[at].wait.kind not in RESULTS or everybody[at].wait.limited:
        return found
    at_work = [n for n, other in enumerate(everybody) if other.wait.pooled and other.wait.kind not in NOT_TOLD]
    return at_work[0] if len(at_work) == 1 and at_work != [at] else None


def _computes(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    """The only thread that does anything runs; the tasks of its event loop, if there is one, cannot meanwhile."""
    others = [known for known in everybody if known.wait.kind not in BOUND and not known.thread.task]
    if len(others) != 1 or others[0].wait.kind != "runs" or others[0].wait.frame is None:
        return None
    only = others[0]
    return Diagnosis(
        f'"{only.thread.name}" runs' + (", and its event loop waits for that" if only.wait.inside else ""),
        (step(only),),
        _NOT_FOR_EVER + _COMPUTES + (" No task of its event loop can go on meanwhile." if only.wait.inside else ""),
        ENDLESS
        if takes_items(only.thread)
        else _LOOP
        + (" What computes for long is for `await asyncio.to_thread(...)`, or a process." * only.wait.inside),
        certain=False,
    )


_FOR_WORK = ("queue get", "condition", "event")
_LOOP = "See whether the condition of its loop can come true; a loop that waits for a variable needs an Event instead."
_NOT_FOR_EVER = "No wait that cannot end was found. "
_COMPUTES = "This thread computes: if it is at the same lines when you look again, it is in a loop that does not end."
_MAY_COME = "What this thread waits for may still come; until then nobody who waits for it goes on."
