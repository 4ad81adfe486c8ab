"""The pytest plugin: ``pytest --plait`` runs each test under many schedules; ``@pytest.mark.plait`` always does.

The schedule that broke a test is kept in pytest's cache and tried first the next time. A test that cannot be explored
runs as it always does and is listed at the end, with the reason; a marked one fails instead, since a mark is a demand.
"""

from __future__ import annotations

import io
import sys
import tempfile
import unittest
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

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
            if options.pop("skip", ""):
                return None, False
            return Wanted(**options), True
        return (Wanted(seconds=seconds), False) if seconds is not None else (None, False)

    def _explore(self, item: pytest.Function, wanted: Wanted, demanded: bool) -> bool:
        """Whether the test has been explored; it raises what the test does."""
        values = item.callspec.params if hasattr(item, "callspec") else {}
        info = item._fixtureinfo
        fixtures = {name: _fixture(defined[-1]) for name, defined in info.name2fixturedefs.items() if defined}
        test = ExploredTest(item.function, item.cls, info.argnames, fixtures, values)
        reason = test.obstacle()
        if not reason:
            checked = test.explore(wanted, self._tokens().get(item.nodeid, ""))
            self._schedules += checked.coverage.schedules
            reason = self._settle(item, checked)
        if reason:
            self._not_checked(item, reason, demanded)
            return False
        self._explored += 1
        return True

    def _not_checked(self, item: pytest.Function, reason: str, demanded: bool) -> None:
        if demanded:
            pytest.fail(f"not checked: {reason}", pytrace=False)
        self._plain[item.nodeid] = reason

    def _settle(self, item: pytest.Function, checked: Checked) -> str:
        """Why nothing can be said; "" if the test passed. What failed is raised, and its token kept."""
        told = checked.told
        if told is None:
            self._keep(item.nodeid, "")
            return "" if checked.verdict.word in ("passed", "proved") else checked.verdict.reason
        error = told.record.failure.exception if told.record.failure is not None else None
        if isinstance(error, pytest.skip.Exception | pytest.xfail.Exception | unittest.SkipTest):
            raise error
        self._keep(item.nodeid, told.token)
        around = Around(str(checked.coverage), "run it again: this schedule is tried first")
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
    elif "." in getattr(function, "__qualname__", "."):
        obstacle = "it is no function at the top level of a module"
    return Fixture(function, tuple(defined.argnames), obstacle)


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
