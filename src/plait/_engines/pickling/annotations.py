"""The annotations of functions and classes that travel by value, those that nobody can evaluate included.

From CPython 3.14 on they are evaluated when somebody asks for them (PEP 649). That fails while a name in them means
nothing: one that only type checkers import, or that is bound later. Then what evaluates them travels in their place.
"""

from __future__ import annotations

import sys
from types import CellType, CodeType, FunctionType

from plait._core.code_names import names_in
from plait._core.lazy_imports import settled

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module, and typing would double their start-up time
    from typing import Any

TYPE_PARAMETERS = ("__type_params__",) if sys.version_info >= (3, 12) else ()  # what functions have, too
_MEMBERS = "__classdict__"  # the captured variable with the members of the class around
_OF_REFERENCE = (
    "__forward_is_argument__", "__forward_is_class__", "__forward_module__", "__owner__", "__extra_names__",
)  # fmt: skip
_FIELDS = ("__kwdefaults__", "__qualname__", "__module__", "__doc__", *TYPE_PARAMETERS)


def annotations_of(value: Any) -> tuple[str, Any]:
    """The attribute that gives another function or class the annotations of this one, and what it is to be."""
    found = known_annotations(value)
    if callable(found):
        return "__annotate__", _with_members_it_uses(found)
    return "__annotations__", dict(found)


def known_annotations(value: Any) -> Any:
    """The annotations of a function or class; where they cannot be evaluated, the function that would do so."""
    try:
        return value.__annotations__
    except Exception:  # whatever an annotation may raise
        return value.__annotate__


def anew(function: FunctionType, code: CodeType, captured: tuple[CellType, ...]) -> FunctionType:
    """A function like this one with other code, and without annotations."""
    made = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, captured)
    for name in _FIELDS:
        setattr(made, name, getattr(function, name))
    made.__dict__.update(function.__dict__)
    return made


def _with_members_it_uses(annotate: Any) -> Any:
    """The same without those members of the class around that no annotation names: some cannot be pickled."""
    if not isinstance(annotate, FunctionType):
        return annotate
    code = annotate.__code__
    used = names_in(code).union(code.co_freevars)
    captured = [
        CellType(_only(used, cell.cell_contents)) if name == _MEMBERS else cell
        for name, cell in zip(code.co_freevars, annotate.__closure__ or (), strict=True)
    ]
    return anew(annotate, code, tuple(captured))


def reduce_reference(reference: Any) -> tuple[Any, ...]:
    """For pickle: a reference to what had no meaning yet, as dataclasses keep them, with the globals that it names."""
    try:
        used = names_in(reference.__forward_code__)
    except SyntaxError:
        used = set()
    cells = reference.__cell__
    if isinstance(cells, dict):
        cells = {name: cell for name, cell in cells.items() if name != _MEMBERS}
    state = {name: getattr(reference, name) for name in _OF_REFERENCE} | {
        "__globals__": _only(used, reference.__globals__ or {}) or None,
        "__cell__": cells,
    }
    return type(reference), (reference.__forward_arg__,), (None, state)


def _only(names: set[str], scope: dict[str, Any]) -> dict[str, Any]:
    return {name: settled(scope, name) for name in names if name in scope}
