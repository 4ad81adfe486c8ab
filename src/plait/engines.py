"""The engines plait comes with, and what a new one must implement; imported when they are first used."""

from plait._core.batch import Batch
from plait._core.job import Job
from plait._engines.interface import Engine, Plan
from plait._engines.table import ENGINES, EXECUTOR, make_engine

TYPE_CHECKING = False
if TYPE_CHECKING:  # for editors and type checkers: what `__getattr__` finds at run time
    from plait._engines.asynchronous import AsyncEngine as AsyncEngine
    from plait._engines.dask import DaskEngine as DaskEngine
    from plait._engines.executor import ExecutorEngine as ExecutorEngine
    from plait._engines.inline import InlineEngine as InlineEngine
    from plait._engines.interpreter import InterpreterEngine as InterpreterEngine
    from plait._engines.process import ProcessEngine as ProcessEngine
    from plait._engines.ray import RayEngine as RayEngine
    from plait._engines.thread import ThreadEngine as ThreadEngine

_CLASSES = {cls: module for module, cls in (*ENGINES.values(), EXECUTOR)}

__all__ = [
    "AsyncEngine",
    "Batch",
    "DaskEngine",
    "Engine",
    "ExecutorEngine",
    "InlineEngine",
    "InterpreterEngine",
    "Job",
    "Plan",
    "ProcessEngine",
    "RayEngine",
    "ThreadEngine",
    "make_engine",
]


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in __all__ or name not in _CLASSES:
        raise AttributeError(f"module 'plait.engines' has no attribute {name!r}")
    found: object = getattr(import_module(_CLASSES[name]), name)
    globals()[name] = found
    return found
