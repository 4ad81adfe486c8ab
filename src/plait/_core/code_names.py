"""What code consists of: the code within it, and the names that it uses."""

from __future__ import annotations

from types import CodeType, FunctionType


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


def captured_by(function: FunctionType) -> list[tuple[str, object]]:
    """The variables of functions around it that a function uses, with their values; None for what has none yet."""
    found: list[tuple[str, object]] = []
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found.append((name, cell.cell_contents))
        except ValueError:  # not assigned yet
            found.append((name, None))
    return found
