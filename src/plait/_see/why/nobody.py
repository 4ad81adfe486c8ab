"""The finding that nobody is left who could end a wait."""

from __future__ import annotations

import ast

from plait._see.why import source
from plait._see.why.assigned import ITS_OWN, is_of_pool, started_later, taken_by
from plait._see.why.cures import NOBODY, RANK
from plait._see.why.dump import Dump
from plait._see.why.graph import FOR_EVER, NOT_TOLD, RESULTS, awaited, is_timer, may_go_on, taken
from plait._see.why.interrupted import interrupted
from plait._see.why.keys import Key, is_own, key_of
from plait._see.why.known import Diagnosis, Known, Step, step
from plait._see.why.leaves import leavers
from plait._see.why.reach import at_last, concerned, may_end
from plait._see.why.trees import nodes_of

_ENDED_BY = {  # a wait of this kind, by these methods of what is waited for
    "event": ("set",),
    "condition": ("notify", "notify_all"),
    "queue get": ("put", "put_nowait"),
    "queue put": ("get", "get_nowait"),
    "semaphore": ("release",),
    "future": ("set_result", "set_exception"),
}
_BY_HANDLERS = ("event", "condition", "queue get", *RESULTS)  # what those of signals are used for: to stop, to reload
_MOST = 3
_IN_A_LOOP = (
    "See who is to make that true, and to call notify() after it; it may be one that waits here, as a reader does that "
    "wants to write while it reads."
)
NO_GENERATOR = "Let no generator keep a lock while it stands at a `yield`: collect first, in the `with`, then yield."


