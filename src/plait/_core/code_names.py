"""What code consists of: the code within it, and the names that it uses."""

from __future__ import annotations

from types import CodeType


def codes_in(code: CodeType) -> list[CodeType]:
    """The code, and that of all functions and classes defined in it, each before what is in it."""
    found = [code]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found += codes_in(constant)
    return found


def names_in(code: CodeType) -> set[str]:
    """The names of globals and attributes that the code and the functions defined in it use."""
    return {name for each in codes_in(code) for name in each.co_names}
