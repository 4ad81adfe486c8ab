"""What a thread was interrupted by in the middle of something: handlers of signals, and finalizers. Pure."""

from __future__ import annotations

from plait._see.why import source
from plait._see.why.dump import Frame
from plait._see.why.keys import is_own
from plait._see.why.known import Known, Step

_HANDLER, _FINALIZER = "the handler of a signal", "a finalizer"
_CURES = {
    _HANDLER: "A handler of a signal runs in the middle of whatever the main thread does, also of what keeps the lock: "
    "it can wait for nothing. Have it set a variable that the program looks at, or raise an exception, and do the rest "
    "there; in an event loop, loop.add_signal_handler(...).",
    _FINALIZER: "Objects are finalized wherever the last reference goes or the garbage collector runs, also in the "
    "middle of what keeps the lock. Take no lock in __del__ or weakref.finalize, nor log or put there: append what is "
    "to be done to a collections.deque or queue.SimpleQueue, for others to do.",
}


def interrupted(known: Known) -> tuple[tuple[Step, ...], str]:
    """That what waits was called by an interruption, and what cures that; nothing and "" where it was not."""
    frames = known.thread.frames
    holders = [held.frame for held in known.held if held.key in known.wait.keys]
    last = len(frames) - 1  # what was interrupted, which has the lock; from outside two calls may look the same
    if holders:
        last -= frames[::-1].index(holders[-1])
    for at, frame in enumerate(frames[:last]):
        told = _HANDLER if _is_handler(frame) else _FINALIZER if _is_finalizer(frame) else None
        below = next((one for one in frames[at + 1 :] if is_own(one)), None)
        if told is not None and below is not None:
            does = f"was interrupted by {told}, {frame.name}(),"
            found = Step(known.thread.name, does, below.place, source.text(below.file, below.line))
            return (found,), _CURES[told]
    return (), ""


def _is_handler(frame: Frame) -> bool:
    """Whether it was given a frame, as nothing is but handlers of signals and functions that trace."""
    kinds = [thing.type for thing in frame.variables.values()]
    numbers = [thing.text for thing in frame.variables.values() if thing.text.isdigit() or "SIG" in thing.text]
    return is_own(frame) and "frame" in kinds and bool(numbers)


def _is_finalizer(frame: Frame) -> bool:
    return frame.name == "__del__" or frame.is_of("weakref.py", "__call__")
