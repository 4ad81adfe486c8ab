"""Which modules a function needs that do not load in subinterpreters, and what is said about it."""

from __future__ import annotations

import dis
import re
from _collections_abc import Callable, Iterator
from functools import partial
from types import FunctionType
from typing import Any

from plait._core.errors import NotTransferable
from plait._core.star import Star

_REFUSAL = re.compile(r"module ([\w.]+) does not support loading in subinterpreters")
_CONDITIONS = ("JUMP_IF", "FOR_ITER", "SEND", "RETURN", "YIELD", "RAISE")  # after these nothing is certain to happen


class Preflight:
    """The check of one run's function, made by the first worker that loads it, before any item is run.

    Attributes:
        needs: the modules that every call of the function imports; importing the function's own brings the others.
        falls_back: whether another engine takes over when a module does not load.
        module: the one that does not, or an empty string.
        refusal: the error then, else None.
    """

    def __init__(self, fn: Callable[..., object], *, falls_back: bool) -> None:
        self.needs = Imports(list(certain_imports(fn)))
        self.falls_back = falls_back
        self.module = ""
        self.refusal: NotTransferable | None = None

    def concerns(self, error: BaseException) -> bool:
        """Whether the error came from a module that does not load in subinterpreters; it is noted then."""
        module = refused_module(error)
        if module is None:
            return False
        if self.refusal is None:
            self.module = module
            self.refusal = NotTransferable(f"module {module} does not load in subinterpreters; {ADVICE}")
            self.refusal.__cause__ = error
        return True


ADVICE = 'use engine="process" or engine="thread", or engines.InterpreterEngine(fallback="process")'


class Imports:
    """Modules that are imported where this is unpickled; refusals are raised there, other errors left to the function.

    >>> Imports(["json", "no_such_module"]).require()
    """

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def require(self) -> None:
        """Import them."""
        for name in self.names:
            try:
                __import__(name)
            except Exception as error:
                if refused_module(error) is not None:
                    raise

    def __reduce__(self) -> tuple[object, ...]:
        return (_required, (self.names,)) if self.names else (Imports, ([],))


def _required(names: list[str]) -> Imports:
    imports = Imports(names)
    imports.require()
    return imports


def refused_module(error: BaseException) -> str | None:
    """The module that does not load in subinterpreters, when that is what the error, or a cause of it, says.

    >>> refused_module(ImportError("module _psutil_linux does not support loading in subinterpreters"))
    '_psutil_linux'
    """
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        if isinstance(found, ImportError):
            match = _REFUSAL.search(str(found))
            if match:
                return match[1]
            if "subinterpreter" in str(found):  # extensions have words of their own for it
                return found.name or str(found)
        found = found.__cause__ or found.__context__
    return None


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
    while (wrapped := _inner(fn)) is not None:
        fn = wrapped
    return fn


def _inner(fn: object) -> object | None:
    if isinstance(fn, Star):
        return fn.fn
    return fn.func if isinstance(fn, partial) else getattr(fn, "__wrapped__", None)
