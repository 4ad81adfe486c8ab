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
    "dask": ("plait._engines.dask", "DaskEngine"),
    "ray": ("plait._engines.ray", "RayEngine"),
}


EXECUTOR = ("plait._engines.executor", "ExecutorEngine")  # for what others have made
WITH_ADDRESS = ("dask", "ray")  # those that may have an address after their name
_OF_LIBRARY = {"distributed": "dask"}  # what makes an engine of the objects of a library, others than its executors
_SYNONYMS = {
    "multiprocessing": "process",
    "loky": "process",
    "subinterpreter": "interpreter",
    "asyncio": "async",
    "serial": "inline",
}


def make_engine(name: str) -> Engine:
    """A new engine of that name, and with the address after it: ``"dask://host:8786"``.

    Raises:
        UsageError: there is none.
    """
    kind, _, address = name.partition("://")
    if kind not in ENGINES or (address and kind not in WITH_ADDRESS):
        raise no_engine(name)
    module, cls = ENGINES[kind]
    engine = getattr(importlib.import_module(module), cls)(*([name] if address else []))
    assert is_engine(engine)
    return engine


def engine_for(thing: object) -> Engine | None:
    """A new engine over what somebody else has made: an executor; None if it is nothing that runs calls."""
    if isinstance(thing, type) or not all(callable(getattr(thing, name, None)) for name in ("submit", "shutdown")):
        return None
    library = _OF_LIBRARY.get(type(thing).__module__.partition(".")[0], "")
    module, cls = ENGINES[library] if library and hasattr(thing, "get_executor") else EXECUTOR
    engine = getattr(importlib.import_module(module), cls)(thing)
    assert is_engine(engine)
    return engine


def no_engine(
    engine: object, others: str = "a plait.Pool, a concurrent.futures executor, or an engine object"
) -> UsageError:
    """What to say of something that was passed as `engine` and is none, where `others` than names are taken, too.

    >>> str(no_engine("threads")).partition("; ")[2]
    'did you mean engine="thread"?'
    >>> str(no_engine(4)).partition("; ")[2]
    'for 4 workers write workers=4'
    """
    expected = f"engine={engine!r}: expected one of {', '.join(ENGINES)}, {others}"
    if isinstance(engine, int):
        return UsageError(f"{expected}; for {engine} workers write workers={engine}")
    if isinstance(engine, type):
        return UsageError(f"{expected}; this is a class: pass an instance of it")
    meant = meant_engine(engine) if isinstance(engine, str) else ""
    return UsageError(f'{expected}; did you mean engine="{meant}"?' if meant else expected)


def meant_engine(name: str) -> str:
    """The name of the engine that somebody may have meant who wrote another one, or nothing."""
    from difflib import get_close_matches  # only to say it

    known = {**{engine: engine for engine in ENGINES}, **_SYNONYMS}
    found = get_close_matches(name.strip().lower(), known, n=1, cutoff=0.7)
    return known[found[0]] if found else ""
