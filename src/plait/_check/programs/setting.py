"""What a test is given: its fixtures, made anew for each execution, and one event loop for all that is asynchronous."""

from __future__ import annotations

import asyncio
import builtins
import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any, NamedTuple

from plait._check.diagnosis import give_up
from plait._check.programs.parameters import Parameter, anew, made_for, marked, stale
from plait._check.stage import STAGE

REQUEST = "request"  # the fixture that tells a fixture who asks


class Fixture(NamedTuple):
    """A fixture: the function, what it needs, and why it cannot be made anew; "" if it can.

    `stands_in` makes one of those that the test runner brings, in place of its function. One that is `mine` is looked
    up in its module, which is new in each execution. `parameter` is what this test has it made for.
    """

    function: Callable[..., object]
    needs: tuple[str, ...]
    obstacle: str = ""
    stands_in: Callable[[], AbstractContextManager[object]] | None = None
    mine: bool = True
    parameter: Parameter | None = None


class Wants(NamedTuple):
    """What a test is to have: the fixtures around it, those for its own parameters, and values for other parameters.

    `request` is what the test runner gives to who asks who asks.
    """

    around: tuple[str, ...]
    names: tuple[str, ...]
    fixtures: Mapping[str, Fixture]
    values: Mapping[str, Parameter]
    request: object = None


class Setting:
    """What one execution of a test has; all of it is taken down when `stack` is left.

    `instance` is the object that the test is a method of; None for a function.
    """

    def __init__(self, wants: Wants, stack: ExitStack, instance: object, test: Callable[..., object]) -> None:
        self.instance = instance
        self.test = test
        self._wants = wants
        self._stack = stack
        self._made: dict[str, object] = {}
        self._runner: asyncio.Runner | None = None

    def surround(self, *, methods: bool) -> None:
        """Makes the fixtures around the test: those that are methods of its class, or the others."""
        for name in self._wants.around:
            if is_method(self._wants.fixtures[name]) is methods:
                self.value(name)

    def call(self) -> None:
        """Calls the test with its fixtures, and runs what an `async def` gives to its end."""
        given = {name: self.value(name) for name in self._wants.names}
        self._finished(self.test(**given))

    def value(self, name: str) -> object:
        """The value of this fixture, made now if it is not there yet."""
        if name == REQUEST:
            return _Request(self, self._wants.request, "", None)
        if name not in self._made:
            parameter = self._wants.values.get(name)
            self._made[name] = self._make(name) if parameter is None else self.parameter(name, parameter, None)
        return self._made[name]

    def parameter(self, name: str, parameter: Parameter, fixture: Fixture | None) -> object:
        """The value of a parameter of the test, or of one of this fixture, as this execution has it."""
        try:
            return marked(name, parameter, self.test, sys.modules.get(self.test.__module__))
        except LookupError:
            pass  # it is not marked by name: pytest has other ways, too
        try:
            return made_for(self._defined(fixture) if fixture is not None else None, parameter)
        except LookupError:
            value = anew(parameter.value)
        if (kind := stale(value)) and STAGE.execution is not None:
            give_up(STAGE.execution, f"its parameter {name} is given a {kind} that was made when it was collected")
        return value

    def asked(self, name: str) -> object:
        """The same for a fixture that nobody has named before."""
        reason = obstacle(name, self._wants.fixtures, self._wants.values)
        if reason and STAGE.execution is not None:
            give_up(STAGE.execution, reason)
        return self.value(name)

    def at_end(self, callback: Callable[[], object]) -> None:
        """Has this called when the fixtures are taken down."""
        self._stack.callback(callback)

    def _make(self, name: str) -> object:
        fixture = self._wants.fixtures[name]
        if fixture.stands_in is not None:
            return self._stack.enter_context(fixture.stands_in())
        given = {needed: self.value(needed) for needed in fixture.needs if needed != REQUEST}
        if REQUEST in fixture.needs:
            given[REQUEST] = _Request(self, self._wants.request, name, fixture)
        function = self._function(fixture)
        value = function(**given)
        if inspect.isasyncgenfunction(function):
            made = self._finished(_next(value))
            self._stack.callback(lambda: self._finished(_next(value)))
            return made
        if inspect.isgeneratorfunction(function):
            made = next(value)
            self._stack.callback(next, value, None)
            return made
        return self._finished(value)

    def _function(self, fixture: Fixture) -> Any:
        function = _plain(self._defined(fixture))
        return partial(function, self.instance) if fixture.mine and is_method(fixture) else function

    def _defined(self, fixture: Fixture) -> Any:
        """What stands in the module or the class for it."""
        if not fixture.mine:
            return fixture.function
        if is_method(fixture):
            return inspect.getattr_static(type(self.instance), fixture.function.__name__)
        module = builtins.__import__(fixture.function.__module__, fromlist=["*"])
        return getattr(module, fixture.function.__name__)

    def _finished(self, value: object) -> object:
        if not inspect.iscoroutine(value):  # other things that can be awaited are the test's own
            return value
        if self._runner is None:
            self._runner = self._stack.enter_context(asyncio.Runner())
        return self._runner.run(value)


def is_method(fixture: Fixture) -> bool:
    """Whether it is a method of a class, as far as its name tells."""
    return "." in getattr(fixture.function, "__qualname__", "")


def obstacle(name: str, fixtures: Mapping[str, Fixture], values: Mapping[str, object]) -> str:
    """Why this fixture, or what it needs, cannot be made anew; "" if all can."""
    if name in values or name == REQUEST:
        return ""
    try:
        fixture = fixtures[name]
    except KeyError:
        return f"it uses the fixture {name}: there is none of that name"
    if fixture.obstacle:
        return f"it uses the fixture {name}: {fixture.obstacle}"
    if fixture.stands_in is not None:
        return ""
    return next(filter(None, (obstacle(one, fixtures, values) for one in fixture.needs if one != name)), "")


class _Request:
    """As the fixture `request`, within one execution; what is not of the execution is as the test runner has it."""

    def __init__(self, setting: Setting, real: object, name: str, fixture: Fixture | None) -> None:
        self._setting = setting
        self._real = real
        if fixture is not None and fixture.parameter is not None:
            self.param = setting.parameter(name, fixture.parameter, fixture)

    @property
    def instance(self) -> object:
        """The object that the test is a method of."""
        return self._setting.instance

    @property
    def cls(self) -> type | None:
        """Its class."""
        return None if self._setting.instance is None else type(self._setting.instance)

    @property
    def function(self) -> object:
        """The test."""
        return self._setting.test

    @property
    def module(self) -> object:
        """The module of the test."""
        return builtins.__import__(self._setting.test.__module__, fromlist=["*"])

    def addfinalizer(self, finalizer: Callable[[], object]) -> None:
        """Has this called when the fixtures are taken down."""
        self._setting.at_end(finalizer)

    def getfixturevalue(self, argname: str) -> object:
        """The value of another fixture."""
        return self._setting.asked(argname)

    def __getattr__(self, name: str) -> Any:
        if name == "param":
            raise AttributeError(f"this fixture has no parameter: {name}")
        return getattr(self._real, name)


async def _next(generator: AsyncGenerator[object, None]) -> object:
    return await anext(generator, None)


def _plain(found: Any) -> Any:
    """The function of a fixture as it stands in its module, where pytest has put an object around it."""
    if hasattr(found, "_get_wrapped_function"):
        return found._get_wrapped_function()
    return getattr(getattr(found, "__pytest_wrapped__", None), "obj", found)  # before pytest 8.4
