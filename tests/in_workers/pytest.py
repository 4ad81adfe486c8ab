"""pytest, as a worker process imports it with a module of tests: marks that mark nothing, and the rest when it is wanted.

pytest takes longer to import than all else that a worker does in most tests, and there are thousands of workers. The
folder of this file is on the path of the tests (`conftest`), who have the real one by then, and so on that of workers.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

_HERE = os.path.dirname(os.path.abspath(__file__))


def __getattr__(name: str) -> Any:
    """What is no mark is that of pytest itself, which takes the place of this module."""
    if name.startswith("__"):
        raise AttributeError(name)
    if sys.modules.get(__name__) is _SELF:
        sys.path[:] = [folder for folder in sys.path if folder != _HERE]
        del sys.modules[__name__]
    return getattr(importlib.import_module(__name__), name)


class _Mark:
    """Gives what it is put on, and another mark for everything else."""

    def __getattr__(self, name: str) -> _Mark:
        return self

    def __call__(self, *given: Any, **named: Any) -> Any:
        return given[0] if len(given) == 1 and not named and callable(given[0]) else self


mark = fixture = _Mark()
param = _Mark()
_SELF = sys.modules[__name__]
