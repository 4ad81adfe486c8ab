"""Every engine keeps every promise: the public contract suite over each engine in the table."""

from __future__ import annotations

from fake_engine import FakeThreads

import plait
from plait.testing import EngineContract


class TestInline(EngineContract):
    workers = 1

    def make_engine(self) -> plait.engines.Engine:
        return plait.engines.make_engine("inline")


class TestFakeThreads(EngineContract):
    """The contract asks nothing that a straightforward engine could not give."""

    def make_engine(self) -> plait.engines.Engine:
        return FakeThreads()


class TestThread(EngineContract):
    def make_engine(self) -> plait.engines.Engine:
        return plait.engines.make_engine("thread")


class TestProcess(EngineContract):
    shares_memory = False

    def make_engine(self) -> plait.engines.Engine:
        return plait.engines.make_engine("process")
