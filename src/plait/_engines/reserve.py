"""Reserve: what an engine whose workers live elsewhere keeps between runs: idle workers, their launcher, the arena."""

from __future__ import annotations

import threading
from _collections_abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

from plait._core import budget
from plait._core.interrupts import finishes
from plait._core.mishaps import Announced
from plait._core.worker_state import Mishap
from plait._engines import hosting
from plait._engines.arena import Arena
from plait._engines.inherited import hold
from plait._engines.lending import Lending
from plait._engines.parting import Parting
from plait._engines.remote_worker import RemoteWorker

UNINTERRUPTIBLE = True  # see `halting`: to end what is kept here takes a moment, and half of it would be left behind


class Reserve:
    """The warm part of one engine; thread-safe, since several runs may be driven at the same time.

    Attributes:
        host: provides the workers.
        memory_bytes: what a worker may use, or None.
        context: the context variables whose values workers see.
        lending: between the runs that use this reserve at the same time.
    """

    def __init__(
        self, host: hosting.Host, *, memory_bytes: int | None = None, context: tuple[ContextVar[Any], ...] = ()
    ) -> None:
        self.host = host
        self.memory_bytes = memory_bytes
        self.context = context
        self.lending = Lending()
        self._lock = threading.Lock()
        self._idle: list[RemoteWorker] = []
        self._most = 0
        self._launcher: hosting.Launcher | None = None
        self._arena: Arena | None = None
        self._inputs: hosting.Segment | None = None
        self._tokens = 0
        self._functions = 0
        hold(self)

    @finishes
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
            self._most = max(self._most, workers)
            if self._launcher is None or self._launcher.dead:
                return self._replace_launcher(workers)
            return self._launcher

    @finishes
    def _replace_launcher(self, workers: int) -> hosting.Launcher:
        if self._launcher is not None:
            self._launcher.reap()
        share = max(1, budget.available_cores().count // workers)
        self._launcher = self.host.launcher(budget.worker_environment(share))
        return self._launcher

    def lease(self, launcher: hosting.Launcher) -> RemoteWorker:
        """An idle worker, of another run too, or a new one, which may take its first batch at once."""
        worker = self._idle_one()
        if worker is None and self.lending.ask():
            worker = self._idle_one()
        if worker is not None:
            return worker
        with self._lock:
            self._tokens += 1
            token = self._tokens
        return launcher.launch(token, self._inputs)

    def _idle_one(self) -> RemoteWorker | None:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    return worker
                worker.close()
        return None

    def give_back(self, worker: RemoteWorker, report: Callable[[Mishap], object]) -> None:
        """A worker with nothing to do, for the next run; no more stay than one run has asked for, however many ran.

        One that does not stay tears down what it holds before it ends; `report` hears what goes wrong then.
        """
        worker.let_go()
        with self._lock:
            if len(self._idle) < self._most:
                self._idle.append(worker)
                return
        try:
            Parting(self.host.poll(), report).end([worker])
        finally:
            worker.close()

    def let_go(self, function: int, workers: Iterable[RemoteWorker]) -> None:
        """Have these workers, which others may have by now, let go of a function."""
        with self._lock:
            for worker in workers:
                worker.outdated.append(function)
                if worker in self._idle:
                    worker.let_go()

    def close(self) -> None:
        """End the idle workers and free everything; what is needed again is made again."""
        with self._lock:
            idle, self._idle = self._idle, []
        try:
            if idle:
                with Announced() as announced:
                    Parting(self.host.poll(), announced.note).end(idle)
        finally:
            self._free(idle)

    @finishes
    def _free(self, idle: list[RemoteWorker]) -> None:
        with self._lock:
            launcher, self._launcher = self._launcher, None
            arena, self._arena = self._arena, None
            inputs, self._inputs = self._inputs, None
        for worker in idle:
            worker.close()
        if launcher is not None:
            launcher.close()
        if arena is not None:
            arena.close()
        elif inputs is not None:
            inputs.close()

    def __del__(self) -> None:
        if hasattr(self, "_functions"):
            self.close()

    def forget(self) -> None:
        """Start afresh in a forked child: the workers, the launcher and the arena are the parent's."""
        self._lock = threading.Lock()
        self.lending = Lending()
        self._idle, self._launcher, self._arena = [], None, None
        if self._inputs is not None:
            self._inputs.close()
            self._inputs = None
