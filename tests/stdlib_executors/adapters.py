"""Puts Pool where the standard library's tests look for its executors, in this process or in those that tests start."""

from __future__ import annotations

import concurrent.futures
import concurrent.futures.process
from collections.abc import Callable
from typing import Any

import plait


class ThreadPoolExecutor(plait.Pool):
    """Pool on threads, called as the standard library's class is."""

    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        super().__init__("thread", max_workers, initializer=initializer, initargs=initargs)


class ProcessPoolExecutor(plait.Pool):
    """Pool on processes, called as the standard library's class is; it has one start method, its own."""

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: object = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        super().__init__("process", max_workers, initializer=initializer, initargs=initargs)

    def terminate_workers(self) -> None:
        """Only here, because CPython's tests since 3.14 ask for its name when they are imported."""
        raise NotImplementedError

    kill_workers = terminate_workers


def install() -> None:
    """From now on, what imports the standard library's executors gets Pool."""
    concurrent.futures.ThreadPoolExecutor = ThreadPoolExecutor  # type: ignore[assignment,misc]  # that is the point
    concurrent.futures.ProcessPoolExecutor = ProcessPoolExecutor  # type: ignore[assignment,misc]
    # A worker that dies fails its own future with WorkerDied, which is a BrokenExecutor.
    concurrent.futures.process.BrokenProcessPool = concurrent.futures.BrokenExecutor  # type: ignore[assignment,misc]
