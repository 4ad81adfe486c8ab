"""The names that code uses."""

from __future__ import annotations

from types import CodeType


def names_in(code: CodeType) -> set[str]:
    """The names of globals and attributes that the code and the functions defined in it use."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= names_in(constant)
    return names
