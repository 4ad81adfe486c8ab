"""Says which names of the program a function assigns to, where its workers have memory of their own."""

from __future__ import annotations

from opcode import EXTENDED_ARG, opmap
from types import CodeType, FunctionType, MethodType

from plait._core.code_names import codes_in
from plait._core.installed import is_installed
from plait._engines.cargo import what_was_passed

_SHOWN = 3  # names that are said
_STORE_GLOBAL, _STORE_DEREF = opmap["STORE_GLOBAL"], opmap["STORE_DEREF"]


def set_there(function: object, kind: str) -> str:
    """What becomes of the globals and captured variables that a function of the user's assigns to, or nothing.

    It is said of what stands in the function itself: of nothing that it calls, and of no object that it changes, which
    may be its own. So it is true whenever it is said, also of a cache that is meant to be one of each worker.

    >>> def count(n):
    ...     global total
    ...     total = n
    >>> count.__module__ = "__main__"
    >>> set_there(count, "process")
    'what it assigns to "total" stays in its worker process'
    """
    function = what_was_passed(function)
    if isinstance(function, MethodType):
        function = function.__func__
    if not isinstance(function, FunctionType):
        return ""
    names = _assigned(function.__code__)
    if not names or is_installed(function):
        return ""
    said = ", ".join(f'"{name}"' for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return f"what it assigns to {said} stays in its worker {kind}"


def _assigned(code: CodeType) -> list[str]:
    """Each name once, in the order of the code."""
    found = [each.co_names[number] for each in codes_in(code) for number in _numbers(each, _STORE_GLOBAL)]
    if code.co_freevars:  # they come last of all that is local
        cells = [name for name in code.co_cellvars if name not in code.co_varnames]
        local = [*code.co_varnames, *cells, *code.co_freevars]
        found += [name for number in _numbers(code, _STORE_DEREF) if (name := local[number]) in code.co_freevars]
    return list(dict.fromkeys(found))


def _numbers(code: CodeType, operation: int) -> list[int]:
    """The arguments with which it occurs: read from the bytes, since `dis` takes long to import."""
    found: list[int] = []
    high, units = 0, code.co_code
    if operation not in units[::2]:
        return found
    for at in range(0, len(units), 2):
        number = high | units[at + 1]
        if units[at] == operation:
            found.append(number)
        high = number << 8 if units[at] == EXTENDED_ARG else 0
    return found
