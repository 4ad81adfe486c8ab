"""ProcessEngine: items run in worker processes, fed by the consumer's own thread.

A worker that dies costs the item it was running. Nothing outlives the engine: workers end when their lifeline closes,
which the end of this process does as well, whatever ends it. `hosting` chooses how workers are started and reached.
"""

from __future__ import annotations

import threading
from _collections_abc import Generator, Sequence
from contextvars import ContextVar
from typing import Any

from plait._core import budget
from plait._core.batch import Batch
from plait._core.errors import UsageError
from plait._core.job import Job
from plait._core.mishaps import Announced
from plait._engines import hosting
from plait._engines.arena import Arena
from plait._engines.inherited import hold
from plait._engines.interface import Plan
from plait._engines.parting import Parting
from plait._engines.process_run import ProcessRun
from plait._engines.worker_process import WorkerProcess


class ProcessEngine:
    """Worker processes, kept warm between runs until `close`.

    Args:
        memory_bytes: the memory of its own a worker may use. A worker found above it after a batch is replaced; one
            that is above it by a quarter while it runs an item is killed, and the item fails with `MemoryExceeded`.
        context: context variables whose values, as of the call of map, the function sees in workers; the values must
            pickle. Others have their defaults there, since most hold things that belong to one process.
        portable: use only what every system has, also where there is something faster: on Linux, where the zygote or
            its way of passing descriptors is forbidden, and to try here what will happen on macOS. Elsewhere it
            changes nothing.

    Raises:
        UsageError: `memory_bytes` is not a positive number, or `context` holds something else.
    """

    name = "process"

    def __init__(
        self,
        *,
        memory_bytes: int | None = None,
        context: Sequence[ContextVar[Any]] = (),
        portable: bool = False,
    ) -> None:
        if memory_bytes is not None and not memory_bytes > 0:
            raise UsageError(f"memory_bytes={memory_bytes!r}: expected a number of bytes above 0, or None for no limit")
        for variable in context:
            if not isinstance(variable, ContextVar):
                raise UsageError(f"context={context!r}: expected context variables whose values the workers shall see")
        self.memory_bytes = memory_bytes
        self.context = tuple(context)
        self._lock = threading.Lock()
        self._idle: list[WorkerProcess] = []
        self.host = hosting.choose(portable=portable)
        self._launcher: hosting.Launcher | None = None
        self._arena: Arena | None = None
        self._inputs: hosting.Segment | None = None
        self._tokens = 0
        self._functions = 0
        hold(self)

    def plan(self, requested: int | None, items: int | None) -> Plan:
        if requested is not None:
            workers, reason = requested, "as asked for"
        else:
            cores = budget.available_cores(budget.WORKER_BYTES)
            workers, reason = cores.count, cores.reason
        if items is not None and items < workers:
            workers, reason = max(1, items), f"no more than items: {items}"
        return Plan(workers, f"{workers} processes: {reason}")

    def run(self, job: Job) -> Generator[Batch, None, None]:
        return ProcessRun(self, job).drive()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
            launcher, self._launcher = self._launcher, None
            arena, self._arena = self._arena, None
            inputs, self._inputs = self._inputs, None
        with Announced() as announced:
            try:
                if idle:
                    Parting(self.host.poll(), announced.note).end(idle)
            finally:
                for worker in idle:
                    worker.close()
                if launcher is not None:
                    launcher.close()
                if arena is not None:
                    arena.close()
                elif inputs is not None:
                    inputs.close()

    def __del__(self) -> None:
        if hasattr(self, "_idle"):
            self.close()

    def forget(self) -> None:
        """Start afresh in a forked child: the workers, the zygote and the arena are the parent's."""
        self._lock = threading.Lock()
        self._idle, self._launcher, self._arena = [], None, None
        if self._inputs is not None:
            self._inputs.close()
            self._inputs = None

    # --- for the runs

    def arena(self) -> Arena | None:
        """Where large inputs are placed, made when first needed; None when shared memory is not to be had."""
        with self._lock:
            if self._inputs is None:
                self._inputs = self.host.arena()
                if self._inputs is not None:
                    try:
                        self._arena = Arena(self._inputs)
                    except (OSError, ValueError):  # a limited address space: large buffers go through the pipes
                        self._arena = None
            return self._arena

    def next_function(self) -> int:
        """A number for a run's function, not used again soon."""
        with self._lock:
            self._functions = self._functions % 65000 + 1
            return self._functions

    def prepare(self, workers: int) -> hosting.Launcher:
        """What starts workers, made if there is none; they know how many cores each of them may use."""
        with self._lock:
            if self._launcher is None or self._launcher.dead:
                if self._launcher is not None:
                    self._launcher.reap()
                share = max(1, budget.available_cores().count // workers)
                self._launcher = self.host.launcher(budget.worker_environment(share))
            return self._launcher

    def lease(self, launcher: hosting.Launcher) -> WorkerProcess:
        """An idle worker, or a new one, which may take its first batch at once."""
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    return worker
                worker.close()
            self._tokens += 1
            token = self._tokens
        return launcher.launch(token, self._inputs)

    def give_back(self, worker: WorkerProcess) -> None:
        """A worker with nothing to do, for the next run."""
        with self._lock:
            self._idle.append(worker)
