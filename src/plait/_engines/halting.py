"""Seat: what a driver and a worker's thread share, so that an exception can be injected into the user's function.

How it gets into the function and never into the engine, nor into the wrong item:

1. The driver injects ``StopTask`` only while it holds `door` and sees `inside`; at most one is pending at a time.
2. The worker leaves the user's code through `quiet`, which takes `door` and takes back what is still pending. Whatever
   arrives before that arrives inside a ``try`` that ends in `quiet` again, so after `quiet` nothing can arrive.
3. A timeout is for one item. The driver sets `alarm`, then looks whether that item still runs: the worker clears
   `began` before it appends the value and looks at `alarm` after it, so an alarm that stood that test cannot miss its
   item. Injection comes later, while the same alarm stands, which only `quiet` takes down.
4. So is a revocation. The driver makes the item the last of its batch, under the crew's lock, without which the worker
   gets no other batch; an alarm set while its value is missing, and still missing afterwards, is met by nobody else.
"""

from __future__ import annotations

import sys
import threading
import time

from plait._core.batch import Batch
from plait._core.errors import Cancelled, StopTask, TaskTimeout
from plait._core.interrupts import is_outside
from plait._core.job import Running
from plait._engines.batch_task import BatchTask
from plait._engines.core_wait import core_use, is_runnable
from plait._engines.injection import inject, take_back
from plait._engines.stealing import Portion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import TypeAlias

    from plait._engines.executors.borrowed import BorrowedThread
    from plait._engines.line_output import LineThread

    WorkerThread: TypeAlias = LineThread | BorrowedThread

ROUNDS = 6  # how often a thread that is kept waiting for a core is given the time for a step once more
_KEPT_WAITING = 0.03  # seconds without a core in such a step that make it one
_IN_VAIN = 10  # or so many turns on a core, all short: who waits for the GIL wakes every 5 ms to ask for it
_SHORT = 0.001  # seconds
_LATE = 0.004  # seconds after which somebody who waits for the GIL knows that others want it, too


class Alarm:
    """The item at `offset` of a batch, which began at `began`, is not to go on since `raised`; `due` is the next step.

    The exception has until `last`, and for so many `looks` of the driver, to get the function out of its code.
    `late` is the longest time by which a look came late. `making` is what a ``per_worker`` function was setting up when
    it was raised. `timeout` is the seconds it had, or None when it was revoked.
    """

    __slots__ = ("began", "due", "last", "late", "looks", "making", "offset", "raised", "rounds", "timeout")

    def __init__(self, offset: int, began: float, raised: float, timeout: float | None, making: str = "") -> None:
        self.offset = offset
        self.began = began
        self.raised = raised
        self.due = raised
        self.last = 0.0
        self.looks = 0
        self.late = 0.0
        self.rounds = ROUNDS
        self.timeout = timeout
        self.making = making

    def error(self, batch: Batch, worker: str, note: str = "") -> TaskTimeout | Cancelled:
        """The outcome of the item."""
        from plait._core.outcome import brief  # pulls in dataclasses, which most runs do not need here

        item = f"item {batch.base + self.offset}, {brief(batch.items[self.offset])},"
        where = f"{worker} in the set-up of {self.making}" if self.making else worker
        if self.timeout is None:
            return Cancelled(f"{item} was cancelled while it ran on {where}{note}")
        return TaskTimeout(f"{item} ran longer than timeout={self.timeout} s on {where}{note}")