def nobody(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """What is waited for can only come from a thread, and there is none that runs."""
    alive = [known for known in everybody if may_go_on(dump, known)]
    timers = [known.thread.name for known in alive if is_timer(known)]
    apart = [known for known in alive if not is_timer(known)]
    unconcerned, waiting = _stuck([known for known in everybody if known not in alive], everybody, apart)
    if not waiting:
        return None
    first = min(waiting, key=lambda known: (not _takes_itself(known, known), RANK.index(known.wait.kind)))
    ignored = [first, *apart, *unconcerned]
    others = [known for known in everybody if known not in ignored and known.wait.kind not in NOT_TOLD]
    stands = generators(first) if first.wait.kind == "lock" else []
    left = [] if stands else leavers(first, semaphores=True)
    kept = _kept(first)
    has = [known for known in everybody if kept in [held.key for held in known.held]] if kept is not None else []
    title, why, cure = NOBODY[_kind(first, everybody)]
    if first.wait.kind == "condition" and _looks_again(first):
        why, cure = "It waits until what it looks for is true, and somebody says so by notify().", _IN_A_LOOP
    if has:
        why = f"{_names(has)} {'has' if len(has) == 1 else 'have'} it, and {'waits' if len(has) == 1 else 'wait'}, too."
        cure = "Keep nothing that others need while you wait for something else: let go of it first."
    elif _in_the_way(first, everybody):
        why += f" {first.thread.name} has what another thread waits for, which may be the one that should do that."
        cure = "Keep no lock while you wait for what another thread is to do under that lock: let go of it first."
    between, instead = interrupted(first) if first.wait.kind == "lock" else ((), "")
    cure = instead or (NO_GENERATOR if stands else cure)
    later = [] if has or stands else [call for known in everybody for call in _later(known, first)][:1]
    takers = [] if has else [one for known in everybody for one in _takes_itself(known, first)][:1]
    if takers:
        cure = ITS_OWN
    starts = [] if takers or later or has else _starts(first, everybody)
    if starts:
        cure = "Start who takes from it before the first item is put that may have to wait for room."
    if later:
        cure = f"Have {later[0][0]} come before that wait, or in another thread."
    signals = dump.handled if first.wait.kind in _BY_HANDLERS else ()
    doubt = ", unless at a signal" if signals else ", unless a timer does it" if timers else ""
    *has_some, waits = _told(first, everybody)
    steps = [*has_some, *between, waits, *stands, *left]
    for known in others:
        steps += _told(known, everybody)
    steps += [*takers, *(one for _, one in later), *starts]
    return Diagnosis(
        title.format(what=first.wait.what or "what it waits for") + doubt,
        tuple(steps),
        f"{why} No other thread {'that is seen' if dump.missing else 'of this process'} is left that could: "
        + ("there is none." if not others else "they all wait, too.")
        + (f" What {_names(apart[:_MOST])} may still run has nothing to do with it." * bool(apart))
        + (f" A handler of {' or '.join(signals)} may: a program that waits for its signal looks so." * bool(signals))
        + (f" What {' or '.join(timers)} will call may, a threading.Timer whose time has not come." * bool(timers)),
        cure,
        certain=not doubt and not apart,
    )


def _stuck(bound: list[Known], everybody: list[Known], apart: list[Known]) -> tuple[list[Known], list[Known]]:
    """Those that wait for what nobody does, and have nothing to do with that for which the main thread waits; and have.

    Where somebody may go on, `apart` from these, only what the main thread waits for is known not to be idle; and there
    is none of the latter where one who may go on may end their waits.
    """
    waiting = [known for known in bound if known.wait.kind in (*FOR_EVER, *RESULTS) and not _ends(known, everybody)]
    last = at_last(everybody)
    if last is None or last not in waiting:
        return ([], []) if apart else ([], waiting)
    found = concerned(last, waiting)
    if any(may_end(known, one, certainly=False) for known in apart for one in found):
        return [], []
    return [known for known in waiting if known not in found], found


def _looks_again(known: Known) -> bool:
    """Whether who waits for a condition looks, each time it is notified, for what it waits for."""
    frame = known.wait.frame
    if any(one.is_of("threading.py", "wait_for") for one in known.thread.frames):
        return True
    line = source.loop_around(frame.file, frame.line) if frame is not None else 0
    nodes = nodes_of(frame.file) if frame is not None else ()
    loops = [node for node in nodes if isinstance(node, ast.While) and node.lineno == line]
    return any(len(loop.body) == 1 and not isinstance(loop.test, ast.Constant) for loop in loops)


def _kind(first: Known, everybody: list[Known]) -> str:
    """Which of the findings it is."""
    wait = first.wait
    if wait.kind == "queue get" and (wait.deep is not None or (wait.frame is not None and is_of_pool(wait.frame))):
        return "pool"
    return "some lock" if _may_be_kept(first, everybody) else first.wait.kind


def _later(known: Known, first: Known) -> list[tuple[str, Step]]:
    """What a thread would call after its own wait, in the same function, that ends the wait of the first."""
    if first.wait.kind == known.wait.kind == "semaphore" and known.wait.what == first.wait.what:
        return []  # it gives back what it will have taken by then
    return called_later(known, first.wait.what, first.wait.kind)


def called_later(known: Known, what: str, kind: str) -> list[tuple[str, Step]]:
    """What is called further down in the functions that it is in, and would end a wait of that kind for that."""
    name, methods = what.rpartition(".")[2], _ENDED_BY.get(kind, ())
    found = []
    for inner, frame in zip((None, *known.thread.frames), known.thread.frames, strict=False):
        leaves = inner is not None and inner.name in ("__exit__", "__aexit__")
        line = source.left_at(frame.file, frame.line) if leaves else frame.line
        found += [(frame, one) for one in source.called_later(frame.file, line, name, methods) if is_own(frame)]
    does = "would end that wait, but only afterwards,"
    return [
        (one.expression, Step(known.thread.name, does, at.place, source.text(at.file, at.line)))
        for at, one in ((frame._replace(line=one.line), one) for frame, one in found)
    ]


def _starts(first: Known, everybody: list[Known]) -> list[Step]:
    """What the only thread would start after it has put what has no room, in the same function."""
    frame = first.wait.frame
    if first.wait.kind != "queue put" or frame is None or first.wait.deep is not None or len(everybody) > 1:
        return []
    expression, line = started_later(frame)
    if not expression:
        return []
    does, place = "would start others, but only afterwards,", frame._replace(line=line).place
    return [Step(first.thread.name, does, place, source.text(frame.file, line))]


def _takes_itself(known: Known, first: Known) -> list[Step]:
    """That a thread which waits for room in a queue is one that takes from it."""
    if first.wait.kind != "queue put" or (known.wait.kind, known.wait.what) != ("queue put", first.wait.what):
        return []
    taken = taken_by(known.thread.frames, first.wait.what)
    if taken is None:
        return []
    return [Step(known.thread.name, "is one that takes from it,", taken.place, source.text(taken.file, taken.line))]


def _told(known: Known, everybody: list[Known]) -> list[Step]:
    """What a thread has that somebody waits for, or that may be it, and what it waits for itself."""
    wanted = {key for other in everybody for key in (*other.wait.keys, _kept(other)) if key is not None}
    unknown = _may_be_kept(known, everybody)  # whose it is cannot be told: then all there is
    return [*(taken(known, held) for held in known.held if unknown or held.key in wanted), step(known)]


def _kept(known: Known) -> Key | None:
    """The semaphore that a thread waits for, of which others have permits."""
    wait = known.wait
    return key_of(wait.frame, wait.what) if wait.kind == "semaphore" and wait.frame and not wait.deep else None


def _may_be_kept(first: Known, everybody: list[Known]) -> bool:
    """Whether what a thread waits for may be a lock that one of them has under another name.

    Two objects are known to be different ones where it is known where in memory each is.
    """
    if first.wait.kind != "lock":
        return False
    if any(map(_has_some, everybody)):
        return True
    held = [one.key for known in everybody for one in known.held]
    return bool(held) and not all(_is_address(key) for key in (*held, *(first.wait.keys or (None,))))


def _has_some(known: Known) -> bool:
    """Whether a thread stands in a ``with a, b:``, and nobody can tell which of them it has already."""
    own = [frame for frame in known.thread.frames if is_own(frame)]
    return any(len(source.entered_together(frame.file, frame.line, frame.column)) > 1 for frame in own)


def _is_address(key: Key | None) -> bool:
    return key is not None and not key.path and key.root.isdigit()


def _in_the_way(first: Known, everybody: list[Known]) -> bool:
    return any(held.key in other.wait.keys for other in everybody if other is not first for held in first.held)


def _names(found: list[Known]) -> str:
    return " and ".join(known.thread.name for known in found)


def generators(known: Known) -> list[Step]:
    """Generators that stand at a `yield` with what is waited for, where its file has such."""
    frame, what = known.wait.deep or known.wait.frame, known.wait.what
    if frame is None:
        return []
    does = f"is a generator, and has {what} while it stands at a `yield`"
    found = source.generators_with(frame.file, what)
    return [Step(f"{one.expression}()", does, frame._replace(line=one.line).place, "") for one in found]


def _ends(known: Known, everybody: list[Known]) -> bool:
    """Whether a thread joins one that is there: then that one is who to look at."""
    at = next(number for number, other in enumerate(everybody) if other is known)
    return known.wait.kind in ("join", "lock", *RESULTS) and awaited(everybody, at) is not None
