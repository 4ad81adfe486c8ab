"""ProcessEngine: items run in worker processes that are forked from a zygote, fed by the consumer's own thread.

A worker that dies costs the item it was running. Nothing outlives the engine: workers are killed by the kernel when
their lifeline closes, which the end of this process does as well, whatever ends it.
"""

from __future__ import annotations

import os
import threading
from _collections_abc import Generator, Sequence
from contextvars import ContextVar
from typing import Any

from plait._core import budget
from plait._core.batch import Batch
from plait._core.errors import UsageError
from plait._core.job import Job
from plait._engines.arena import Arena
from plait._engines.board import SIZE
from plait._engines.inherited import hold
from plait._engines.interface import Plan
from plait._engines.process_run import ProcessRun
from plait._engines.worker_process import WorkerProcess
from plait._engines.zygote_client import Zygote


class ProcessEngine:
    """Worker processes, kept warm between runs until `close`.

    Args:
        memory_bytes: the memory of its own a worker may use. A worker found above it after a batch is replaced; one
            that is above it by a quarter while it runs an item is killed, and the item fails with `MemoryExceeded`.
        context: context variables whose values, as of the call of map, the function sees in workers; the values must
            pickle. Others have their defaults there, since most hold things that belong to one process.

    Raises:
        UsageError: `memory_bytes` is not a positive number, or `context` holds something else.
    """

    name = "process"

    def __init__(self, *, memory_bytes: int | None = None, context: Sequence[ContextVar[Any]] = ()) -> None:
        if memory_bytes is not None and not memory_bytes > 0:
            raise UsageError(f"memory_bytes={memory_bytes!r}: expected a number of bytes above 0, or None for no limit")
        for variable in context:
            if not isinstance(variable, ContextVar):
                raise UsageError(f"context={context!r}: expected context variables whose values the workers shall see")
        self.memory_bytes = memory_bytes
        self.context = tuple(context)
        self._lock = threading.Lock()
        self._idle: list[WorkerProcess] = []
        self._zygote: Zygote | None = None
        self._arena: Arena | None = None
        self._inputs = -1
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
            zygote, self._zygote = self._zygote, None
            arena, self._arena = self._arena, None
            inputs, self._inputs = self._inputs, -1
        for worker in idle:
            worker.close()
        if zygote is not None:
            zygote.close()
        if arena is not None:
            arena.close()
        elif inputs >= 0:
            os.close(inputs)

    def __del__(self) -> None:
        if hasattr(self, "_idle"):
            self.close()

    def forget(self) -> None:
        """Start afresh in a forked child: the workers, the zygote and the arena are the parent's."""
        self._lock = threading.Lock()
        self._idle, self._zygote, self._arena = [], None, None
        if self._inputs >= 0:
            os.close(self._inputs)
            self._inputs = -1

    # --- for the runs

    def arena(self) -> Arena | None:
        """Where large inputs are placed, made when first needed; None when shared memory is not to be had."""
        with self._lock:
            if self._inputs < 0:
                self._inputs, size = make_memory()
                try:
                    self._arena = Arena(self._inputs, size)
                except (OSError, ValueError):  # a limited address space: large buffers go through the pipes
                    self._arena = None
            return self._arena

    def next_function(self) -> int:
        """A number for a run's function, not used again soon."""
        with self._lock:
            self._functions = self._functions % 65000 + 1
            return self._functions

    def prepare(self, workers: int) -> Zygote:
        """The zygote, started if there is none; its workers know how many cores each of them may use."""
        with self._lock:
            if self._zygote is None or self._zygote.dead:
                if self._zygote is not None:
                    self._zygote.reap()
                share = max(1, budget.available_cores().count // workers)
                self._zygote = Zygote(budget.worker_environment(share))
            return self._zygote

    def lease(self, zygote: Zygote) -> WorkerProcess:
        """An idle worker, or a new one, which may take its first batch at once."""
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    return worker
                worker.close()
            self._tokens += 1
            token = self._tokens
        return _launch(zygote, token, self._inputs)

    def give_back(self, worker: WorkerProcess) -> None:
        """A worker with nothing to do, for the next run."""
        with self._lock:
            self._idle.append(worker)


def make_memory() -> tuple[int, int]:
    """A descriptor of shared memory without a name, as large as the machine's, of which only touched pages exist."""
    size = min(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), 1 << 40)
    fd = os.memfd_create("plait-arena", os.MFD_CLOEXEC)
    os.ftruncate(fd, size)
    return fd, size


def _launch(zygote: Zygote, token: int, inputs: int) -> WorkerProcess:
    """A new worker; when a descriptor is not to be had, none of the others stays open."""
    opened: list[int] = []
    try:
        for _ in range(3):
            opened += os.pipe()
        commands_read, commands, results, results_write, lifeline_read, lifeline = opened
        board = os.memfd_create("plait-board", os.MFD_CLOEXEC)
        opened.append(board)
        os.ftruncate(board, SIZE)
        arena, _ = make_memory()
        opened.append(arena)
        zygote.fork(token, [commands_read, results_write, lifeline_read, board, arena, inputs])
        worker = WorkerProcess(token, commands, results, lifeline, board, arena)
    except BaseException:
        for fd in opened:
            os.close(fd)
        raise
    for fd in (commands_read, results_write, lifeline_read, board):
        os.close(fd)
    return worker