class Seat(BatchTask):
    """The state of one worker. The worker's thread writes each attribute, unless it says otherwise.

    Attributes:
        thread: the thread itself; the driver's.
        portion: the items of that batch which nobody has taken yet; written under the crew's lock.
        released: how many values of that batch have been delivered before its end; written under the crew's lock.
        resting: whether it is to run nothing for now; written under the crew's lock.
        inside: whether it may be in the user's code; written under `door`.
        injected: whether a StopTask was injected and not taken back; written under `door`.
        alarm: the item that is timed out or revoked; set by the driver, taken down by `quiet`, both under `door`.
        abandoned: nobody waits for it any more and its results are dropped; set by the driver under `door`.
        clock_id: the clock of its CPU time, or None.
        cpu: its CPU time when the driver last looked; the driver's.
        core_use: what it had got of a core when the driver last looked, and when that was; the driver's.
    """

    __slots__ = (
        "abandoned",
        "alarm",
        "batch",
        "began",
        "clock_id",
        "core_use",
        "cpu",
        "door",
        "injected",
        "inside",
        "name",
        "portion",
        "released",
        "resting",
        "thread",
    )

    thread: WorkerThread

    def __init__(self, name: str) -> None:
        self.name = name
        self.batch: Batch | None = None
        self.portion: Portion | None = None
        self.released = 0
        self.resting = False
        self.began = 0.0
        self.door = threading.RLock()
        self.inside = False
        self.injected = False
        self.alarm: Alarm | None = None
        self.abandoned = False
        self.clock_id: int | None = None
        self.cpu = 0.0
        self.core_use = (0.0, 0.0, 0, 0.0)

    # --- the worker's side

    def quiet(self, *, leave: bool = False) -> Alarm | None:
        """Take back what was injected and has not arrived; nothing arrives afterwards. Returns and ends the alarm."""
        while True:
            try:
                with self.door:
                    if self.injected:
                        take_back()
                        self.injected = False
                    if leave:
                        self.inside = False
                    alarm, self.alarm = self.alarm, None
                return alarm
            except StopTask:
                try:
                    self.door.release()  # it may have arrived between taking the lock and entering the block
                except RuntimeError:
                    continue

    # --- the driver's side

    def raise_alarm(self, timeout: float, now: float) -> Alarm | None:
        """Tell the function that its item is over its time; None when the item ended at this moment."""
        with self.door:
            batch, began = self.batch, self.began
            if batch is None or not began or now - began < timeout or self.alarm is not None:
                return None
            alarm = self.alarm = Alarm(len(batch.values), began, now, timeout, self.making)
            if self.began != began or len(batch.values) != alarm.offset:
                self.alarm = None
                return None
            return alarm

    def revoke(self, batch: Batch, offset: int, now: float) -> Alarm | None:
        """Tell the function that its item is not wanted; None when it has ended. The crew's lock is held, see 4."""
        with self.door:
            if self.alarm is not None or len(batch.values) != offset:
                return None
            alarm = self.alarm = Alarm(offset, self.began or batch.started or now, now, None, self.making)
            if len(batch.values) != offset:
                self.alarm = None
                return None
            return alarm

    def inject(self, alarm: Alarm | None = None) -> None:
        """Raise StopTask in the function at its next bytecode, if it is in there (and if `alarm` still stands).

        Not now when it would do harm where the thread is: call again a moment later; only one is ever pending.
        """
        with self.door:
            wanted = self.inside and not self.injected and (alarm is None or self.alarm is alarm)
            if wanted and interruptible(self.thread):
                self.injected = inject(self.thread.ident or 0, StopTask)

    def abandon(self, alarm: Alarm | None = None) -> bool:
        """Stop waiting for the function; False when it has ended already (or `alarm` no longer stands)."""
        with self.door:
            if not self.inside or (alarm is not None and self.alarm is not alarm):
                return False
            self.abandoned = True
            return True

    def running(self, now: float) -> Running | None:
        """What it is running, as far as one can see from another thread."""
        batch = self.batch
        if batch is None or not self.inside:
            return None
        items, offset = batch.items, len(batch.values)
        if offset >= len(items):
            return None
        return Running(batch.base + offset, items[offset], self.name, now - (self.began or batch.started))

    def cpu_spent(self) -> float:
        """CPU seconds of its thread since the last call; 0.0 where nobody can tell."""
        if self.clock_id is None:
            return 0.0
        try:
            cpu = time.clock_gettime(self.clock_id)
        except OSError:  # the thread has ended
            return 0.0
        spent, self.cpu = cpu - self.cpu, cpu
        return spent

    def is_sheltered(self) -> bool:
        """Whether it is in code of ours that ends by itself because it has been told to stop."""
        return _sheltered(sys._current_frames().get(self.thread.ident or 0))

    def kept_waiting(self, late: float = 0.0) -> bool:
        """Whether its thread has had no fair chance to run since the last call: others had the cores, or the GIL.

        `late` is how long the driver, which needs the GIL as well, has once waited for it meanwhile.
        """
        thread = self.thread.native_id
        before, self.core_use = self.core_use, (*core_use(thread), time.perf_counter())
        ran, waited, turns, elapsed = (now - then for now, then in zip(self.core_use, before, strict=True))
        if turns <= 1 and elapsed - ran > _KEPT_WAITING and is_runnable(thread):
            return True  # it still waits, which the system counts when that has ended
        in_vain = late > _LATE and turns >= _IN_VAIN and ran < turns * _SHORT
        return waited > _KEPT_WAITING or in_vain


def _sheltered(frame: FrameType | None) -> bool:
    """Whether the code there must not see the exception, and ends by itself because it has been told to stop.

    That is code of ours, right beneath the user's, of a module that says ``UNINTERRUPTIBLE``, or what that calls of the
    standard library to wait, or to start and end a process.
    """
    while frame is not None and not is_outside(frame.f_code):
        package, _, _ = frame.f_globals.get("__name__", "").partition(".")
        if package != "plait" and package not in sys.stdlib_module_names:
            return False
        if package == "plait" and "UNINTERRUPTIBLE" in frame.f_globals:
            return True
        frame = frame.f_back
    return False


def in_loop_machinery(frame: FrameType | None) -> bool:
    """Whether asyncio's own code runs there, or what it calls; a loop's wait for something to do is none of it."""
    while frame is not None:
        package, _, _ = frame.f_globals.get("__name__", "").partition(".")
        if package == "asyncio":
            return True
        if package == "selectors" and frame.f_code.co_name == "select":
            return False
        if package not in sys.stdlib_module_names and not package.startswith("namedtuple_"):
            return False
        frame = frame.f_back
    return False


def interruptible(thread: WorkerThread | threading.Thread) -> bool:
    """Whether an exception may arrive where the thread is.

    In an import it could leave a lock of the import system locked for ever. In ``Thread.start`` CPython 3.11 would give
    it to the new thread, whose state bears the identity of its creator until it runs. In asyncio's own code a loop
    could lose what is to wake a task, and wait for ever, or stay open with its descriptors.
    """
    frame = sys._current_frames().get(thread.ident or 0)
    if _sheltered(frame) or in_loop_machinery(frame):
        return False
    while frame is not None:
        code = frame.f_code
        if code is threading.Thread.start.__code__ or code.co_filename.startswith("<frozen importlib"):
            return False
        frame = frame.f_back
    return True
