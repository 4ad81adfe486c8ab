"""The one table of engines: name to module and class, imported when first asked for."""

from __future__ import annotations

import importlib

from plait._core.errors import UsageError
from plait._engines.interface import Engine, is_engine

ENGINES = {
    "auto": ("plait._engines.auto", "AutoEngine"),
    "inline": ("plait._engines.inline", "InlineEngine"),
    "thread": ("plait._engines.thread", "ThreadEngine"),
    "process": ("plait._engines.process", "ProcessEngine"),
    "interpreter": ("plait._engines.interpreter", "InterpreterEngine"),
    "async": ("plait._engines.asynchronous", "AsyncEngine"),
}


def make_engine(name: str) -> Engine:
    """A new engine of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in ENGINES:
        raise UsageError(f"engine={name!r}: expected one of {', '.join(ENGINES)}, a plait.Pool, or an engine object")
    module, cls = ENGINES[name]
    engine = getattr(importlib.import_module(module), cls)()
    assert is_engine(engine)
    return engine
