"""WorkerState: what the functions decorated with ``per_worker`` have set up in one worker, until the worker ends."""

from __future__ import annotations

import os
import sys
from _collections_abc import Callable

from plait._core.current import StopTask
from plait._core.interrupts import calls_out
from plait._core.notes import add_note, set_attribute, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module, and typing would double their start-up time
    from types import GeneratorType, TracebackType

    from plait._core.errors import PlaitError

TEAR_DOWN_SECONDS = 5.0  # how long the end of a run waits for the tear-downs of a worker


class Mishap:
    """Something that went wrong when nobody was left to whom it could be raised."""

    __slots__ = ("error", "text")

    def __init__(self, text: str, error: BaseException | None) -> None:
        self.text = text
        self.error = error


class WorkerState:
    """The instances of one worker. Only its own thread, in its own process, touches it.

    Promises:
     * one set-up for a key, at the first call; when it fails, the next call tries again;
     * `end` tears down in the reverse order of set-up, so what an instance uses is there until after its own end;
     * an error in a tear-down keeps no other from happening.

    Args:
        worker: its name, for people.
        thread: the identity of its thread.
        on_hold: called before something that must be torn down is set up for the first time.
        on_set_up: called with what is being set up from now on, see `making`.

    Attributes:
        instances: by key, in the order of set-up.
        ending: what is being torn down now, in words, or ``""``.
        making: what is being set up now, the innermost of it, in words, or ``""``.
        ended: whether `end` was called: nothing can be set up any more.
        overdue: whether nobody waits for the end any more: waits in it are to end; set by any thread.
    """

    __slots__ = (
        "__weakref__",
        "_making",
        "_on_hold",
        "_on_set_up",
        "ended",
        "ending",
        "instances",
        "overdue",
        "pid",
        "thread",
        "worker",
    )

    def __init__(
        self, worker: str, thread: int, on_hold: Callable[[], object], on_set_up: Callable[[str], object]
    ) -> None:
        self.worker = worker
        self.thread = thread
        self.pid = os.getpid()
        self.instances: dict[object, Instance] = {}
        self.ending = ""
        self.ended = self.overdue = False
        self._making: list[tuple[object, str]] = []
        self._on_hold: Callable[[], object] | None = on_hold
        self._on_set_up = on_set_up

    @property
    def making(self) -> str:
        making = self._making
        return making[-1][1] if making else ""

    def set_up(self, key: object, name: str, make: Callable[[], object], *, generator: bool) -> object:
        """The value of a new instance; the arguments say what to call, and whether it is a generator function.

        Raises:
            PlaitError: the worker is ending, or the instance needs itself.
            Exception: whatever the set-up raises.
        """
        if self.ended:
            raise too_late(name, self.worker)
        if any(key == other for other, _ in self._making):
            raise needs_itself([*(other for _, other in self._making), name])
        if generator and self._on_hold is not None:
            on_hold, self._on_hold = self._on_hold, None
            on_hold()  # before the set-up, which may be half done when the work is stopped
        instance = Instance(name)
        self._making.append((key, name))
        self._on_set_up(name)
        try:
            instance.set_up(make, generator=generator)
            self.instances[key] = instance
        except BaseException as error:
            if instance.is_suspended:  # StopTask, at the very end: what has been set up will be torn down
                self.instances[key] = instance
            elif isinstance(error, Exception):
                note = f"plait: raised in the set-up of {name} on {self.worker}; the next call there tries again"
                add_note(error, note)
            raise
        finally:
            self._making.pop()
            self._on_set_up(self.making)
        return instance.value

    def end(self, report: Callable[[Mishap], object]) -> None:
        """Tear down what was set up, the last first; what goes wrong is reported.

        Raises:
            KeyboardInterrupt: Ctrl-C broke into a tear-down; the others have been done.
        """
        self.ended = True
        around = sys.exception()
        interrupt: KeyboardInterrupt | None = None
        while self.instances:
            _, instance = self.instances.popitem()
            self.ending = instance.name
            try:
                instance.tear_down()
            except KeyboardInterrupt as error:
                interrupt = error
            except BaseException as error:  # SystemExit too: it must not keep the others from being torn down
                if self.overdue and isinstance(error, StopTask):
                    continue  # its wait was ended, after it had been told that it is left behind
                what = f"{type(error).__name__}: {text_of(error)}"
                error.with_traceback(_theirs(error))
                _forget_around(error, around)
                report(Mishap(f"the tear-down of {instance.name} on {self.worker} raised {what}", error))
        self.ending = ""
        if interrupt is not None:
            raise interrupt


class Instance:
    """What a decorated function made: its value, and the generator that waits at its yield, if it has one."""

    __slots__ = ("generator", "name", "value")

    def __init__(self, name: str) -> None:
        self.name = name
        self.value: object = None
        self.generator: GeneratorType[object, None, None] | None = None

    def set_up(self, make: Callable[[], object], *, generator: bool) -> None:
        """Run what precedes the yield, or all of it."""
        if not generator:
            self.value = make()
            return
        self.generator = made = make()  # type: ignore[assignment]  # a generator function was decorated
        try:
            self.value = next(made)  # type: ignore[call-overload]  # see above
        except StopIteration:
            raise misses_its_yield(self.name, "ended without a yield") from None

    @property
    def is_suspended(self) -> bool:
        """Whether its generator waits at the yield."""
        return self.generator is not None and self.generator.gi_suspended

    @calls_out
    def tear_down(self) -> None:
        """Run what follows the yield."""
        if self.generator is None:
            return
        try:
            next(self.generator)
        except StopIteration:
            return
        finally:
            self.generator.close()
        raise misses_its_yield(self.name, "yielded twice")


def _theirs(error: BaseException) -> TracebackType | None:
    """The traceback from the user's generator on."""
    trace = error.__traceback__
    for _ in range(2):
        trace = trace.tb_next if trace is not None else None
    return trace


def _forget_around(error: BaseException, around: BaseException | None) -> None:
    """Leave out of the error's context what ended the run around it, which has nothing to do with it."""
    while error.__context__ is not None:
        if error.__context__ is around:
            set_attribute(error, "__context__", None)
            return
        error = error.__context__


def too_late(name: str, worker: str) -> PlaitError:
    """What a call raises when its worker is being torn down."""
    return _fault(f"{name} was called for the first time on {worker} when that worker was ending already")


def needs_itself(names: list[str]) -> PlaitError:
    """What a set-up raises that, at the end of this chain of calls, waits for itself."""
    return _fault(f"{names[-1]} needs itself to be set up: {' -> '.join(names)}")


def misses_its_yield(name: str, how: str) -> PlaitError:
    """What comes of a generator function that does not yield exactly once."""
    return _fault(f"{name} {how}; it must yield its value once and tear it down after that")


def _fault(text: str) -> PlaitError:
    from plait._core.errors import PlaitError  # brings concurrent.futures along: only when it is needed

    return PlaitError(text)
