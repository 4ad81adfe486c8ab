"""Who waits for whom, and which threads can go on by themselves."""

from __future__ import annotations

from plait._see import why_source
from plait._see.why_dump import Dump, Thread
from plait._see.why_keys import Holding
from plait._see.why_known import Known, Step, is_thread, step

FOR_EVER = ("lock", "join", "condition", "event", "semaphore", "barrier", "queue get", "queue put", "queue join")
RESULTS = ("future", "futures")
NOT_TOLD = ("idle", "plait", "service")
BOUND = (*FOR_EVER, *RESULTS, *NOT_TOLD, "import", "work", "exit")  # who waits so does not go on by itself


def with_held(members: list[Known], everybody: list[Known]) -> list[Step]:
    steps = []
    for known in members:
        wanted = {key for other in everybody for key in other.wait.keys}
        held = [one for one in known.held if one.key in wanted]
        steps += [taken(known, one) for one in held]
        owned = [other for other in everybody if _owns(known, other) and other.wait.kind == "lock"]
        if owned and not held:
            steps.append(Step(known.thread.name, f"has {owned[0].wait.what}, as the lock itself says", "", ""))
        steps.append(step(known))
    return steps


def taken(known: Known, held: Holding) -> Step:
    """That a thread has something, with the line of the user's own that took it."""
    own = held.frame._replace(line=held.line) if held.own in (None, held.frame) else held.own
    assert own is not None
    where = "" if held.own in (None, held.frame) else f" ({held.place})"
    return Step(
        known.thread.name, f"has {held.expression}{where}, taken", own.place, why_source.text(own.file, own.line)
    )


def _owns(known: Known, other: Known) -> bool:
    return bool(other.wait.owner) and other.wait.owner == known.thread.ident and known is not other


def awaited(everybody: list[Known], at: int) -> int | None:
    """Whom a thread waits for: who has the lock, whom it joins, who imports the module, who works for its result."""
    known = everybody[at]
    wait = known.wait
    if wait.limited:
        return None
    others = enumerate(everybody)
    if wait.owner:
        return next((n for n, other in others if _owns(other, known)), None)
    if wait.keys and (wait.kind != "condition" or all(other.wait.kind in BOUND for other in everybody)):
        return next((n for n, other in others if any(held.key in wait.keys for held in other.held)), None)
    if wait.kind == "join" and wait.address:
        return next((n for n, other in others if is_thread(other.thread, wait.address)), None)
    if wait.kind == "import":
        name = _module(known.thread)
        found = (n for n, other in others if n != at and name in _importing(other.thread))
        return next(found, None)
    if wait.kind in RESULTS and not any(
        other.wait.kind in ("runs", "C code", "sleep", "system") for other in everybody
    ):
        return next((n for n, other in others if n != at and other.wait.pooled and other.wait.kind == "import"), None)
    return None


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


def may_go_on(dump: Dump, known: Known) -> bool:
    """Whether a thread can go on by itself, or by what another process does."""
    wait = known.wait
    if wait.limited or wait.kind not in BOUND:
        return True
    return (bool(dump.children) and (wait.kind in ("work", "service") or wait.shared)) or (
        wait.shared and _member(dump)
    )


def _member(dump: Dump) -> bool:
    """Whether it is a process of `multiprocessing`, so that who has started it can end its waits."""
    frames = [frame for thread in dump.threads for frame in thread.frames]
    return any(
        frame.file.endswith("multiprocessing/process.py") and frame.function.endswith("_bootstrap") for frame in frames
    )
