"""Says which names of the program a function assigns to, where its workers have memory of their own."""

from __future__ import annotations

from dis import get_instructions, opmap
from types import CodeType, FunctionType, MethodType

from plait._core.code_names import codes_in
from plait._core.installed import is_installed
from plait._engines.cargo import what_was_passed

_SHOWN = 3  # names that are said


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
    found = [name for each in codes_in(code) for name in _stored(each, "STORE_GLOBAL")]
    found += [name for name in _stored(code, "STORE_DEREF") if name in code.co_freevars]
    return list(dict.fromkeys(found))


def _stored(code: CodeType, operation: str) -> list[str]:
    if opmap[operation] not in code.co_code[::2]:
        return []  # as of most, and to take instructions apart takes long
    return [str(one.argval) for one in get_instructions(code) if one.opname == operation]
