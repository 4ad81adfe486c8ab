"""The process engine keeps every promise with the means that every system has, too."""

from __future__ import annotations

import plait
from plait.testing import EngineContract


class TestPortable(EngineContract):
    shares_memory = False

    def make_engine(self) -> plait.engines.Engine:
        return plait.engines.ProcessEngine(portable=True)
