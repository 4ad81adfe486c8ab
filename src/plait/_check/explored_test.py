"""A test as a test runner has it, explored: whether it can be, the token of last time first, then the search."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from plait._check.conclude import Checked, Subject, follow, search
from plait._check.explore import Budget
from plait._check.function_program import FunctionProgram, file_of, own_files
from plait._core.errors import UsageError

_SETUP = ("setUp", "setup_method", "setup_class", "setUpClass", "asyncSetUp")
_FOLDER = "tmp_path"


class Wanted(NamedTuple):
    """How a test is to be explored."""

    runs: int | None = None
    seconds: float | None = 2.0
    seed: int = 0
    scheduler: str = "rotation"


class ExploredTest:
    """One test: its function, the class it is a method of, the names of its fixtures, and values of parameters.

    A fixture cannot be made anew for each execution, except for a folder of its own (`tmp_path`); see `obstacle`.
    """

    def __init__(
        self,
        function: Callable[..., object],
        owner: type | None,
        fixtures: tuple[str, ...],
        values: Mapping[str, object],
    ) -> None:
        self._function = function
        self._owner = owner
        self._fixtures = tuple(name for name in fixtures if name not in values)
        self._values = values
        self._folder = ""

    def obstacle(self) -> str:
        """Why it cannot be explored; "" if it can."""
        others = [name for name in self._fixtures if name != _FOLDER]
        if others:
            return f"it uses the fixture {others[0]}, which cannot be made anew for each execution"
        setup = next((name for name in _SETUP if self._owner is not None and hasattr(self._owner, name)), "")
        if setup:
            return f"its class has {setup}()"
        if "<" in self._function.__qualname__:
            return "it is defined inside another function"
        try:
            spec = importlib.util.find_spec(self._function.__module__)
            file = file_of(self._function)
        except (ImportError, ValueError, UsageError):
            return "its source cannot be found"
        if spec is None or spec.origin is None or not os.path.samefile(spec.origin, file):
            return f"its module cannot be imported as {self._function.__module__}"
        return ""

    def explore(self, wanted: Wanted, token: str) -> Checked:
        """What has come of it; the schedule of `token`, if there is one, is tried before all others."""
        subject = Subject(lambda fresh: FunctionProgram(self._function, fresh, self._arguments), self._mine())
        try:
            if token:
                checked = follow(subject, token)
                if checked.told is not None:
                    return checked
            budget = Budget(wanted.runs, wanted.seconds)
            return search(subject, budget, seed=wanted.seed, scheduler=wanted.scheduler)
        finally:
            self._remove()

    def _mine(self) -> Callable[[str], bool]:
        return own_files(file_of(self._function))

    def _arguments(self) -> Mapping[str, object]:
        if _FOLDER not in self._fixtures:
            return self._values
        self._remove()
        self._folder = tempfile.mkdtemp(prefix="plait-")
        return {**self._values, _FOLDER: Path(self._folder)}

    def _remove(self) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
