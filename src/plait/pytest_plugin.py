"""The pytest plugin: ``pytest --plait`` runs each test under many schedules; ``@pytest.mark.plait`` always does.

The schedule that broke a test is kept in pytest's cache and tried first the next time. A test that cannot be explored
runs as it always does and is listed at the end, with the reason; a marked one fails instead, since a mark is a demand.
"""

from __future__ import annotations

import inspect
import io
import sys
import tempfile
import unittest
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from plait._check.conclude import Checked
from plait._check.explored_test import ExploredTest, Fixture, Wanted
from plait._check.story import Around, tell

_SECONDS = 2.0
_TOKENS = "plait/tokens"


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--plait``, ``--plait=SECONDS``."""
    group = parser.getgroup("plait", "tests under many schedules")
    group.addoption(
        "--plait",
        nargs="?",
        type=_seconds,
        const=_SECONDS,
        metavar="SECONDS",
        help=f"Run each test under many schedules, for so many seconds; without a number, {_SECONDS:g}. "
        "Write --plait=SECONDS, or put --plait behind the paths.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The mark, and what is remembered during the run."""
    config.addinivalue_line(
        "markers",
        "plait(*, runs=None, seconds=2.0, seed=0, scheduler='rotation', skip=''): run the test under many schedules, "
        "with --plait and without; skip='reason' never does.",
    )
    config.pluginmanager.register(_Explorer(config), "plait-explorer")


