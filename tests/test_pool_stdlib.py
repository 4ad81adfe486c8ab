"""CPython's own tests of executors, run against Pool; those that do not apply are listed with their reasons."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest
from stdlib_executors import loading
from stdlib_executors.not_applicable import NOT_APPLICABLE, Listed, reason

_MOST = 110  # seconds for the tests of one class, which wait on purpose for some of them


def _run(arguments: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Run `stdlib_executors.run` in a process of its own: those tests change the module they test, and count threads."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(loading.ROOT / "src"), str(loading.ROOT / "tests")])}
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
    found: dict[str, list[str]] = json.loads(_run([], seconds=60).stdout)
    return {name: tests for name, tests in found.items() if tests}


@pytest.fixture(autouse=True)
def _available() -> None:
    if not classes():
        pytest.skip(
            "this Python has no tests of its own, and Debian's cannot be had: sh tests/stdlib_executors/fetch.sh"
        )


@pytest.mark.parametrize("name", sorted(classes()))
def test_class(name: str) -> None:
    """Every test of the class that is not listed passes, and none is skipped."""
    tests = [test for test in classes()[name] if reason(f"{name}.{test}") is None]
    if not tests:
        return
    program = _run([name, *tests], seconds=_MOST)
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
