"""The asyncio event loop under control: which task goes next is the scheduler's choice, and its clock is virtual.

A task is a thread of control of its own that shares the baton of the thread of its loop. At each turn of the loop the
scheduler chooses among the tasks that can go on and all other threads. A task that begins or was woken may go before
other tasks; but tasks begin in the order in which they were made, and after ``sleep(0)``, and for plain callbacks, the
order of the queue is kept, as asyncio promises.
"""

from __future__ import annotations

import asyncio
import gc
import heapq
import inspect
import re
import selectors
import signal
import sys
import weakref
from asyncio import events
from contextvars import Context
from threading import get_ident
from typing import TYPE_CHECKING, Any

from plait._check.controlled import Abort, Call, Controlled, Gate
from plait._check.diagnosis import uncaught
from plait._check.record import Frame, Remark
from plait._check.remarks import COLLECTED, foreign, suspended
from plait._check.stage import STAGE
from plait._check.stand_in.futures import Future, Task
from plait._check.system_calls import watched
from plait._check.timed import TURN, select_now
from plait._core.event import Event, Kind, Site

if TYPE_CHECKING:
    from plait._check.execution import Execution

_BEGINS = 1000.0  # what the clock of a loop says at the beginning, as `monotonic` does
_COLLECTIONS = 4  # of garbage in one loop
_ORIGIN = 4  # frames that a coroutine remembers of those that made it
_SOON = 1e-9  # timers so near are due


