"""Why a process does not go on: who waits for whom, which of the waits can never end, and what cures it. Pure."""

from __future__ import annotations

from plait._see import why_source
from plait._see.why_cures import NOBODY, RANK
from plait._see.why_dump import Dump
from plait._see.why_elsewhere import ELSEWHERE, child_awaited, stopped
from plait._see.why_graph import BOUND, FOR_EVER, NOT_TOLD, RESULTS, awaited, is_timer, needed, taken, with_held
from plait._see.why_keys import is_own
from plait._see.why_known import Diagnosis, Known, Step, examine, step
from plait._see.why_left import leavers, left_taken
from plait._see.why_nobody import NO_GENERATOR, generators, nobody
from plait._see.why_pipes import pipelined
from plait._see.why_polls import polls
from plait._see.why_pools import callback_waits, is_taken, loop_ends, waits_for_itself
from plait._see.why_task_wait import primitive


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
        _blocked_loop,
        _forked,
        pipelined,
        _pipe,
        is_taken,
        nobody,
        *ELSEWHERE,
        left_taken,
        loop_ends,
        _task,
        _busy,
        polls,
        _chain,
        _computes,
    ):
        found = find(dump, everybody)
        if found is not None:
            return found
    return None


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
        return Diagnosis(
            f"{only.thread.name} waits for itself",
            tuple(with_held([only], everybody)),
            f'It waits for what only it could let go, or what "{timer}" calls, which is a threading.Timer that waits.'
            if timer
            else "It waits for what only it could let go.",
            "It has it as a reader, and wants it as a writer, or the other way round: let go before taking it again."
            if only.wait.kind == "condition"
            else "Split the function: one that takes the lock, and one that expects it taken"
            + ("." if only.thread.task else "; or use a threading.RLock."),
            certain=not timer,
        )
    members = [everybody[at] for at in ring]
    names = " and ".join(f'"{known.thread.name}"' for known in members)
    imports = any(known.wait.kind == "import" for known in members)
    return Diagnosis(
        f"Deadlock: {names} wait for each other",
        tuple(with_held(members, everybody)),
        "Each keeps what the next one waits for. "
        + (
            f'None of them can ever go on, unless "{timer}", a threading.Timer that waits, lets go of one of the locks.'
            if timer
            else "None of them can ever go on."
        ),
        "Start no thread, and wait for none, while a module is imported: put that into a function that is called later."
        if imports
        else "Keep no lock while you wait for what another thread is to do under that lock: let go of it first."
        if any(known.crews for known in members)
        else "Take the locks in the same order everywhere, or take one lock for both; and let go of a lock before you "
        "wait for a thread that needs it.",
        certain=not timer,
    )


def _releasing_timer(members: list[Known], everybody: list[Known]) -> str:
    """A `threading.Timer` that may let go of a lock for which one of them waits; "" for none.

    Who has an RLock lets it go himself, and so do programs that release nothing but what the same function has taken.
    """
    if not any(known.wait.kind == "lock" and not known.wait.owner for known in members):
        return ""
    files = {frame.file for known in everybody for frame in known.thread.frames if is_own(frame)}
    if not any(map(why_source.releases_for_others, files)):
        return ""
    return next((known.thread.name for known in everybody if is_timer(known)), "")


