"""Executors keep every promise that does not need workers of one's own: on threads of this process, and elsewhere."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.context import ForkServerContext

import pytest

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


@pytest.fixture(autouse=True)
def _fork_server(fork_server: ForkServerContext) -> None:
    """Is there before the first test looks what it has left."""


class TestProcesses(EngineContract):
    shares_memory = False
    owns_workers = False
    stops_items = False

    def make_engine(self) -> plait.engines.Engine:
        return Closing(ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("forkserver")))
