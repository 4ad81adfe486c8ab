"""Every engine keeps every promise: the public contract suite over each engine in the table."""

from __future__ import annotations

import plait
from plait.testing import EngineContract


class TestInline(EngineContract):
    workers = 1

    def make_engine(self) -> plait.engines.Engine:
        return plait.engines.make_engine("inline")


class TestThread(EngineContract):
    def make_engine(self) -> plait.engines.Engine:
        return plait.engines.make_engine("thread")


class TestProcess(EngineContract):
    shares_memory = False

    def make_engine(self) -> plait.engines.Engine:
        return plait.engines.make_engine("process")


class TestAsync(EngineContract):
    awaits = True

    def make_engine(self) -> plait.engines.Engine:
        return plait.engines.make_engine("async")
