"""Why a process does not go on: who waits for whom, which of the waits can never end, and what cures it. Pure."""

from __future__ import annotations

from typing import NamedTuple

from plait._see import why_source
from plait._see.why_cures import NOBODY, RANK
from plait._see.why_dump import Dump, Thread
from plait._see.why_wait import Holding, Wait, holdings, wait_of

_FOR_EVER = ("lock", "join", "condition", "event", "semaphore", "barrier", "queue get", "queue put", "queue join")


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
    """

    title: str
    steps: tuple[Step, ...]
    why: str
    cure: str
    certain: bool = True


class Known(NamedTuple):
    """A thread, what it waits for and what it holds."""

    thread: Thread
    wait: Wait
    held: list[Holding]


def diagnose(dump: Dump) -> Diagnosis | None:
    """The gravest that is found; None when every thread may go on by itself."""
    return judge(dump, examine(dump))


def examine(dump: Dump) -> list[Known]:
    """What is known of each thread."""
    return [Known(thread, wait_of(thread), holdings(thread)) for thread in dump.threads]


def judge(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """As `diagnose`, of threads that have been examined."""
    for find in (_gil, _cycle, _pool, _blocked_loop, _forked, _pipe, _nobody, _task, _busy):
        found = find(dump, everybody)
        if found is not None:
            return found
    return None


def step(known: Known) -> Step:
    """What a thread does, in a line."""
    wait = known.wait
    frame = wait.frame
    line = why_source.text(frame.file, frame.line) if frame is not None else ""
    does = _DOES[wait.kind].format(what=wait.what or "something") + (", with a timeout," if wait.limited else "")
    return Step(known.thread.name, does, frame.place if frame else "", line)


_DOES = {
    "import": "waits for an import that another thread has begun",
    "join": "waits for the end of {what}",
    "future": "waits for the result of a future",
    "futures": "waits for futures",
    "queue join": "waits until all items of {what} are done",
    "queue get": "waits for an item from {what}",
    "queue put": "waits for room in {what}",
    "child": "waits for the end of a child process",
    "idle": "is idle: a worker of a pool without work",
    "loop": "waits in its event loop: no task can go on",
    "lock": "waits for {what}",
    "semaphore": "waits for a permit of {what}",
    "event": "waits until {what} is set",
    "barrier": "waits for the others at {what}",
    "condition": "waits to be notified on {what}",
    "sleep": "sleeps",
    "await": "awaits {what}",
    "tasks": "awaits other tasks",
    "system": "{what}",
    "work": "waits for what it has plait do",
    "plait": "is a thread of plait's own",
    "C code": "runs C code and has the GIL",
    "runs": "runs",
    "something": "waits for something in C code",
}


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


def _cycle(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    """Threads that wait for each other."""
    edges = {at: _awaited(everybody, at) for at in range(len(everybody))}
    for start in range(len(everybody)):
        path = [start]
        while edges[path[-1]] is not None:
            following = edges[path[-1]]
            assert following is not None
            if following in path:
                return _ring(everybody, path[path.index(following) :])
            path.append(following)
    return None


def _ring(everybody: list[Known], ring: list[int]) -> Diagnosis:
    if len(ring) == 1:
        only = everybody[ring[0]]
        return Diagnosis(
            f"{only.thread.name} waits for itself",
            tuple(_with_held([only], everybody)),
            "It waits for what only it could let go.",
            "Split the function: one that takes the lock, and one that expects it taken"
            + ("." if only.thread.task else "; or use a threading.RLock."),
        )
    members = [everybody[at] for at in ring]
    names = " and ".join(f'"{known.thread.name}"' for known in members)
    imports = any(known.wait.kind == "import" for known in members)
    return Diagnosis(
        f"Deadlock: {names} wait for each other",
        tuple(_with_held(members, everybody)),
        "Each keeps what the next one waits for. None of them can ever go on.",
        "Start no thread, and wait for none, while a module is imported: put that into a function that is called later."
        if imports
        else "Take the locks in the same order everywhere, or take one lock for both; and let go of a lock before you "
        "wait for a thread that needs it.",
    )


def _with_held(members: list[Known], everybody: list[Known]) -> list[Step]:
    steps = []
    for known in members:
        wanted = [other.wait.key for other in everybody if other is not known]
        for held in known.held:
            if held.key in wanted or held.key == known.wait.key:
                line = why_source.text(held.frame.file, held.line)
                steps.append(Step(known.thread.name, f"has {held.expression}, taken", held.place, line))
        steps.append(step(known))
    return steps


def _awaited(everybody: list[Known], at: int) -> int | None:
    """Whom a thread waits for: who has the lock, whom it joins, who imports the module."""
    known = everybody[at]
    wait = known.wait
    if wait.limited:
        return None
    if wait.kind in ("lock", "await") and wait.key is not None:
        return next((n for n, other in enumerate(everybody) if any(h.key == wait.key for h in other.held)), None)
    if wait.kind == "join" and wait.address:
        return next((n for n, other in enumerate(everybody) if _is_thread(other.thread, wait.address)), None)
    if wait.kind == "import":
        name = _module(known.thread)
        found = (n for n, other in enumerate(everybody) if n != at and name in _importing(other.thread))
        return next(found, None)
    return None


def _is_thread(thread: Thread, address: int) -> bool:
    bottom = [frame for frame in thread.frames if frame.function.rpartition(".")[2] in ("_bootstrap", "run")]
    return any("self" in frame.variables and frame.variables["self"].address == address for frame in bottom)


def _module(thread: Thread) -> str:
    """The module that an import waits for."""
    for frame in thread.frames:
        if frame.file.startswith("<frozen importlib") and "name" in frame.variables:
            return frame.variables["name"].text
    return ""


def _importing(thread: Thread) -> list[str]:
    """The modules whose import a thread is in the middle of."""
    frames = [frame for frame in thread.frames if frame.file.startswith("<frozen importlib")]
    waiting = any(frame.function.rpartition(".")[2] == "acquire" for frame in frames)
    names = [frame.variables["name"].text for frame in frames if "name" in frame.variables]
    return names[1:] if waiting else names


def _pool(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    """All workers of a pool wait for what only a worker of it could do."""
    pools = {known.wait.pooled for known in everybody if known.wait.pooled}
    for pool in pools:
        workers = [known for known in everybody if known.wait.pooled == pool]
        if all(known.wait.kind in ("future", "futures") and not known.wait.limited for known in workers):
            return Diagnosis(
                "A pool waits for itself",
                tuple(map(step, workers)),
                f"{'The only worker' if len(workers) == 1 else f'All {len(workers)} workers'} of a pool wait for "
                "results of tasks that no worker is left to run.",
                "Do not wait for a task of a pool within another task of it: return the future, or give inner tasks a "
                "pool of their own (plait.map and plait.scope have a worker for each).",
            )
    return None


def _blocked_loop(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    for known in everybody:
        if known.wait.inside and known.wait.kind not in ("loop", "idle", "runs", "C code"):
            return Diagnosis(
                "An event loop is blocked",
                (step(known),),
                "A coroutine waits in the way of threads, without await: no other task of the loop can go on.",
                "Use the asyncio counterpart (asyncio.Queue, asyncio.Lock, asyncio.sleep, streams), or "
                "`await asyncio.to_thread(...)`.",
                certain=known.wait.kind in _FOR_EVER and not known.wait.limited,
            )
    return None


def _forked(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    stuck = [known for known in everybody if known.wait.kind == "lock"]
    if not dump.forked or len(everybody) != 1 or not stuck:
        return None
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
    waiting = next((known for known in everybody if known.wait.kind == "child"), None)
    writing = next((pid for pid, where in dump.children if "pipe_write" in where), None)
    writer = next((known for known in everybody if "pipe_write" in known.thread.where), None)
    child = Step(f"child {writing}", "waits for room in a pipe", "", "")
    if waiting is not None and writing is not None:
        return Diagnosis(
            "A pipe is full that nobody reads",
            (step(waiting), child),
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


def _nobody(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """What is waited for can only come from a thread, and there is none that runs."""
    bound = (*_FOR_EVER, "future", "futures", "idle", "import", "plait", *(() if dump.children else ("work",)))
    free = [known for known in everybody if known.wait.kind not in bound or known.wait.limited]
    waiting = [known for known in everybody if known.wait.kind in _FOR_EVER and not _ends(known, everybody)]
    if free or not waiting:
        return None
    first = min(waiting, key=lambda known: RANK.index(known.wait.kind))
    others = [known for known in everybody if known is not first and known.wait.kind not in ("idle", "plait")]
    told = NOBODY[first.wait.kind]
    return Diagnosis(
        told[0].format(what=first.wait.what or "what it waits for"),
        tuple(map(step, [first, *others])),
        f"{told[1]} No other thread of this process is left that could: "
        + ("there is none." if not others else "they all wait, too."),
        told[2],
    )


def _ends(known: Known, everybody: list[Known]) -> bool:
    """Whether a thread joins one that is there: then that one is who to look at."""
    at = next(number for number, other in enumerate(everybody) if other is known)
    return known.wait.kind in ("join", "lock") and _awaited(everybody, at) is not None


def _task(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    """Tasks of an event loop that wait, while the loop has nothing to do."""
    tasks = [known for known in everybody if known.thread.task]
    if not tasks or not any(known.wait.kind == "loop" for known in everybody):
        return None
    asleep = [known for known in tasks if known.wait.kind == "sleep"]
    waiting = [known for known in tasks if known.wait.kind == "await"]
    if not waiting:
        return None
    others = [known for known in tasks if known.wait.kind == "tasks"]
    first = waiting[0]
    return Diagnosis(
        f"{first.thread.name} waits for {first.wait.what or 'a future'}",
        tuple(map(step, [*waiting, *others, *asleep])),
        "The event loop has nothing to do: each of its tasks waits for a future, a timer or a socket."
        + (" The tasks that sleep will go on." if asleep else " Only what comes from outside can wake one of them."),
        "See who is to set what is awaited, and that it does so on every path, also after an exception; await with "
        "asyncio.timeout(...).",
        certain=False,
    )


def _busy(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    loop = next((known for known in everybody if known.wait.kind == "loop"), None)
    if loop is None or any(known.wait.kind == "runs" for known in everybody):
        return None
    return Diagnosis(
        "The event loop waits",
        (step(loop),),
        "It has nothing to do. Which task waits where cannot be seen from outside of the process.",
        "Start the program with PLAIT_WATCHDOG=30, and ask again: then its tasks are named, each with its line.",
        certain=False,
    )
