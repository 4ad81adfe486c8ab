"""The pytest plugin: ``pytest --plait`` runs each test under many schedules; ``@pytest.mark.plait`` always does.

The schedule that broke a test is kept in pytest's cache and tried first the next time. A test that cannot be explored
runs as it always does and is listed at the end, with the reason; a marked one fails instead, since a mark is a demand.
"""

from __future__ import annotations

import inspect
import os
import sys
import sysconfig
import unittest
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from typing import Any, Final

import pytest

from plait._check.conclude import Checked
from plait._check.explored_test import ExploredTest, Wanted, let_go
from plait._check.investigate import Told
from plait._check.programs.parameters import Parameter
from plait._check.programs.setting import Fixture, Wants
from plait._check.reading.words import headline
from plait._check.stand_in.fixtures import Captured, folder, keep_clocks, kept, log, unlogged
from plait._check.story import Around, tell
from plait._core.errors import UsageError
from plait._core.how_many import how_many

_SECONDS = 2.0
_TOKENS = "plait/tokens"
_NO_END = "the time was up before"  # the first execution had ended: how a reason begins that bodes ill
_SHOWN = 3  # names of tests that were not checked for the same reason


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
        self._alone = 0
        self._schedules = 0
        self._plain: dict[str, list[str]] = {}
        self._ends: dict[str, tuple[int, str, bool]] = {}
        self._stories: dict[str, str] = {}

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
        elif not isinstance(item, pytest.Function) and self._config.getoption("--plait") is not None:
            self._ends[item.nodeid] = 0, f"it is no function, but a {type(item).__name__}", False

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """What has come of a test travels with its report: pytest-xdist runs it in another process than this one."""
        report = yield
        if call.when == "call" and item.nodeid in self._ends:
            schedules, reason, one_order = self._ends.pop(item.nodeid)
            story = self._stories.pop(item.nodeid, None)
            if story is not None and not report.passed:  # as under check
                report.sections += [("plait", story)] if story else []
                reason = ""
            report.plait = [schedules, reason, one_order]
        return report

    def pytest_runtest_logreport(self, report: Any) -> None:
        schedules, reason, alone = getattr(report, "plait", (0, "", False))
        self._schedules += schedules
        if reason:
            self._plain.setdefault(reason, []).append(report.nodeid)
        elif schedules and (hasattr(report, "wasxfail") or not report.skipped):
            self._explored += 1
            self._alone += alone

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self._explored and not self._plain:
            return
        terminalreporter.section("plait")
        alone = f"; in {self._alone:,} of them there is one order only" * (self._alone > 0)
        terminalreporter.line(
            f"{how_many(self._explored, 'test')} under {how_many(self._schedules, 'schedule')}{alone}"
        )
        for reason, names in self._plain.items():
            shown = names if self._config.get_verbosity() > 0 else names[:_SHOWN]
            for name in shown:
                terminalreporter.line(f"not checked: {name}: {reason}")
            if len(shown) < len(names):
                terminalreporter.line(f"    and {len(names) - len(shown):,} more for that reason: see them with -v")

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
        test = ExploredTest(item.function, item.cls, _wants(item), name=item.originalname, runs_on=_runs_on(item))
        reason = test.obstacle()
        if not reason:
            keep_clocks()
            try:
                with _each_warning_once(), unlogged():
                    checked = test.explore(wanted, self._tokens().get(item.nodeid, ""))
            except UsageError as error:
                reason = str(error)
        if not reason:
            self._ends[item.nodeid] = checked.coverage.schedules, "", checked.coverage.one_order
            try:
                reason = self._settle(item, checked, demanded)
            finally:
                let_go(checked)
        if not reason:
            return True
        if demanded:
            pytest.fail(f"not checked: {reason}", pytrace=False)
        schedules = self._ends[item.nodeid][0] if item.nodeid in self._ends else 0
        self._ends[item.nodeid] = schedules, reason, False
        if reason.startswith(_NO_END):
            self._warn(item.nodeid, reason)
        return False

    def _warn(self, name: str, reason: str) -> None:
        """What runs as always may hang as always, and what is listed at the end is never seen then."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        capture = self._config.pluginmanager.get_plugin("capturemanager")
        if reporter is not None:  # else it is in another process, of pytest-xdist
            with capture.global_and_fixture_disabled() if capture is not None else nullcontext():
                reporter.ensure_newline()
                how = "pytest -o faulthandler_timeout=30 says where it is if it hangs"
                reporter.write_line(f"plait: {name} runs as always now: {reason}. {how}", flush=True)

    def _settle(self, item: pytest.Function, checked: Checked, demanded: bool) -> str:
        """Why nothing can be said; "" if the test passed. What failed is raised, and its token kept.

        Where no schedule at all is known to pass, the order of things is not to blame, but the test, or what check
        makes of it: how it does as always says which. A mark wants to hear of it in either case.
        """
        told = checked.told
        if told is None:
            self._keep(item.nodeid, "")
            if checked.verdict.word not in ("passed", "proved"):
                return checked.verdict.reason
        failure = told.record.failure if told is not None else None
        error = failure.exception if failure is not None else None
        skips = isinstance(error, pytest.skip.Exception | pytest.xfail.Exception | unittest.SkipTest)
        if told is not None and failure is not None and error is not None and not (skips or demanded):
            certain = told.finding.certain
            if told.passing is None and (checked.coverage.one_order or not certain):
                self._stories[item.nodeid] = self._story(checked, told) if certain else ""
                self._keep(item.nodeid, told.token)
                return f"it passes as always, but not under check, whatever the schedule: {headline(failure)}"
        _end_unused(item)
        if told is None:
            if _is_expected_to_fail(item):
                pytest.fail("it was expected to fail, and passed under all schedules that were tried", pytrace=False)
            return ""
        if error is not None and skips:
            raise error
        if _is_expected_to_fail(item):
            pytest.xfail(told.finding.title)
        self._keep(item.nodeid, told.token)
        pytest.fail(self._story(checked, told), pytrace=False)

    def _story(self, checked: Checked, told: Told) -> str:
        again = "run it again: this schedule is tried first"
        around = Around(str(checked.coverage), again if self._cache is not None else "needs pytest's cacheprovider")
        return tell(told.finding, around, checked.sources)

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


def _wants(item: pytest.Function) -> Wants:
    """What the test is to have in each execution."""
    info = item._fixtureinfo
    parameters: dict[str, Parameter] = {}
    if hasattr(item, "callspec"):
        numbers = item.callspec.indices
        parameters = {name: Parameter(one, numbers.get(name, 0)) for name, one in item.callspec.params.items()}
    fixtures = _Fixtures(item, parameters)
    values = {name: value for name, value in parameters.items() if _is_direct(fixtures.get(name))}
    implied = {*info.initialnames} - {*info.argnames}
    around = tuple(one for one in info.names_closure if one in implied and one in fixtures and fixtures[one].mine)
    return Wants(around, info.argnames, fixtures, values, item._request)


class _Fixtures(dict[str, Fixture]):
    """Those that the test needs, and others when somebody asks for them by name."""

    def __init__(self, item: pytest.Function, parameters: Mapping[str, Parameter]) -> None:
        self._item = item
        self._parameters = parameters
        known = item._fixtureinfo.name2fixturedefs.items()
        super().__init__({name: _fixture(item, defined, parameters) for name, defined in known if defined})

    def __missing__(self, name: str) -> Fixture:
        defined = self._item.session._fixturemanager.getfixturedefs(name, self._item)
        if not defined:
            raise KeyError(name)
        self[name] = _fixture(self._item, defined, self._parameters)
        return self[name]


def _fixture(
    item: pytest.Function, all_defined: Sequence[pytest.FixtureDef[Any]], parameters: Mapping[str, Parameter]
) -> Fixture:
    """A fixture as far as it can be made anew for each execution; the last one of that name counts."""
    defined = all_defined[-1]
    name, function, obstacle = defined.argname, inspect.unwrap(defined.func), ""
    if function.__module__.startswith("_pytest"):
        if name in _STAND_INS:
            return Fixture(function, (), stands_in=_STAND_INS[name], mine=False)
        if name in _RENEWED:
            return Fixture(function, (), stands_in=partial(_RENEWED[name], item._request, name), mine=False)
        return Fixture(function, (), "it cannot be made anew for each execution", mine=False)
    mine = not inspect.getfile(function).startswith(_INSTALLED)
    if name in defined.argnames:
        obstacle = "it extends another one of that name"
    elif mine and "<locals>" in function.__qualname__:
        obstacle = "it is defined inside a function"
    elif mine and "." in function.__qualname__ and not hasattr(item.cls, function.__name__):
        obstacle = "it is a method of another class"
    return Fixture(function, tuple(defined.argnames), obstacle, mine=mine, parameter=parameters.get(name))


def _runs_on(item: pytest.Function) -> str:
    """The event loop that a test is for, if it is another one than that of asyncio."""
    if not inspect.iscoroutinefunction(inspect.unwrap(item.function)):
        return ""
    if item.get_closest_marker("trio") is not None:
        return "trio"
    if "anyio_backend" not in item._fixtureinfo.names_closure:
        return ""
    backend = item._request.getfixturevalue("anyio_backend")
    name = backend if isinstance(backend, str) else backend[0]
    return "" if name == "asyncio" else name


def _end_unused(item: pytest.Function) -> None:
    """End the fixtures that pytest has made for a test that will not run with them.

    What they say at their end of a test that did nothing is not so; those of each execution have had their say.
    """
    info = item._fixtureinfo
    for name in reversed(info.names_closure):
        defined = info.name2fixturedefs.get(name, ())
        if defined and defined[-1].scope == "function" and not _is_stood_in(defined[-1]):
            with suppress(Exception, pytest.fail.Exception):
                defined[-1].finish(item._request)  # type: ignore[arg-type]  # it only asks for the node


def _is_stood_in(defined: pytest.FixtureDef[Any]) -> bool:
    return defined.argname in _STAND_INS or defined.argname in _RENEWED


def _is_direct(fixture: Fixture | None) -> bool:
    """Whether the value of a parameter goes to the test itself; that of a fixture goes to the fixture."""
    return fixture is None or fixture.function.__name__ == _OF_A_PARAMETER


_OF_A_PARAMETER: Final = "get_direct_param_fixture_func"  # pytest has a fixture of its own for each of those


def _is_expected_to_fail(item: pytest.Function) -> bool:
    """Whether `unittest.expectedFailure` says so; pytest itself looks after `xfail`."""
    return any(getattr(one, "__unittest_expecting_failure__", False) for one in (item.function, item.cls))


def _context_of_warnings() -> object:
    """What `catch_warnings` sets where it is the thread's own, as it may be from CPython 3.14 on; else there is one."""
    return warnings._get_context() if getattr(sys.flags, "context_aware_warnings", False) else None  # type: ignore[attr-defined]  # no other way


