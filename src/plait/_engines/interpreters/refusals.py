"""Tells that a module refuses to load in subinterpreters; in its own small file because workers there import it."""

from __future__ import annotations

ADVICE = 'use engine="process" or engine="thread", or engines.InterpreterEngine(fallback="process")'

_BEFORE, _AFTER = "module ", " does not support loading in subinterpreters"  # CPython's words


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
                if refused_module(error):
                    raise

    def __reduce__(self) -> tuple[object, ...]:
        return _required, (self.names,)


def _required(names: list[str]) -> Imports:
    imports = Imports(names)
    imports.require()
    return imports


def refused_module(error: BaseException) -> str:
    """The module that does not load in subinterpreters, when that is what the error or a cause of it says; else "".

    >>> refused_module(ImportError("module _psutil_linux does not support loading in subinterpreters"))
    '_psutil_linux'
    """
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        if isinstance(found, ImportError) and "subinterpreter" in str(found):
            before, _, _ = str(found).partition(_AFTER)
            named = before.rpartition(_BEFORE)[2] if _AFTER in str(found) else ""
            return named or found.name or str(found)  # extensions may have words of their own for it
        found = found.__cause__ or found.__context__
    return ""


def in_words(module: str) -> str:
    """What is said about a module that refuses.

    >>> in_words("numpy._core")
    'module numpy._core does not load in subinterpreters'
    """
    return f"module {module} does not load in subinterpreters"


def annotate(error: BaseException) -> None:
    """Add what to do to an error of the function, if such a module is behind it."""
    module = refused_module(error)
    if module:
        error.add_note(f"plait: {in_words(module)}; {ADVICE}")
