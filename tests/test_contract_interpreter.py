"""The interpreter engine keeps every promise but those that need a process of one's own; CPython 3.14 and later."""

from __future__ import annotations

import sys

import pytest

import plait
from plait.testing import EngineContract

pytestmark = pytest.mark.skipif(sys.version_info < (3, 14), reason="needs CPython 3.14: interpreters with their own GIL")


class TestInterpreter(EngineContract):
    shares_memory = False
    shares_process = True

    def make_engine(self) -> plait.engines.Engine:
        return plait.engines.make_engine("interpreter")
