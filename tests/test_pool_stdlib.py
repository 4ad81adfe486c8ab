"""CPython's own tests of executors, run against Pool; those that do not apply are listed with their reasons."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest
from stdlib_executors import loading
from stdlib_executors.not_applicable import NOT_APPLICABLE, Listed, reason

_MOST = 110  # seconds for the tests of one class, which wait on purpose for some of them
_AT_ONCE = 3  # classes, each in a process of its own, which waits more than it works


def _run(arguments: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Run `stdlib_executors.run` in a process of its own: those tests change the module they test, and count threads."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = os.pathsep.join([str(loading.ROOT / "src"), str(loading.ROOT / "tests")])
    # Every worker imports those tests. They give a call 1.5 s to end before another, which compiling them anew can take.
    environment["PYTHONPYCACHEPREFIX"] = str(Path(sys.prefix) / "pycache-of-tests")
    command = [sys.executable, "-m", "stdlib_executors.run", *arguments]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, env=environment, cwd=Path(__file__).parent
        )
    except subprocess.TimeoutExpired as expired:
        out, err = (
            part.decode() if isinstance(part, bytes) else part or "" for part in (expired.stdout, expired.stderr)
        )
        return subprocess.CompletedProcess(command, -1, out, f"{err}\nstopped after {seconds} seconds")


@cache
def classes() -> dict[str, list[str]]:
    """The test classes of this Python and their tests; empty where they cannot be had."""
    try:
        loading.fetch()
    except (OSError, subprocess.CalledProcessError) as error:
        if os.environ.get("CI"):
            raise RuntimeError(f"CPython's tests are neither in this Python nor to be had: {error}") from error
        return {}
    program = _run([], seconds=60)
    if program.returncode:
        raise RuntimeError(f"CPython's tests cannot be listed:\n{program.stderr}")
    found: dict[str, list[str]] = json.loads(program.stdout)
    return {name: tests for name, tests in found.items() if tests}


@pytest.fixture(autouse=True)
def _available() -> None:
    if not classes():
        pytest.skip(
            "this Python has no tests of its own, and Debian's cannot be had; tests/stdlib_executors/fetch.sh says why"
        )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per class; where the classes cannot be had, one that says so."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", sorted(classes()) or ["none"])


@pytest.fixture(scope="module")
def programs(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[subprocess.CompletedProcess[str]]]]:
    """What the classes that are to be tested print; they run side by side."""
    wanted = {item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")}
    with ThreadPoolExecutor(_AT_ONCE) as executor:
        yield {
            name: executor.submit(_run, [name, *tests], _MOST)
            for name in sorted(classes())
            if name in wanted and (tests := applicable(name))
        }


def applicable(name: str) -> list[str]:
    """The tests of the class that are not listed."""
    return [test for test in classes()[name] if reason(f"{name}.{test}") is None]


def test_class(name: str, programs: dict[str, Future[subprocess.CompletedProcess[str]]]) -> None:
    """Every test of the class that is not listed passes, and none is skipped."""
    tests = applicable(name)
    if not tests:
        return
    program = programs[name].result()
    lines = [json.loads(line) for line in program.stdout.splitlines() if line.startswith('{"test"')]
    outcomes = {line["test"]: line["outcome"] for line in lines}
    bad = [line for line in lines if line["outcome"] in ("failed", "skipped")]
    bad += [{"test": test, "outcome": outcomes.get(test, "not run"), "text": program.stderr} for test in tests
            if outcomes.get(test) not in ("passed", "failed", "skipped")]  # fmt: skip
    assert not bad, "\n\n".join(f"{name}.{line['test']} {line['outcome']}:\n{line['text']}" for line in bad)


@pytest.mark.parametrize("listed", [one for one in NOT_APPLICABLE if one.for_this_python], ids=lambda one: one.test)
def test_what_is_listed_exists(listed: Listed) -> None:
    everything = [f"{name}.{test}" for name, tests in classes().items() for test in tests]
    assert any(fnmatchcase(test, listed.test) for test in everything)
    assert listed.reason