class StandInLoop(asyncio.SelectorEventLoop):
    """An event loop whose turns are choices of the execution."""

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        super().__init__(selector)
        self._gate = Gate()
        self._tasks: dict[int, Controlled] = {}  # by identity: nothing here may keep a task alive
        self._begun: set[Controlled] = set()
        self._collections = _COLLECTIONS
        self._from_threads: dict[events.Handle, Site | None] = {}
        self._handed: Site | None = None  # where the callback that runs was handed over, by another thread
        self._handled: set[int] = set()
        self._place = -1
        self._files = "an event loop waited for files or sockets"
        execution = STAGE.execution
        if execution is not None:
            self._place = execution.places.new("event loop", execution.sites.here(2))

    def time(self) -> float:
        execution = STAGE.execution
        return super().time() if execution is None else _BEGINS + execution.now

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        """As `loop.create_task`: a task is a thread of control, and its start an event."""
        execution = STAGE.execution
        me = None if execution is None else execution.here()
        if execution is None or me is None:
            return super().create_task(coro, **options)
        site = execution.sites.here()
        number = sum(1 for thread in execution.threads if thread.kind == "task") + 1
        name = options.get("name") or f"Task-{number} ({getattr(coro, '__qualname__', type(coro).__name__)})"
        control = execution.add(str(name), me, site)
        control.kind = "task"
        execution.step(Kind.START, control.number, "", site)
        may_begin = options.get("eager_start") or self.get_task_factory() is not None
        if may_begin:  # while it is made: who makes it goes on when it has been suspended, or is over
            self._lend(execution, me, control)
        task: asyncio.Task[Any] | None = None
        try:
            if self.get_task_factory() is None:
                self._check_closed()  # type: ignore[attr-defined]  # as the base class does
                task = Task(coro, loop=self, **options)
            else:
                task = super().create_task(coro, **options)
            self._tasks[id(task)] = control
            control.task_ref = weakref.ref(task)
            if inspect.iscoroutine(coro) and inspect.getcoroutinestate(coro) != inspect.CORO_CREATED:
                self._begun.add(control)
        finally:
            if may_begin and not execution.aborting:
                self._suspended(execution, me, control)
        return task

    def _lend(self, execution: Execution, me: Controlled, control: Controlled) -> None:
        """The task has the place of the one who makes it."""
        control.baton, control.ident, control.native = me.baton, me.ident, me.native
        execution.unready(me)
        execution.make_ready(control)
        execution.running = execution.by_ident[me.ident] = control

    def create_future(self) -> asyncio.Future[Any]:
        """As `loop.create_future`."""
        return Future(loop=self)

    def call_soon_threadsafe(  # type: ignore[override]  # any callback
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> events.Handle:
        """As `loop.call_soon_threadsafe`: an event, which happens before the callback."""
        execution, site = STAGE.execution, None
        me = None if execution is None or execution.aborting else execution.here()
        if execution is not None and me is not None:
            site = execution.sites.here()
            execution.wait(me, execution.always, Event(me.number, Kind.RELEASE, self._place, "", site))
            execution.note(me, Kind.RELEASE, self._place, "", site)
        handle = super().call_soon_threadsafe(callback, *args, context=context)
        self._from_threads[handle] = site
        return handle

    def call_soon(  # type: ignore[override]  # any callback
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> events.Handle:
        """As `loop.call_soon`: noted when the thread of the loop is another one."""
        self._from_elsewhere()
        return super().call_soon(callback, *args, context=context)

    def call_at(  # type: ignore[override]  # any callback
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As `loop.call_at`: noted when the thread of the loop is another one."""
        self._from_elsewhere()
        return super().call_at(when, callback, *args, context=context)

    def stop(self) -> None:
        """As `loop.stop`: noted when the thread of the loop is another one."""
        self._from_elsewhere()
        super().stop()

    def _from_elsewhere(self) -> None:
        execution = STAGE.execution
        host: int | None = self._thread_id  # type: ignore[attr-defined]  # of the base class
        if execution is None or host is None or host == get_ident() or execution.aborting:
            return
        me = execution.here()
        if me is not None:
            foreign(execution, me)

    def run_forever(self) -> None:
        """As `loop.run_forever`; coroutines remember where they were made."""
        depth = sys.get_coroutine_origin_tracking_depth()
        sys.set_coroutine_origin_tracking_depth(max(depth, _ORIGIN))
        try:
            super().run_forever()
        finally:
            sys.set_coroutine_origin_tracking_depth(depth)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """As `loop.call_exception_handler`; a task that is taken away while it waits is a failure.

        So is an exception of a callback, which asyncio only writes to the log, unless the program has a handler. Not so
        the CancelledError that servers of asyncio (3.11, 3.12.1) run into when the task of a connection is cancelled.
        """
        execution = STAGE.execution
        if execution is None or execution.aborting:  # nobody is there any more who could be told
            return
        error, me = context.get("exception"), execution.here()
        handled = self.get_exception_handler() is not None or _is_of_asyncio(error, context)
        if error is not None and "handle" in context and me is not None and not handled:
            failure, site = uncaught(execution, me, error), self._handed
            if site is not None and not any(frame.mine for frame in failure.stack):  # then that one is
                failure = failure._replace(stack=(*failure.stack, Frame(site.file, site.line, site.function, True)))
            execution.fail(failure)
            raise Abort
        if error is not None and "never retrieved" in context.get("message", "") and not handled:
            keeper = context.get("future")
            owner = next((one for one in execution.threads if one.kind == "task" and one.task is keeper), me)
            if owner is not None:
                execution.unasked.log(owner, error, "task" if isinstance(keeper, asyncio.Task) else "asyncio future")
        control = self._tasks.get(id(context.get("task")))
        if control is None or "destroyed" not in context.get("message", ""):
            super().call_exception_handler(context)
            return
        if control not in execution.threads:  # garbage of an earlier execution
            return
        execution.remarks.add(Remark(COLLECTED, control.number, control.name, control.started))
        self._over(execution, control, id(context["task"]))

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:  # type: ignore[override]  # any callback
        """As `loop.add_signal_handler`; the only signals are those that the program sends itself."""
        signal.signal(sig, lambda *_: self.call_soon_threadsafe(callback, *args))
        self._handled.add(sig)

    def remove_signal_handler(self, sig: int) -> bool:
        """As `loop.remove_signal_handler`."""
        if sig not in self._handled:
            return False
        self._handled.remove(sig)
        signal.signal(sig, signal.default_int_handler if sig == signal.SIGINT else signal.SIG_DFL)
        return True

    def _make_self_pipe(self) -> None:
        self._internal_fds += 1  # type: ignore[attr-defined]  # as the original does; `_write_to_self` needs no pipe

    def _close_self_pipe(self) -> None:
        self._internal_fds -= 1  # type: ignore[attr-defined]  # as the original does

    def _write_to_self(self) -> None:
        execution = STAGE.execution
        if execution is not None and not execution.aborting:
            execution.open(self._gate)

    def _run_once(self) -> None:
        execution = STAGE.execution
        host = None if execution is None else execution.here()
        if execution is None or host is None:
            raise RuntimeError("an event loop that was made within a check cannot go on after it")
        self._look_at_files(execution)
        self._timers_due()
        if not self._ready and not self._stopping:  # type: ignore[attr-defined]  # of the base class
            self._collect(execution)
            self._wait(execution, host)
            self._timers_due()
        if self._ready:  # type: ignore[attr-defined]  # of the base class
            self._turn(execution, host)

    def _timers_due(self) -> None:
        scheduled: list[events.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # of the base class
        end = self.time() + _SOON
        while scheduled and (scheduled[0].cancelled() or scheduled[0].when() <= end):
            timer = heapq.heappop(scheduled)
            timer._scheduled = False  # type: ignore[attr-defined]  # as the base class does
            if timer.cancelled():
                self._timer_cancelled_count: int = max(0, self._timer_cancelled_count - 1)
            else:
                self._ready.append(timer)  # type: ignore[attr-defined]  # of the base class

    def _wait(self, execution: Execution, host: Controlled) -> None:
        """Until somebody has something for the loop to do, or the next timer is due."""
        scheduled: list[events.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # of the base class
        seconds = scheduled[0].when() - self.time() if scheduled else None
        self._gate.is_open = False
        host.pending = pending = Event(host.number, Kind.WAIT, self._place, "", execution.sites.here())
        if self._selector.get_map():  # type: ignore[attr-defined]  # of the base class
            self._wait_outside(execution, host, seconds)
        else:
            execution.wait(host, self._gate, pending, seconds)
        execution.note(host, Kind.WAIT, self._place, "", pending.site)

    def _collect(self, execution: Execution) -> None:
        """What nobody holds may be taken away at any moment, and is while all tasks wait: only the first few times."""
        if self._tasks and self._collections:
            self._collections -= 1
            execution.places.sweep(len(execution.events))
            gc.collect(1)  # what an execution has made is young: there is no collection during a search but this

    def _wait_outside(self, execution: Execution, host: Controlled, seconds: float | None) -> None:
        selector: selectors.BaseSelector = self._selector  # type: ignore[attr-defined]  # of the base class
        end = None if seconds is None else execution.now + seconds
        host.call = Call(0, lambda: [] if self._gate.is_open else watched(selector), end)
        execution.let_go(host, self._files)
        found: Any = ()
        try:
            while not (found or self._gate.is_open or execution.aborting):
                found = select_now(selector, TURN)
                if end is not None and execution.now >= end:
                    break
        finally:
            execution.come_back(host)
        self._process_events(found)  # type: ignore[attr-defined]  # of the base class

    def _look_at_files(self, execution: Execution) -> None:
        """What comes through files and sockets is outside our control, whether the loop waits for it or not."""
        if self._selector.get_map():  # type: ignore[attr-defined]  # of the base class
            execution.tell_outside(self._files)
            self._process_events(select_now(self._selector, 0))  # type: ignore[attr-defined]  # of the base class

    def _turn(self, execution: Execution, host: Controlled) -> None:
        """One callback: the scheduler chooses whose."""
        candidates = self._candidates(host)
        if not candidates:
            return
        host.pending = Event(host.number, Kind.PAUSE, -1, "", None)
        for control in candidates:
            control.baton, control.ident, control.native = host.baton, host.ident, host.native
            execution.make_ready(control)
        if host not in candidates:
            execution.unready(host)
        if len(execution.ready) > 1 or execution.returned:
            execution.pass_on(host)
            chosen = execution.running
        else:
            chosen = execution.ready[0]
        for control in candidates:
            if control is not chosen:
                execution.unready(control)
        self._perform(execution, host, chosen, candidates[chosen])

    def _candidates(self, host: Controlled) -> dict[Controlled, events.Handle]:
        """Whose callback may come next: the first of the queue, and tasks that have not begun or were woken."""
        found: dict[Controlled, events.Handle] = {}
        begins = False
        ready = self._ready  # type: ignore[attr-defined]  # of the base class
        while ready and ready[0].cancelled():
            ready.popleft()
        for position, handle in enumerate(ready):
            task = getattr(handle._callback, "__self__", None)
            control = self._tasks.get(id(task)) if isinstance(task, asyncio.Task) else None
            if control is None:  # callbacks keep their place: transports rely on what was called before
                return found or {host: handle}
            in_order = control in self._begun and "Step" in type(handle._callback).__name__
            if control not in self._begun:
                if begins:
                    continue
                begins = True
            if (position == 0 or not in_order) and control not in found and not handle.cancelled():
                found[control] = handle
        return found

    def _perform(self, execution: Execution, host: Controlled, me: Controlled, handle: events.Handle) -> None:
        self._ready.remove(handle)  # type: ignore[attr-defined]  # of the base class
        execution.note(host, Kind.PAUSE, -1, "", None)
        execution.running = me
        execution.by_ident[host.ident] = me
        is_handed, self._handed = handle in self._from_threads, self._from_threads.pop(handle, None)
        if is_handed:
            execution.note(me, Kind.ACQUIRE, self._place, "", None)
        if me is not host:
            if me not in self._begun:
                _take_name(me)
            self._begun.add(me)
        try:
            handle._run()
        finally:
            if not execution.aborting:
                self._suspended(execution, host, me)

    def _suspended(self, execution: Execution, host: Controlled, me: Controlled) -> None:
        """The callback is over: the task waits for its next turn, or has ended."""
        execution.running = host
        execution.by_ident[host.ident] = host
        if me is host:
            return
        execution.unready(me)
        execution.make_ready(host)
        task = me.task
        if task is None or task.done():
            if not me.done:
                self._over(execution, me, id(task))
        else:
            me.pending = Event(me.number, Kind.WAIT, self._place, "", None)
            if me.held:
                suspended(execution, me)

    def _over(self, execution: Execution, me: Controlled, task: int) -> None:
        execution.note(me, Kind.END, me.number, "", None)
        me.pending = None
        me.done = True
        me.ident = -1
        self._begun.discard(me)
        self._tasks.pop(task, None)
        execution.open(me.ended)


def _is_of_asyncio(error: object, context: dict[str, Any]) -> bool:
    """Whether a callback of asyncio's own has met a cancellation that it did not expect."""
    callback = getattr(context.get("handle"), "_callback", None)
    return isinstance(error, asyncio.CancelledError) and getattr(callback, "__module__", "").startswith("asyncio.")


def _take_name(me: Controlled) -> None:
    """Before Python 3.12 the name that a program gives to a task is set after that is made."""
    name = me.task.get_name() if me.task is not None else ""
    if name and not re.fullmatch(r"Task-\d+", name):
        me.name = name


def prepare() -> None:
    """What asyncio does once in a process is done now, so that the first execution is like the others."""
    make = getattr(events, "_get_event_loop_policy", None) or asyncio.get_event_loop_policy  # before Python 3.14
    make()
    if events._get_running_loop() is None:
        asyncio.run(_nothing())


async def _nothing() -> None:
    """Is over at once."""


def new_event_loop() -> asyncio.AbstractEventLoop:
    """As `asyncio.new_event_loop`: one under control while a program is checked."""
    execution = STAGE.execution
    if execution is None or execution.here() is None:
        return _real_new_event_loop()
    return StandInLoop()


_real_new_event_loop = asyncio.new_event_loop