def _blocked_loop(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    for known in everybody:
        if known.wait.inside and known.wait.kind not in ("loop", "idle", "runs", "C code"):
            tasks = [other for other in everybody if other.thread.task]
            owners = [(task, held) for task in tasks for held in task.held if held.key in known.wait.keys]
            return Diagnosis(
                "An event loop is blocked",
                (step(known), *(taken(task, held) for task, held in owners[:1])),
                "A coroutine waits in the way of threads, without await: no other task of the loop can go on"
                + (", and one of them has what it waits for." if owners else "."),
                "Await what is to be done instead of asking a future for its result; asyncio.wrap_future(...) makes "
                "any future one that can be awaited."
                if known.wait.kind in RESULTS
                else _COUNTERPART_IN_TRIO
                if _is_trio(known)
                else "Use the asyncio counterpart (asyncio.Queue, asyncio.Lock, asyncio.sleep, streams), or "
                "`await asyncio.to_thread(...)`.",
                certain=known.wait.kind in FOR_EVER and not known.wait.limited,
            )
    return None


def _forked(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    stuck = [known for known in everybody if known.wait.kind == "lock"]
    if not dump.forked or len(everybody) != 1 or not stuck:
        return None
    if leavers(stuck[0]):
        return left_taken(dump, everybody)
    return Diagnosis(
        "A lock was held by another thread when this process was forked",
        (step(stuck[0]),),
        "This process is a fork: it has the locks of its parent as they were at that moment, but only one thread. "
        f"The thread that had {stuck[0].wait.what or 'the lock'} does not exist here, so nobody will let it go.",
        "Do not fork while threads run: start processes with the start method 'spawn' or 'forkserver', or with plait, "
        "which forks from a process without threads.",
    )


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


def _task(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    """Tasks of an event loop that wait, while the loop has nothing to do."""
    tasks = [known for known in everybody if known.thread.task]
    loop = next((known for known in everybody if known.wait.kind == "loop"), None)
    waiting = [known for known in tasks if known.wait.kind == "await"]
    asleep = [known for known in tasks if known.wait.kind == "sleep"]
    cancelled = [known for known in (*waiting, *asleep) if known.thread.cancelled]
    if loop is None or not (waiting or cancelled):
        return None
    others = [known for known in tasks if known.wait.kind == "tasks"]
    threads = [known for known in everybody if known.wait.pooled and known.wait.kind not in NOT_TOLD]
    holders = [known for known in everybody if known.held]
    wanted = [known for known in waiting if _is_kept(known, holders)]
    serves = any(known.wait.kind == "serves" for known in tasks)
    ticks = bool(asleep) or serves
    told = [known for known in waiting if _is_told(known) and not (serves and primitive(known.thread) == "queue get")]
    if ticks and not (cancelled or wanted or told):
        return None  # a server that has nothing to do looks like this
    first = min(
        cancelled or waiting,
        key=lambda known: (known in wanted, not _keeps(known, wanted), ticks and not _is_told(known), _rank(known)),
    )
    stands = generators(first) if primitive(first.thread) == "lock" and not cancelled else []
    rest = [known for known in (*waiting, *others, *asleep) if known is not first]
    return Diagnosis(
        f"{first.thread.name} was cancelled, and does not end"
        if cancelled
        else f"{first.thread.name} waits for {first.wait.what or 'a future'}",
        (*with_held([first], everybody), *stands, *with_held([*threads, *rest], everybody)),
        "The event loop has nothing to do: each of its tasks waits for a future, a timer or a socket."
        + _wakes(asleep, threads, loop.wait.limited),
        NO_GENERATOR if stands else _in_words_of(loop, _cure_of_task(first, rest, threads)),
        certain=False,
    )


def _in_words_of(loop: Known, cure: str) -> str:
    """With what there is where the loop is trio's."""
    return cure.replace("asyncio.timeout(...)", "trio.fail_after(...)") if _is_trio(loop) else cure


def _is_trio(known: Known) -> bool:
    return any(frame.is_of("trio/_core/_run.py", "run") for frame in known.thread.frames)


_COUNTERPART_IN_TRIO = (
    "Use the trio counterpart (memory channels, trio.Lock, trio.sleep, streams), or "
    "`await trio.to_thread.run_sync(...)`."
)


def _is_kept(known: Known, everybody: list[Known]) -> bool:
    """Whether one of them has what another waits for: then that one is who to look at."""
    return any(held.key in known.wait.keys for one in everybody for held in one.held)


def _is_told(known: Known) -> bool:
    """Whether a line of the user's own awaits something itself: what libraries await, they know."""
    return known.wait.frame is not None and known.wait.deep is None


def _keeps(known: Known, wanted: list[Known]) -> bool:
    """Whether it has what one of them waits for."""
    return any(_is_kept(one, [known]) for one in wanted)


def _rank(known: Known) -> int:
    kind = primitive(known.thread)
    return RANK.index(kind) if kind else len(RANK)


def _cure_of_task(first: Known, rest: list[Known], threads: list[Known]) -> str:
    if first.thread.cancelled:
        return (
            "Raise CancelledError again wherever it is caught, and await in a `finally` only what comes to an end: who "
            "has cancelled the task may wait for it."
        )
    if any(_is_kept(known, [first]) for known in (first, *rest)):
        return (
            "Keep nothing that others need while you await something else: let go of it first. See who is to set what "
            "is awaited, or await it with asyncio.timeout(...)."
        )
    told = NOBODY.get(primitive(first.thread))
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


def _busy(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    loop = next((known for known in everybody if known.wait.kind == "loop"), None)
    if loop is None or any(known.wait.kind == "runs" or known.thread.task for known in everybody):
        return None
    return Diagnosis(
        "The event loop waits",
        (step(loop),),
        "It has nothing to do. Which task waits where cannot be seen from outside of the process.",
        "Start the program with PLAIT_WATCHDOG=30, and ask again: then its tasks are named, each with its line.",
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
        _LOOP + (" What computes for long is for `await asyncio.to_thread(...)`, or a process." * only.wait.inside),
        certain=False,
    )


_FOR_WORK = ("queue get", "condition", "event")
_LOOP = "See whether the condition of its loop can come true; a loop that waits for a variable needs an Event instead."
_NOT_FOR_EVER = "No wait that cannot end was found. "
_COMPUTES = "This thread computes: if it is at the same lines when you look again, it is in a loop that does not end."
_MAY_COME = "What this thread waits for may still come; until then nobody who waits for it goes on."
