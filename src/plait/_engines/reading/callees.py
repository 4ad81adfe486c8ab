"""The functions of the program that a function uses, as far as names show: what it calls, and what those call."""

from __future__ import annotations

from _collections_abc import Iterator
from types import FunctionType

from plait._core.code_names import names_in
from plait._core.installed import is_installed


def with_callees(function: FunctionType, owner: type = object) -> Iterator[FunctionType]:
    """The function itself, then each that it uses by a global name, or as a method of `owner`, and that those use.

    >>> def twice(n):
    ...     return double(n)
    >>> def double(n):
    ...     return n + twice(n // 2)
    >>> double.__module__ = "__main__"
    >>> [one.__name__ for one in with_callees(twice)]
    ['twice', 'double']
    """
    seen, waiting = {function}, [function]
    while waiting:
        one = waiting.pop()
        yield one
        for name in names_in(one.__code__):
            for used in (one.__globals__.get(name), getattr(owner, name, None)):
                if isinstance(used, FunctionType) and used not in seen and not is_installed(used):
                    seen.add(used)
                    waiting.append(used)
