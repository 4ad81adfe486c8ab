"""A test as a test runner has it, explored: whether it can be, the token of last time first, then the search."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import NamedTuple

from plait._check.conclude import Checked, Subject, follow, search
from plait._check.explore import Budget
from plait._check.fresh import FreshModules
from plait._check.programs.function_program import file_of, own_files
from plait._check.programs.setting import Wants, obstacle
from plait._check.programs.test_program import TestProgram
from plait._core.errors import UsageError


class Wanted(NamedTuple):
    """How a test is to be explored."""

    runs: int | None = None
    seconds: float | None = 2.0
    seed: int = 0
    scheduler: str = "rotation"


def let_go(checked: Checked) -> None:
    """What executions that were cut short have left open goes now, and says nothing to the tests that come after.

    Files, event loops and the like complain when they are thrown away; here it is not the test that did not close them.
    """
    failure = checked.told.record.failure if checked.told is not None else None
    if failure is None and checked.verdict.word in ("passed", "proved"):
        return
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        with warnings.catch_warnings(action="ignore"):
            _empty_frames(failure.exception if failure is not None else None)
            gc.collect()
    finally:
        sys.unraisablehook = hook


def _empty_frames(error: BaseException | None) -> None:
    """What the variables of the functions that an exception came through keep, they keep no more."""
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


class ExploredTest:
    """One test: its function, the class it is a method of, and what it is to have.

    `name` is its name in the module or the class; `runs_on` says what other event loop than that of asyncio it runs on,
    "" for none.
    """

    def __init__(
        self, function: Callable[..., object], owner: type | None, wants: Wants, *, name: str, runs_on: str = ""
    ) -> None:
        self._function = function
        self._owner = owner
        self._wants = wants
        self._name = name
        self._runs_on = runs_on

    def obstacle(self) -> str:
        """Why it cannot be explored; "" if it can."""
        if self._runs_on:
            return f"it runs on {self._runs_on}, and only tasks of asyncio are under control"
        wants = self._wants
        for name in (*wants.around, *wants.names):
            if reason := obstacle(name, wants.fixtures, wants.values):
                return reason
        where = self._owner or self._function
        found = where if self._owner is not None else vars(sys.modules[where.__module__]).get(self._name)
        if "<" in where.__qualname__ and (found is not where or self._owner is not None):  # decorators make such, too
            return "it is defined inside another function"
        try:
            spec = importlib.util.find_spec(where.__module__)
            file = file_of(where)
        except (ImportError, ValueError, UsageError):
            return "its source cannot be found"
        if spec is None or spec.origin is None or not os.path.samefile(spec.origin, file):
            return f"its module cannot be imported as {where.__module__}"
        return ""

    def explore(self, wanted: Wanted, token: str) -> Checked:
        """What has come of it; the schedule of `token`, if there is one, is tried before all others."""
        subject = Subject(self._program, self._mine())
        if token:
            checked = follow(subject, token)
            if checked.told is not None:
                return checked
        budget = Budget(wanted.runs, wanted.seconds)
        return search(subject, budget, seed=wanted.seed, scheduler=wanted.scheduler)

    def _program(self, fresh: FreshModules) -> TestProgram:
        return TestProgram(self._function, self._owner, self._name, fresh, self._wants)

    def _mine(self) -> Callable[[str], bool]:
        return own_files(file_of(self._owner or self._function))
