"""Ctrl-C while a map is open: its driver puts things in order first, and only then the interrupt is raised.

Python raises an interrupt between any two steps of the main thread: also after a result has left its worker's pipe and
before it is booked, and then it would be lost. Therefore the handler, while it finds the main thread in a driver's own
code, gives the interrupt to the run, which stops the work and raises it. It raises at once

 * in the user's code: the function of an inline map, the iterator of the input, the body of the loop;
 * at the second Ctrl-C, though not in the midst of what must be brought to its end, lest something is left behind.

Only Python's own handler is replaced, and only while a map is open. Who has another one calls `hold_back` in it.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the C module: signal.py would import enum
from _weakref import ref
from sys import _getframe

from plait._core.vigil import VIGIL

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing would double a worker's start-up time
    from _collections_abc import Callable
    from types import CodeType, FrameType
    from typing import Protocol, TypeVar

    F = TypeVar("F", bound=Callable[..., object])

    class Driver(Protocol):
        """Whose methods drive: at work, as the handler finds it."""

        def hold_back(self, interrupt: KeyboardInterrupt) -> bool:
            """Stop the work, then raise this; False when it is to be raised at once."""
            ...

    class Watched(Protocol):
        """A run that is open, whether it is at work or not."""

        def disturb(self, interrupt: KeyboardInterrupt) -> None:
            """This is about to be raised elsewhere while the run is open: it may be what ends the loop around it."""
            ...


_drivers: set[CodeType] = set()
_outside: set[CodeType] = set()
_finishing: set[CodeType] = set()
_held: list[tuple[int, KeyboardInterrupt]] = []  # one that came there, and the frame that is to raise it
_open: dict[int, ref[Watched]] = {}  # not kept alive: a run that nobody iterates any more ends, and leaves


def drives(method: F) -> F:
    """Marks a method of a `Driver` as driver's code, with all that it calls."""
    _drivers.add(method.__code__)
    return method


def calls_out(function: F) -> F:
    """Marks a function, called by a driver, that calls the user's code: an interrupt is raised in there at once."""
    _outside.add(function.__code__)
    return function


def is_outside(code: CodeType) -> bool:
    """Whether it is that of such a function: what it has called is the user's, wherever that stands."""
    return code in _outside


def finishes(function: F) -> F:
    """Marks a function that takes moments and is of no use half done: in there an interrupt is raised when it ends."""

    def finished(*args: object) -> object:
        try:
            return function(*args)
        finally:
            if _held and _held[0][0] == id(_getframe()):
                raise _held.pop()[1]

    _finishing.add(finished.__code__)
    finished.__name__, finished.__doc__ = function.__name__, function.__doc__
    return finished  # type: ignore[return-value]  # it takes what the function takes, and gives what that gives


def had_better_hurry() -> bool:
    """Whether an interrupt waits for the end of what `finishes`."""
    return bool(_held)


def watch(run: Watched) -> None:
    """The run is open from now on. In other threads than the main one no interrupt is raised, nor held back."""
    import threading  # workers import this module, and never watch

    VIGIL.begin(run)
    if threading.current_thread() is not threading.main_thread():
        return
    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _on_interrupt)
    except ValueError:  # the main thread of a subinterpreter
        return
    _open[id(run)] = ref(run)


def unwatch(run: Watched) -> None:
    """The run is over."""
    VIGIL.end(run)
    if _open.pop(id(run), None) is None:
        return
    if not _open and signal.getsignal(signal.SIGINT) is _on_interrupt:
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        except ValueError:  # it was collected in another thread: the next run puts it back
            return


def only_ours() -> bool:
    """Whether no handler of the program's own may raise in the calling thread, at any moment and whatever it runs.

    What such a handler raises within an item would be taken for the item's own failure.
    """
    import threading

    if threading.current_thread() is not threading.main_thread():
        return True
    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    return not any(callable(one) and one not in (_on_interrupt, signal.default_int_handler) for one in handlers)


def hold_back(frame: FrameType | None, interrupt: KeyboardInterrupt) -> bool:
    """Have the run that the main thread drives at this moment, if any, raise the interrupt; False: raise it now."""
    found: Driver | None = None
    finishing: FrameType | None = None
    while frame is not None and frame.f_code not in _outside:
        if frame.f_code in _finishing:
            finishing = frame  # the outermost in the end
        if frame.f_code in _drivers:
            found = frame.f_locals["self"]
            break
        frame = frame.f_back
    if found is not None and found.hold_back(interrupt):
        return True
    for one in list(_open.values()):
        if (run := one()) is not None:
            run.disturb(interrupt)
    if finishing is not None:
        _held[:] = [(id(finishing), interrupt)]
    return finishing is not None


def _on_interrupt(_: int, frame: FrameType | None) -> None:
    interrupt = KeyboardInterrupt()
    if not hold_back(frame, interrupt):
        raise interrupt
