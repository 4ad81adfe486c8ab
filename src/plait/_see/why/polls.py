"""The finding of a thread that sleeps and looks again and again, in a loop, whether it may go on. Pure."""

from __future__ import annotations

from plait._see.why import source
from plait._see.why.branches import ends_of_loop
from plait._see.why.dump import Dump, Frame
from plait._see.why.graph import BOUND, awaited, taken
from plait._see.why.keys import is_own
from plait._see.why.known import Diagnosis, Known, Step, step
from plait._see.why.trees import tree_of

_SLEEPS = "sleeps"


def polls(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    """Somebody whom others wait for, or else one of threads that all do nothing else, and what ends its loop."""
    found = [(known, at) for at, known in enumerate(everybody) if not known.thread.task and _loop(known)[1]]
    others = [one for one in everybody if one not in [known for known, _ in found] and not one.thread.task]
    if not found or any(one.wait.kind not in (*BOUND, "system", "sleep") for one in others):
        return None
    wanted = {awaited(everybody, at) for at in range(len(everybody))}
    known = min(found, key=lambda one: (one[1] not in wanted, one[1]))[0]
    frame, ends = _loop(known)
    assert frame is not None
    line = source.loop_around(frame.file, frame.line)
    head = frame._replace(line=line)
    name = known.thread.name
    wanted_keys = {key for one in everybody for key in one.wait.keys}
    keeps = [taken(known, held) for held in known.held if held.key in wanted_keys]
    return Diagnosis(
        f"{name} sleeps, and looks again and again" + (", and has what others wait for" if keeps else ""),
        (
            *keeps,
            step(known),
            Step(name, "is in the loop", head.place, source.text(head.file, line)),
            *_called_by(known, frame),
            *(step(other) for at, other in enumerate(everybody) if awaited(everybody, at) is not None),
        ),
        f"No wait that cannot end was found. Its loop {ends}. Nobody tells it when that is so: it looks.",
        "Keep nothing that others need while you wait for what they are to do: let go of it first."
        if keeps
        else _OF_CELERY
        if any(one.is_in(_CELERY, ("get", "collect")) for one in known.thread.frames)
        else "See who is to bring that about, and whether that one has failed; give the loop a limit of time. What "
        "another thread is to say is for an Event: event.wait(timeout) ends at once when it is set.",
        certain=False,
    )


_CELERY = "celery/result.py"
_OF_CELERY = (
    "See whether a worker takes from that queue (celery -A app inspect active), and whether both use the same result "
    "backend; give get() a timeout. A task that waits for another one needs one more worker: begin what comes "
    "next by a chain, a chord or a callback."
)


def _loop(known: Known) -> tuple[Frame | None, str]:
    """The frame that sleeps in a loop which can end, and what ends that loop; "" for no such loop.

    What a library does for itself, in a thread that no line of the program is in, is its own affair.
    """
    wait = known.wait
    frame = wait.deep or wait.frame
    if (
        frame is None
        or wait.frame is None
        or not (wait.kind == "sleep" or (wait.kind == "system" and wait.what == _SLEEPS))
    ):
        return None, ""
    return frame, ends_of_loop(tree_of(frame.file), source.loop_around(frame.file, frame.line))


def _called_by(known: Known, frame: Frame) -> list[Step]:
    """The line of the program that called the function with the loop, where that is another function."""
    frames = list(known.thread.frames)
    if frame not in frames:
        return []
    outer = [one for one in frames[frames.index(frame) + 1 :] if is_own(one) and one is not known.wait.frame]
    return [Step(known.thread.name, "was called", one.place, source.text(one.file, one.line)) for one in outer[:1]]
