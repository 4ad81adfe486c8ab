"""The interpreter engine keeps every promise but those that need a process of one's own; CPython 3.14 and later."""

from __future__ import annotations

import sys

import pytest

import plait
from plait.testing import EngineContract

if sys.version_info < (3, 14):
    pytest.skip("CPython 3.14 and later have interpreters with a GIL of their own", allow_module_level=True)


class TestInterpreter(EngineContract):
    shares_memory = False
    shares_process = True

    def make_engine(self) -> plait.engines.Engine:
        return plait.engines.make_engine("interpreter")
