"""How a function is checked: as part of a file, of a source that Python was given in another way, or of a notebook."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import Any, NamedTuple

from plait._check.fresh import FreshModules
from plait._check.programs.cell_program import CellProgram
from plait._check.programs.cells import shell_of
from plait._check.programs.definitions import Definitions
from plait._check.programs.function_program import FunctionProgram, checkable, file_of, finished
from plait._check.programs.given import given_source
from plait._check.programs.program import Program


class Plan(NamedTuple):
    """How a function is checked.

    Attributes:
        name: of the function.
        make: gives the program that calls it.
        file: what the user's other files are near to.
        notes: what is worth a word about what it was given; more may come with the first execution.
        changed: the values that a notebook has changed since they were defined, which the function gets as defined.
    """

    name: str
    make: Callable[[FreshModules], Program]
    file: str
    notes: list[str]
    changed: list[str]


def plan_of(function: Callable[[], object]) -> Plan:
    """The plan for a function.

    Raises:
        UsageError: it cannot be found anew, takes arguments, or its source is not known.
    """
    checkable(function)
    inner: Any = inspect.unwrap(function)
    scope = inner.__globals__
    name: str = getattr(function, "__name__", "test")
    if shell_of(scope) is None:
        given = given_source(inner)
        if given is not None:
            return Plan(name, lambda fresh: FunctionProgram(function, fresh, given=given), given.file, [], [])
        if os.path.isfile(inspect.getsourcefile(inner) or ""):
            return Plan(name, lambda fresh: FunctionProgram(function, fresh), file_of(function), [], [])
    definitions = Definitions(function)
    return Plan(
        name, lambda fresh: CellProgram(definitions, fresh, finished), "", definitions.notes, definitions.changed
    )
