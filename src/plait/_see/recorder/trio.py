"""What the tasks of trio do, as `tasks` has it of asyncio's; those of anyio on trio are trio's.

Trio tells an instrument of each step. It is given to every run that begins while the recorder is installed, and to the
one of the thread that installs it.
"""

from __future__ import annotations

import _thread
import os
import sys
from types import CodeType, FrameType
from typing import Any

from plait._core.awaits import awaited_frames
from plait._core.once_imported import forget, once_imported
from plait._core.trace import State
from plait._see.recorder.steps import Step, Steps, called, thing_of
from plait._see.replaced import Replaced
from plait._see.sampler.samples import now
from plait._see.whereabouts import both, is_installed

_RUN = "trio._core._run"  # the module that has the event loop
_WHOSE = "plait.trace of trio"
_SYSTEM = os.path.join("trio", "_core") + os.sep  # whose functions are tasks of trio's own
_BESIDE = "trio.to_thread.run_sync"
_AWAITED = {  # functions of trio's and anyio's
    "Lock.acquire": State.LOCK,
    "_LockImpl.acquire": State.LOCK,
    "Semaphore.acquire": State.SEMAPHORE,
    "CapacityLimiter.acquire_on_behalf_of": State.SEMAPHORE,
    "Condition.wait": State.CONDITION,
    "Event.wait": State.EVENT,
    "MemoryReceiveChannel.receive": State.QUEUE,
    "MemorySendChannel.send": State.QUEUE,
    "MemoryObjectReceiveStream.receive": State.QUEUE,
    "MemoryObjectSendStream.send": State.QUEUE,
    "sleep": State.SLEEP,
    "sleep_until": State.SLEEP,
    "sleep_forever": State.SLEEP,
    "to_thread_run_sync": State.FUTURE,
    "Process.wait": State.CHILD,
    "SocketStream.receive_some": State.SOCKET,
    "SocketStream.send_all": State.SOCKET,
    "FdStream.receive_some": State.SOCKET,
    "FdStream.send_all": State.SOCKET,
    "_SocketType.accept": State.SOCKET,
    "_SocketType.connect": State.SOCKET,
}


class TrioRecorder:
    """Notes the steps of trio's tasks between `install` and `remove`."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._replaced = Replaced()
        self._module: Any = None
        self._instrument: _Instrument | None = None

    def install(self) -> None:
        """Begin, now or when trio is imported."""
        once_imported(_RUN, self._begin, _WHOSE)

    def remove(self) -> None:
        """End. A run that goes on in another thread keeps an instrument that notes nothing any more."""
        forget(_WHOSE)
        if self._instrument is None:
            return
        self._replaced.put_back()
        self._instrument.steps = None
        runner = getattr(self._module.GLOBAL_RUN_CONTEXT, "runner", None)
        if runner is not None and self._instrument in runner.instruments.get("_all", ()):
            runner.instruments.remove_instrument(self._instrument)

    def _begin(self) -> None:
        module: Any = sys.modules[_RUN]
        if not hasattr(module, "setup_runner") or not hasattr(module, "unrolled_run"):
            return  # trio of another kind
        instrument = _Instrument(self._steps, module.unrolled_run.__code__)
        self._module, self._instrument = module, instrument
        self._steps.library += (os.path.dirname(os.path.dirname(module.__file__)) + os.sep,)
        original = module.setup_runner

        def setup_runner(clock: Any, instruments: Any, *rest: Any, **options: Any) -> Any:
            return original(clock, [*instruments, instrument], *rest, **options)

        self._replaced.put(module, "setup_runner", setup_runner)
        runner = getattr(module.GLOBAL_RUN_CONTEXT, "runner", None)
        if runner is not None:
            runner.instruments.add_instrument(instrument)


class _Instrument:
    """What trio calls; `steps` is None when nothing is to be noted any more."""

    def __init__(self, steps: Steps, below: CodeType) -> None:
        self.steps: Steps | None = steps
        self._below = below
        self._ready: dict[int, int] = {}  # since when a task could go on, by where it is in memory
        self._began: dict[int, int] = {}  # by thread
        self._ended: set[int] = set()

    def after_run(self) -> None:
        if self.steps is not None:
            self.steps.leaves_loop()

    def task_scheduled(self, task: Any) -> None:
        if self.steps is not None:
            self._ready[id(task)] = now()

    def task_exited(self, task: Any) -> None:
        self._ended.add(id(task))

    def before_task_step(self, task: Any) -> None:
        if self.steps is not None and _SYSTEM not in task.coro.cr_code.co_filename:
            self._began[_thread.get_ident()] = began = now()
            self._ready.setdefault(id(task), began)
            self.steps.begins(began, self._below, _BESIDE)

    def after_task_step(self, task: Any) -> None:
        began = self._began.pop(_thread.get_ident(), None)
        if self.steps is None or began is None:
            return
        name = _name_of(task)
        ended = self.steps.ends(began, name, _BESIDE)
        number, ready = self.steps.number(task, name), min(began, self._ready.pop(id(task), began))
        held = (0, 0)
        if id(task) in self._ended:
            self._ended.discard(id(task))
            self.steps.forget(task)
            after, awaits, where = State.ABSENT, "", ""
        else:
            after, awaits, where, lock = _awaited(task)
            owner = getattr(lock, "_owner", None)
            if lock is not None and owner is not None:
                held = self.steps.number(owner, _name_of(owner)), id(lock)
        step = Step(number, _thread.get_native_id(), ready, began, ended, after, awaits, where, *held)
        self.steps.steps.append(step)


def _name_of(task: Any) -> str:
    """The function that it runs: trio names tasks by module and function."""
    name = str(task.name)
    return name.rpartition("<locals>.")[2].rpartition(".")[2] or name


def _awaited(task: Any) -> tuple[State, str, str, object]:
    """What a task waits for: its state, in words, the line of the program that awaits it, and a lock that it is."""
    own: FrameType | None = None
    deep: FrameType | None = None
    inner: FrameType | None = None
    for frame in awaited_frames(task.coro):
        if not _is_loops(frame):
            deep, inner = frame, None
            own = own if is_installed(frame) else frame
        elif inner is None or inner.f_code.co_qualname not in _AWAITED:
            inner = frame
    where = both(own, deep)
    name = inner.f_code.co_qualname if inner is not None else ""
    if not name or name.endswith("checkpoint"):
        return State.READY, "its turn", where, None
    state = _AWAITED.get(name, State.FUTURE)
    thing = thing_of(state, inner)
    if thing is not None:
        return state, called(thing, deep), where, thing if state is State.LOCK else None
    return state, name if name in _AWAITED else "other tasks" if name.startswith("Nursery") else "a task", where, None


def _is_loops(frame: FrameType) -> bool:
    """Whether it is of trio, or of anyio, which awaits for the program what trio has."""
    file = frame.f_code.co_filename
    return any(f"{os.sep}{package}{os.sep}" in file for package in ("trio", "anyio")) and is_installed(frame)
