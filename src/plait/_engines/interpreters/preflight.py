"""Which modules a function needs that do not load in subinterpreters, and what is said about it."""

from __future__ import annotations

import dis
from _collections_abc import Callable, Iterator
from functools import partial
from types import FunctionType
from typing import Any

from plait._core.errors import NotTransferable
from plait._core.star import Star
from plait._engines.interpreters.refusals import ADVICE, Imports, in_words, refused_module

_MOST_LAYERS = 100  # of decorators
_CONDITIONS = ("_IF_", "FOR_ITER", "SEND", "RETURN", "YIELD", "RAISE")  # after these nothing is certain to happen


class Preflight:
    """The check of one run's function, made by the first worker that loads it, before any item is run.

    Attributes:
        needs: the modules that every call of the function imports, or None; loading the function brings the others.
        falls_back: whether another engine takes over when a module does not load.
        module: the one that does not, or an empty string.
        refusal: the error then, else None.
    """

    def __init__(self, fn: Callable[..., object], *, falls_back: bool) -> None:
        names = list(certain_imports(fn))
        self.needs = Imports(names) if names else None
        self.falls_back = falls_back
        self.module = ""
        self.refusal: NotTransferable | None = None

    def concerns(self, error: BaseException) -> bool:
        """Whether the error came from a module that does not load in subinterpreters; it is noted then."""
        module = refused_module(error)
        if not module:
            return False
        if self.refusal is None:
            self.module = module
            self.refusal = NotTransferable(f"{in_words(module)}; {ADVICE}")
            self.refusal.__cause__ = error
        return True


def certain_imports(fn: object) -> Iterator[str]:
    """The modules that every call of the function imports in its own body, before anything is conditional.

    >>> def work(x):
    ...     import json
    ...     if x:
    ...         import decimal
    >>> list(certain_imports(work))
    ['json']
    """
    fn = innermost(fn)
    if not isinstance(fn, FunctionType):
        return
    code: Any = dis.Bytecode(fn)  # typeshed does not know its exception entries
    guarded = [range(entry.start, entry.end) for entry in code.exception_entries]
    for instruction in code:
        if any(instruction.offset in span for span in guarded):
            return
        if any(word in instruction.opname for word in _CONDITIONS):
            return
        if instruction.opname == "IMPORT_NAME" and not instruction.argval.startswith("."):
            yield instruction.argval


def innermost(fn: object) -> object:
    """The function within our own wrapper, ``functools.partial`` and decorators."""
    for _ in range(_MOST_LAYERS):  # an object that answers to any name has no end of them
        if (wrapped := _inner(fn)) is None:
            break
        fn = wrapped
    return fn


def _inner(fn: object) -> object | None:
    if isinstance(fn, Star):
        return fn.fn
    return fn.func if isinstance(fn, partial) else getattr(fn, "__wrapped__", None)
