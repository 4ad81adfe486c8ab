"""A test as a test runner has it, explored: whether it can be, the token of last time first, then the search."""

from __future__ import annotations

import builtins
import importlib.util
import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import NamedTuple

from plait._check.conclude import Checked, Subject, follow, search
from plait._check.explore import Budget
from plait._check.function_program import file_of, own_files
from plait._check.test_program import TestProgram
from plait._core.errors import UsageError


class Wanted(NamedTuple):
    """How a test is to be explored."""

    runs: int | None = None
    seconds: float | None = 2.0
    seed: int = 0
    scheduler: str = "rotation"


class Fixture(NamedTuple):
    """A fixture: the user's function, what it needs, and why it cannot be made anew; "" if it can.

    `stands_in` makes one of those that the test runner brings, in place of its function.
    """

    function: Callable[..., object]
    needs: tuple[str, ...]
    obstacle: str = ""
    stands_in: Callable[[], AbstractContextManager[object]] | None = None


class ExploredTest:
    """One test: its function, the class it is a method of, its fixtures by name, and values of parameters.

    Fixtures that are functions of a module, and those for which something stands in, are made anew for each execution;
    see `obstacle` for the others.
    """

    def __init__(
        self,
        function: Callable[..., object],
        owner: type | None,
        names: tuple[str, ...],
        fixtures: Mapping[str, Fixture],
        values: Mapping[str, object],
    ) -> None:
        self._function = function
        self._owner = owner
        self._names = names
        self._fixtures = fixtures
        self._values = values

    def obstacle(self) -> str:
        """Why it cannot be explored; "" if it can."""
        for name in self._needed(self._names):
            fixture = self._fixtures.get(name)
            if fixture is None or fixture.obstacle:
                why = fixture.obstacle if fixture is not None else "it cannot be made anew for each execution"
                return f"it uses the fixture {name}: {why}"
        where = self._owner or self._function
        if "<" in where.__qualname__:
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
        subject = Subject(lambda fresh: TestProgram(self._function, self._owner, fresh, self._arguments), self._mine())
        if token:
            checked = follow(subject, token)
            if checked.told is not None:
                return checked
        budget = Budget(wanted.runs, wanted.seconds)
        return search(subject, budget, seed=wanted.seed, scheduler=wanted.scheduler)

    def _mine(self) -> Callable[[str], bool]:
        return own_files(file_of(self._owner or self._function))

    @contextmanager
    def _arguments(self) -> Iterator[Mapping[str, object]]:
        """What the test is called with, made in the execution; taken down after it."""
        with ExitStack() as stack:
            made: dict[str, object] = dict(self._values)
            for name in self._needed(self._names):
                made[name] = self._make(name, made, stack)
            yield {name: made[name] for name in self._names}

    def _make(self, name: str, made: Mapping[str, object], stack: ExitStack) -> object:
        fixture = self._fixtures[name]
        if fixture.stands_in is not None:
            return stack.enter_context(fixture.stands_in())
        module = builtins.__import__(fixture.function.__module__, fromlist=["*"])
        found = getattr(module, fixture.function.__name__)
        function = found._get_wrapped_function() if hasattr(found, "_get_wrapped_function") else found
        function = getattr(getattr(function, "__pytest_wrapped__", None), "obj", function)  # before pytest 8.4
        value = function(**{needed: made[needed] for needed in fixture.needs})
        if not isinstance(value, Generator):
            return value
        stack.callback(next, value, None)
        return next(value)

    def _needed(self, names: tuple[str, ...]) -> list[str]:
        """The fixtures for these names, each behind those that it needs."""
        found: dict[str, None] = {}
        for name in names:
            fixture = self._fixtures.get(name)
            if name in self._values or name in found:
                continue
            if fixture is not None and not fixture.obstacle:
                found |= dict.fromkeys(self._needed(fixture.needs))
            found[name] = None
        return [*found]
