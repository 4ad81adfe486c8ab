"""Worker: one thread of a run, which pulls batches and runs them; its function asks it through ``plait.current()``."""

from __future__ import annotations

import threading
import time
from _collections_abc import Iterator

from plait._core.batch import Batch
from plait._core.cancelling import current_block
from plait._core.current import current_task
from plait._core.errors import StopTask
from plait._core.green import own_clock
from plait._core.mishaps import Announced
from plait._engines import forked
from plait._engines.crew import Crew
from plait._engines.halting import Seat
from plait._engines.line_output import LineThread
from plait._engines.loops import keep_failure, run_plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Context

    from plait._engines.halting import WorkerThread


class Worker(Seat):
    """A worker that has not been started; ``thread.start()`` does."""

    __slots__ = ("_crew", "job")

    def __init__(self, crew: Crew, number: int) -> None:
        super().__init__(f"thread-{number}")
        self._crew = crew
        self.job = crew.job
        self.thread = self._thread(number, crew.job.context.copy())

    def _thread(self, number: int, context: Context) -> WorkerThread:
        return LineThread(target=lambda: context.run(self._work), name=f"plait-thread-{number}")

    # --- what the running function may ask

    @property
    def cancelled(self) -> bool:
        return (self.alarm is not None or self.abandoned or self._crew.unwanted) and not self.tears_down

    @property
    def siblings(self) -> int:
        """How many tasks share the machine with this one, itself included."""
        return self._crew.siblings

    # --- the thread

    def _work(self) -> None:
        crew = self._crew
        self.clock_id = own_clock()  # without one growth goes by lateness alone
        self.thread_id = threading.get_ident()
        crew.job.tally.threads[self.name] = threading.get_native_id()
        current_task.set(self)
        while True:
            try:
                self._serve()
                self.quiet(leave=True)
                break
            except StopTask:
                continue  # it arrived just outside of the function: the run is stopping, so `_serve` returns at once
            except BaseException as error:
                self.quiet(leave=True)
                crew.fail(error)
                break
        self._part()
        crew.left(self)

    def _part(self) -> None:
        """Tear down what the functions have set up in this thread."""
        self.batch = None
        current_block.set(None)  # what ends the block around the map has ended the items; this has its own time
        if self.abandoned:  # the run is over, or will be: nobody reads its tally
            with Announced() as announced:
                self.end_state(announced.note)
        else:
            self.end_state(self._crew.job.tally.note)
        if self.thread.unfinished:
            self.thread.end_lines()

    def _serve(self) -> None:
        crew = self._crew
        while (batch := crew.next_batch(self)) is not None:
            self._run(batch)
            if self.abandoned:
                return
            if self.thread.unfinished:
                self.thread.end_lines()
            crew.finish(self, batch)

    def _run(self, batch: Batch) -> None:
        """Run what nobody else takes of the batch; when the run is stopped, a part of it."""
        crew = self._crew
        values = batch.values
        items = len(batch.items)
        loop = self._measured if crew.measured else self._plain
        batch.worker = self.name
        batch.started = time.perf_counter()
        try:
            while self.portion is not None:
                try:
                    self._enter()
                    loop(batch, self.portion.iterator)
                    if self._crew.forked:
                        forked.leave(batch.failures.get(len(batch.values) - 1))
                    if self.alarm is not None:
                        self._heed(batch)
                except StopTask:
                    if crew.unwanted or self.abandoned:
                        raise
                    self._heed(batch)  # it arrived while the end of its item was being noted
                    continue
                if len(values) == items:
                    break
                self.quiet(leave=True)  # nothing may arrive while the lock is held
                with crew.lock:  # somebody took the rest: how much is left is known once the lock is free
                    items = len(batch.items)
                    self.portion = crew.portion(batch.items[len(values) :]) if len(values) < items else None
                    if crew.unwanted:  # or the rest was called off
                        self.portion = None
        except StopTask:
            self.began = 0.0
        self.quiet(leave=True)
        batch.ended = time.perf_counter()

    def _enter(self) -> None:
        """From here on the user's code runs, and an exception may be injected."""
        with self.door:
            self.inside = not self._crew.stopping
        if not self.inside:
            raise StopTask("the run is being stopped")

    def _plain(self, batch: Batch, iterator: Iterator[object]) -> None:
        while True:
            try:
                run_plain(self._crew.job.fn, iterator, batch, (StopTask,))
                return
            except StopTask as error:
                if self._crew.unwanted or self.alarm is not None:
                    raise
                keep_failure(batch, error)  # the function raised it by itself

    def _measured(self, batch: Batch, iterator: Iterator[object]) -> None:
        """As `_plain`, and note when each item began and ended, and keep its timeout."""
        fn = self._crew.job.fn
        clock = time.perf_counter
        values, spans = batch.values, batch.spans
        began = 0.0
        while True:
            try:
                for item in iterator:
                    self.began = began = clock()
                    value = fn(item)
                    self.began = 0.0
                    values.append(value)
                    spans.append((began, clock()))
                    if self.alarm is not None:
                        self._heed(batch)
                return
            except BaseException as error:
                self.began = 0.0
                if isinstance(error, StopTask) and (self._crew.unwanted or self.abandoned):
                    raise
                if self.alarm is not None:
                    self._heed(batch)
                    continue
                keep_failure(batch, error)
                spans.append((began, clock()))

    def _heed(self, batch: Batch) -> None:
        """The item of the alarm has ended somehow, too late: its outcome is that of the alarm."""
        alarm = self.quiet(leave=True)
        if self.abandoned:
            raise StopTask("the item was given up, its outcome is known")
        if alarm is None:
            self._enter()
            return
        offset = alarm.offset
        error = alarm.error(batch, self.name)
        with self._crew.lock:  # the driver may be about to deliver a part of the batch
            del batch.values[offset:], batch.spans[offset:]
            batch.failures[offset] = error
            batch.values.append(None)
            if self._crew.measured:
                batch.spans.append((alarm.began, time.perf_counter()))
        self._enter()