class _Explorer:
    """Explores tests, and counts what has come of it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._explored = 0
        self._schedules = 0
        self._plain: dict[str, str] = {}
        self._ends: dict[str, tuple[int, str]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """True when the test has been explored, so that nobody else calls it."""
        wanted, demanded = self._wanted(pyfuncitem)
        return True if wanted is not None and self._explore(pyfuncitem, wanted, demanded) else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """Tests of unittest run themselves, and nobody is asked: once explored they have nothing left to run."""
        if isinstance(item, pytest.Function) and item.cls is not None and issubclass(item.cls, unittest.TestCase):
            wanted, demanded = self._wanted(item)
            if wanted is not None and self._explore(item, wanted, demanded):
                item.runtest = _nothing  # type: ignore[method-assign]  # what calls it does so right after this

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """What has come of a test travels with its report: pytest-xdist runs it in another process than this one."""
        report = yield
        if call.when == "call" and item.nodeid in self._ends:
            report.plait = list(self._ends.pop(item.nodeid))
        return report

    def pytest_runtest_logreport(self, report: Any) -> None:
        schedules, reason = getattr(report, "plait", (0, ""))
        self._schedules += schedules
        if reason:
            self._plain[report.nodeid] = reason
        elif schedules and (hasattr(report, "wasxfail") or not report.skipped):
            self._explored += 1

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self._explored and not self._plain:
            return
        terminalreporter.section("plait")
        terminalreporter.line(
            f"{self._explored} {'test' if self._explored == 1 else 'tests'} under {self._schedules:,} schedules"
        )
        for name, reason in self._plain.items():
            terminalreporter.line(f"not checked: {name}: {reason}")

    def _wanted(self, item: pytest.Function) -> tuple[Wanted | None, bool]:
        """How the test is to be explored, None for not at all, and whether it says so itself."""
        seconds = self._config.getoption("--plait")
        mark = item.get_closest_marker("plait")
        if mark is not None:
            options: dict[str, Any] = {"seconds": seconds or _SECONDS, **mark.kwargs}
            unknown = [*map(repr, mark.args), *(options.keys() - {*Wanted._fields, "skip"})]
            if unknown:
                known = ", ".join((*Wanted._fields, "skip"))
                pytest.fail(f"@pytest.mark.plait does not know {', '.join(unknown)}: it takes {known}", pytrace=False)
            if options.pop("skip", ""):
                return None, False
            return Wanted(**options), True
        return (Wanted(seconds=seconds), False) if seconds is not None else (None, False)

    def _explore(self, item: pytest.Function, wanted: Wanted, demanded: bool) -> bool:
        """Whether the test has been explored; it raises what the test does."""
        info = item._fixtureinfo
        fixtures = {name: _fixture(defined[-1]) for name, defined in info.name2fixturedefs.items() if defined}
        params = item.callspec.params if hasattr(item, "callspec") else {}
        values = {name: value for name, value in params.items() if _is_direct(fixtures.get(name))}
        test = ExploredTest(item.function, item.cls, info.argnames, fixtures, values)
        reason = test.obstacle()
        if not reason:
            with _each_warning_once():
                checked = test.explore(wanted, self._tokens().get(item.nodeid, ""))
            self._ends[item.nodeid] = checked.coverage.schedules, ""
            reason = self._settle(item, checked)
        if not reason:
            return True
        if demanded:
            pytest.fail(f"not checked: {reason}", pytrace=False)
        self._ends[item.nodeid] = 0, reason
        return False

    def _settle(self, item: pytest.Function, checked: Checked) -> str:
        """Why nothing can be said; "" if the test passed. What failed is raised, and its token kept."""
        told = checked.told
        if told is None:
            self._keep(item.nodeid, "")
            if checked.verdict.word not in ("passed", "proved"):
                return checked.verdict.reason
        _end_unused(item)
        if told is None:
            if _is_expected_to_fail(item):
                pytest.fail("it was expected to fail, and passed under all schedules that were tried", pytrace=False)
            return ""
        error = told.record.failure.exception if told.record.failure is not None else None
        if isinstance(error, pytest.skip.Exception | pytest.xfail.Exception | unittest.SkipTest):
            raise error
        if _is_expected_to_fail(item):
            pytest.xfail(told.finding.title)
        self._keep(item.nodeid, told.token)
        again = "run it again: this schedule is tried first"
        around = Around(str(checked.coverage), again if self._cache is not None else "needs pytest's cacheprovider")
        pytest.fail(tell(told.finding, around, checked.sources), pytrace=False)

    @property
    def _cache(self) -> pytest.Cache | None:
        """Where tokens are kept; None with ``-p no:cacheprovider``."""
        return getattr(self._config, "cache", None)

    def _tokens(self) -> dict[str, str]:
        return dict(self._cache.get(_TOKENS, {})) if self._cache is not None else {}

    def _keep(self, name: str, token: str) -> None:
        tokens = self._tokens()
        if self._cache is not None and tokens.get(name, "") != token:
            others = {other: kept for other, kept in tokens.items() if other != name}
            self._cache.set(_TOKENS, {**others, name: token} if token else others)


def _fixture(defined: pytest.FixtureDef[Any]) -> Fixture:
    """A fixture as far as it can be made anew for each execution."""
    function, obstacle = defined.func, ""
    if function.__module__.startswith("_pytest"):
        if defined.argname in _STAND_INS:
            return Fixture(function, (), stands_in=_STAND_INS[defined.argname])
        obstacle = "it cannot be made anew for each execution"
    elif defined.scope != "function":
        obstacle = f"it is made once for each {defined.scope}"
    elif defined.params is not None or "request" in defined.argnames:
        obstacle = "it depends on the request"
    elif any(test(inspect.unwrap(function)) for test in (inspect.iscoroutinefunction, inspect.isasyncgenfunction)):
        obstacle = "it is asynchronous"
    elif "." in getattr(function, "__qualname__", "."):
        obstacle = "it is no function at the top level of a module"
    return Fixture(function, tuple(defined.argnames), obstacle)


def _end_unused(item: pytest.Function) -> None:
    """End the fixtures that pytest has made for a test that will not run with them.

    What they say at their end of a test that did nothing is not so; those of each execution have had their say.
    """
    info = item._fixtureinfo
    for name in reversed(info.names_closure):
        defined = info.name2fixturedefs.get(name, ())
        if defined and defined[-1].scope == "function" and not _fixture(defined[-1]).stands_in:
            with suppress(Exception, pytest.fail.Exception):
                defined[-1].finish(item._request)  # type: ignore[arg-type]  # it only asks for the node


def _is_direct(fixture: Fixture | None) -> bool:
    """Whether the value of a parameter goes to the test itself; that of a fixture goes to the fixture."""
    return fixture is None or fixture.function.__name__ == _OF_A_PARAMETER


_OF_A_PARAMETER: Final = "get_direct_param_fixture_func"  # pytest has a fixture of its own for each of those


def _is_expected_to_fail(item: pytest.Function) -> bool:
    """Whether `unittest.expectedFailure` says so; pytest itself looks after `xfail`."""
    return any(getattr(one, "__unittest_expecting_failure__", False) for one in (item.function, item.cls))


@contextmanager
def _each_warning_once() -> Iterator[None]:
    """Each execution imports the modules again, and warns again: the first time is enough for pytest's list.

    What the test has recorded by itself, with `pytest.warns` for example, does not come here.
    """
    show, shown = warnings.showwarning, set[tuple[str, str, str, int]]()

    def show_once(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, *rest: Any, **options: Any
    ) -> None:
        known = str(message), category.__name__, filename, lineno
        if known not in shown:
            shown.add(known)
            show(message, category, filename, lineno, *rest, **options)

    warnings.showwarning = show_once
    try:
        yield
    finally:
        warnings.showwarning = show


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="plait-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


class _Read(NamedTuple):
    """What was written to standard output and standard error."""

    out: str
    err: str


class _Captured:
    """As the fixture `capsys`, within one execution."""

    def __enter__(self) -> _Captured:
        self._before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = self._out, self._err = io.StringIO(), io.StringIO()
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout, sys.stderr = self._before

    def readouterr(self) -> _Read:
        """What has been written since the last call."""
        out, err = self._out.getvalue(), self._err.getvalue()
        for stream in (self._out, self._err):
            stream.seek(0)
            stream.truncate()
        return _Read(out, err)

    @contextmanager
    def disabled(self) -> Iterator[None]:
        """What is written here goes where it went before."""
        inner = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = self._before
        try:
            yield
        finally:
            sys.stdout, sys.stderr = inner


_STAND_INS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "tmp_path": _folder,
    "monkeypatch": pytest.MonkeyPatch.context,
    "capsys": _Captured,
}


def _nothing() -> None:
    """The test has been run."""


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise pytest.UsageError(f"--plait {text}: write --plait=SECONDS, or put --plait behind the paths") from None
