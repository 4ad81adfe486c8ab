"""A function that stands in no file, such as one of a notebook: what it needs is defined anew for each execution.

A check that ran the whole notebook anew would train its models and draw its pictures each time; one that took
the notebook as it is would find in it what the last execution has left behind, and change it. So of all statements that
were run those are run anew that the test needs (`needed`): the last one that defines each function, class or value that
it uses, and what these use, in the order in which they were run, observed, in a new module. A counter begins at 0 as
its statement says, whatever the notebook has counted by now. A thread of the notebook that shares data with the test,
such as one that takes from its queue, is started anew, too.

What cannot be run anew, the answer to `input()` for example, is copied from the notebook (`taken_values`), or refused.
What is told:

* the values that were copied,
* those that the notebook has changed since, by calling functions: the test begins with them as they were defined.

*Promises.* The namespace and the objects of the notebook are never touched; its lines are those of the story.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import ModuleType

from plait._check.diagnosis import give_up
from plait._check.fresh import FreshModules
from plait._check.programs.cells import shell_of
from plait._check.programs.definitions import Definitions
from plait._check.stage import STAGE

_AGAIN = (
    "what {0} needs could not be defined anew, as it is for each execution: {1}: {2} at {3}; define it in the test, or "
    "otherwise in a cell"
)


class CellProgram:
    """Defines anew what a function needs, in a new ``__main__``, and calls it."""

    def __init__(
        self, definitions: Definitions, fresh: FreshModules, call: Callable[[Callable[..., object]], object]
    ) -> None:
        self.name = f"{definitions.file}:{definitions.name}"
        self._definitions = definitions
        self._call = call
        for part, text in definitions.parts:
            fresh.give(part.file, text)
        self._files = tuple(part.file for part, _ in definitions.parts)
        self._codes = fresh.codes([part for part, _ in definitions.parts], definitions.flags)

    def main(self) -> object:
        module = ModuleType(self._definitions.module)
        module.__file__ = self._definitions.file
        sys.modules[module.__name__] = module  # until the state of the process is put back
        taken = {one.name: one.again() for one in self._definitions.taken}
        if shell_of(self._definitions.scope) is not None:
            module.__dict__.update(input=_input, display=_display)
        module.__dict__.update(taken)
        self._define(module)
        module.__dict__.update(taken)  # a statement may have made two things, and one of them was changed later
        self._definitions.compare(module)
        return self._call(module.__dict__[self._definitions.name])

    def _define(self, module: ModuleType) -> None:
        """Runs the statements; what they said when they were run before they say now, or nothing can be said."""
        try:
            for code in self._codes:
                exec(code, module.__dict__)
        except Exception as error:
            frames = inspect.getinnerframes(error.__traceback__) if error.__traceback__ is not None else []
            lines = [f"{frame.filename}:{frame.lineno}" for frame in frames if frame.filename.startswith(self._files)]
            self._definitions.notes.clear()
            where = lines[-1] if lines else "a place that is not yours"
            _give_up(_AGAIN.format(self._definitions.name, type(error).__name__, error, where))
            raise


def _input(prompt: object = "") -> str:
    """In the place of `input`, which asks whoever sits at the notebook, for each execution again."""
    _give_up(f"input({prompt!r}) is called, which nobody can answer as often as it is run; give the test its answer")
    return ""


def _display(*_: object, **__: object) -> None:
    """In the place of IPython's `display`, which would show what each execution does."""


def _give_up(why: str) -> None:
    if STAGE.execution is not None:
        give_up(STAGE.execution, why)
