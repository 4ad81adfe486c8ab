"""LoopTask: one coroutine of a scope, as it sees itself through ``plait.current()``."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from plait._core.current import Task
from plait._core.rng import Seeding
from plait._core.thread_state import thread_state
from plait._core.worker_state import WorkerState
from plait._run.future import Future
from plait._run.scopes.scope_life import Life


class LoopTask(Task):
    """One coroutine. Its worker is the event loop, so ``per_worker`` functions keep what they set up in its thread.

    Attributes:
        began: when it was started.
        task: its task of the event loop.
    """

    __slots__ = ("_future", "_life", "_number", "began", "task")

    def __init__(self, life: Life, number: int, future: Future[object] | None) -> None:
        self._life = life
        self._number = number
        self._future = future
        self.thread_id = threading.get_ident()
        self.began = time.perf_counter()
        self.task: asyncio.Task[Any] | None = None

    @property
    def index(self) -> int:
        return self._number

    @property
    def attempt(self) -> int:
        return 1

    @property
    def worker(self) -> str:
        return f"async-{self._number + 1}"

    @property
    def deadline(self) -> float | None:
        return None

    @property
    def cancelled(self) -> bool:
        return self._life.cancelled or (self._future is not None and self._future._asked)

    @property
    def seeding(self) -> Seeding:
        return self._life.seeding

    @property
    def state(self) -> WorkerState:
        return thread_state()
