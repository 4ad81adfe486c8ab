"""Executors keep every promise that does not need workers of one's own: on threads of this process, and elsewhere."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor

import plait
from plait.testing import EngineContract


class Closing(plait.engines.ExecutorEngine):
    """An engine that ends its executor, which the contract cannot do, since it knows engines only."""

    def __init__(self, executor: Executor) -> None:
        super().__init__(executor)
        self._executor = executor

    def close(self) -> None:
        super().close()
        self._executor.shutdown()


class TestThreads(EngineContract):
    keeps_workers = True

    def make_engine(self) -> plait.engines.Engine:
        return Closing(ThreadPoolExecutor(3))


SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["plait.testing._contract"])  # what a worker imports would be most of its time


class TestProcesses(EngineContract):
    shares_memory = False
    owns_workers = False
    stops_items = False

    def make_engine(self) -> plait.engines.Engine:
        return Closing(ProcessPoolExecutor(3, mp_context=SERVER))
