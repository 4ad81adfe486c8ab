"""Functions that `check` observes, as they are written: only those can go to another process, which observes nothing.

Observed code calls hooks, whose names no source can contain, and has constants that `marshal` does not know. Its lines,
columns and variables are those of the source, so the source says what it is without them.
"""

from __future__ import annotations

import sys
from types import CodeType, FunctionType

from plait._engines.pickling.annotations import anew, annotations_of

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module, and typing would double their start-up time
    from collections.abc import Iterator

_AWAIT = 0x2000  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT: a cell may await
_HOOK = "@plait."


def as_written(function: FunctionType) -> FunctionType:
    """The same function without hooks; itself if it has none, or if its source does not say what it is."""
    code = function.__code__
    if not _is_observed(code):
        return function
    found = _in_source(code)
    cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
    if found is None or not set(found.co_freevars) <= cells.keys():
        return function
    captured = tuple(cells[name] for name in found.co_freevars)
    made = anew(function, found, captured)
    setattr(made, *annotations_of(function))
    return made


def _is_observed(code: CodeType) -> bool:
    return any(name.startswith(_HOOK) for name in code.co_names) or any(map(_is_observed, _inside(code)))


def _inside(code: CodeType) -> Iterator[CodeType]:
    return (constant for constant in code.co_consts if isinstance(constant, CodeType))


def _in_source(code: CodeType) -> CodeType | None:
    """What the source has where this code is from; of several in one line, what has most places in common with it."""
    try:
        module = compile(_text(code.co_filename), code.co_filename, "exec", _AWAIT, dont_inherit=True)
    except (OSError, SyntaxError, ValueError):
        return None
    places = set(code.co_positions())
    found = [one for one in _all_inside(module) if _origin(one) == _origin(code)]
    return max(found, key=lambda one: len(places.intersection(one.co_positions())), default=None)


def _text(name: str) -> bytes | str:
    """What stands in the file; of a cell of a notebook and the like, what whoever observes it has left in `linecache`.

    Raises:
        OSError: there is no such file.
    """
    known = getattr(sys.modules.get("linecache"), "cache", {}).get(name, ())
    if len(known) > 1 and known[1] is None:
        return "".join(known[2])
    with open(name, "rb") as file:
        return file.read()


def _all_inside(code: CodeType) -> Iterator[CodeType]:
    for one in _inside(code):
        yield one
        yield from _all_inside(one)


def _origin(code: CodeType) -> tuple[str, int, int]:
    return code.co_qualname, code.co_firstlineno, code.co_argcount
