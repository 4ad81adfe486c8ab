"""A test as a program: with what pytest and unittest have set up around it, anew for each execution."""

from __future__ import annotations

import ast
import inspect
import unittest
from collections.abc import Callable
from contextlib import ExitStack
from operator import attrgetter
from types import ModuleType, TracebackType

from plait._check.fresh import FreshModules
from plait._check.programs.function_program import FunctionProgram
from plait._check.programs.parameters import filters_anew
from plait._check.programs.setting import Setting, Wants

Error = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]

# What is called before and after, with the module, the class or the function if it takes that.
_MODULE = (("setup_module", "teardown_module"), ("setUpModule", "tearDownModule"))
_FUNCTION = (("setup_function", "teardown_function"),)
_CLASS = (("setup_class", "teardown_class"),)
_METHOD = (("setup_method", "teardown_method"),)
_CASE = (("setUpClass", "tearDownClass"),)


class TestProgram(FunctionProgram):
    """Calls a test function, a method of a class of tests, or a test of a `unittest.TestCase`."""

    __test__ = False  # pytest takes whatever is called Test for one

    def __init__(
        self, function: Callable[..., object], owner: type | None, name: str, fresh: FreshModules, wants: Wants
    ) -> None:
        super().__init__(function, fresh)
        self._wants = wants
        self.owner, self.method = "", name
        if owner is not None:  # not always the class that has the method: it may be inherited
            self.module, self.owner = owner.__module__, owner.__qualname__

    def call(self, module: ModuleType) -> None:
        with ExitStack() as stack:
            stack.enter_context(filters_anew())
            _around(stack, module, _MODULE, module)
            owner = attrgetter(self.owner)(module) if self.owner else None
            if owner is None:
                function = getattr(module, self.method)
                setting = self._set(stack, None, function)
                _around(stack, module, _FUNCTION, function)
                setting.call()
            elif issubclass(owner, unittest.TestCase):
                stack.callback(_clean_up, owner)
                _around(stack, owner, _CASE, owner)
                case = owner(self.method)
                self._set(stack, case, getattr(case, self.method)).surround(methods=True)
                _run(case)
            else:
                _around(stack, owner, _CLASS, owner)
                instance = owner()
                method = getattr(instance, self.method)
                setting = self._set(stack, instance, method)
                _around(stack, instance, _METHOD, method)
                setting.surround(methods=True)
                setting.call()

    def _set(self, stack: ExitStack, instance: object, test: Callable[..., object]) -> Setting:
        """What the test is given, with the fixtures around it that its class does not have."""
        setting = Setting(self._wants, stack, instance, test)
        setting.surround(methods=False)
        return setting


def has_tests(source: str) -> bool:
    """Whether a module defines what a test runner would call.

    >>> has_tests("def test_it(): ..."), has_tests("class TestIt: test_it = 1"), has_tests("test = 1")
    (True, False, False)
    """
    body = ast.parse(source).body
    methods = [node for one in body if isinstance(one, ast.ClassDef) for node in one.body]
    functions = (node for node in (*body, *methods) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return any(node.name.startswith("test") for node in functions)


class _Outcome(unittest.TestResult):
    """Keeps what went wrong in one test: the exception itself."""

    def __init__(self) -> None:
        super().__init__()
        self.error: BaseException | None = None

    def _keep(self, error: BaseException | None) -> None:
        self.error = self.error or error

    def addError(self, test: unittest.TestCase, err: Error) -> None:  # noqa: N802  as unittest calls it
        self._keep(err[1])

    def addFailure(self, test: unittest.TestCase, err: Error) -> None:  # noqa: N802  as unittest calls it
        self._keep(err[1])

    def addSubTest(  # noqa: N802  as unittest calls it
        self, test: unittest.TestCase, subtest: unittest.TestCase, err: Error | None
    ) -> None:
        self._keep(err[1] if err is not None else None)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802  as unittest calls it
        self._keep(unittest.SkipTest(reason))

    def addExpectedFailure(self, test: unittest.TestCase, err: Error) -> None:  # noqa: N802  as unittest calls it
        self._keep(err[1])  # that it was expected is for the test runner to know: one schedule that fails is enough


def _run(case: unittest.TestCase) -> None:
    outcome = _Outcome()
    case.run(outcome)
    if outcome.error is not None:
        raise outcome.error


def _clean_up(owner: type[unittest.TestCase]) -> None:
    owner.doClassCleanups()
    for _, error, _ in owner.tearDown_exceptions:  # type: ignore[attr-defined]  # documented, and not in typeshed
        raise error


def _around(stack: ExitStack, holder: object, names: tuple[tuple[str, str], ...], subject: object) -> None:
    """Call what is to come before, if it is there, and have called what is to come after."""
    for before, after in names:
        _call(getattr(holder, before, None), subject)
        stack.callback(_call, getattr(holder, after, None), subject)


def _call(function: Callable[..., object] | None, subject: object) -> None:
    if function is not None:
        function(*[subject][: len(inspect.signature(function).parameters)])