@contextmanager
def _each_warning_once() -> Iterator[None]:
    """Each execution imports the modules again, and warns again: the first time is enough for pytest's list.

    What the test has recorded by itself, with `pytest.warns` for example, does not come here.
    """
    show, shown = warnings.showwarning, set[tuple[str, str, str, int]]()
    context = _context_of_warnings()

    def show_once(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, *rest: Any, **options: Any
    ) -> None:
        known = str(message), category.__name__, filename, lineno
        # Where each thread may catch its own, one that leaves its block puts this back for those that are in theirs.
        if known not in shown or _context_of_warnings() is not context:
            shown.add(known)
            show(message, category, filename, lineno, *rest, **options)

    warnings.showwarning = show_once
    try:
        yield
    finally:
        warnings.showwarning = show


@contextmanager
def _recorded() -> Iterator[object]:
    with pytest.WarningsRecorder(_ispytest=True) as recorder:
        warnings.simplefilter("default")
        yield recorder


_STAND_INS: Final[dict[str, Callable[[], AbstractContextManager[object]]]] = {
    "tmp_path": folder,
    "monkeypatch": pytest.MonkeyPatch.context,
    "capsys": Captured,
    "recwarn": _recorded,
}
_RENEWED: Final[dict[str, Callable[[Any, str], AbstractContextManager[object]]]] = {
    "caplog": log,
    **dict.fromkeys(("pytestconfig", "tmp_path_factory", "record_property", "record_xml_attribute"), kept),
}
_INSTALLED: Final = tuple(sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib", "stdlib"))


def _nothing() -> None:
    """The test has been run."""


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise pytest.UsageError(f"--plait {text}: write --plait=SECONDS, or put --plait behind the paths") from None
