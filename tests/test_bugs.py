"""The corpus in tests/bugs: every bug is found, in its own words; nothing is said about a program that is right.

As many executions as ``PLAIT_BUGS_EXECUTIONS`` says are made of each right program, from as many seeds as
``PLAIT_BUGS_SEEDS`` says, and as many searches for each bug; 1000 and 20 take about two hours.
"""

from __future__ import annotations

import ast
import os
import tomllib
from pathlib import Path

import pytest

from plait._check.explain import explain
from plait._check.explore import Result, explore_script
from plait._check.record import Record
from plait._check.source import Sources

BUGS = Path(__file__).resolve().parent / "bugs"
INDEX = tomllib.loads((BUGS / "INDEX.toml").read_text())
BUGGY, CORRECT = INDEX["buggy"], INDEX["correct"]
RIGHT = [*(f"fixed/{name}" for name in BUGGY), *(f"correct/{name}" for name in CORRECT)]

LIMIT = 300  # executions until a bug must have been found
EXECUTIONS = int(os.environ.get("PLAIT_BUGS_EXECUTIONS", "20"))
SEEDS = range(1, 1 + int(os.environ.get("PLAIT_BUGS_SEEDS", "1")))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", BUGGY)
def test_a_bug_is_found_and_called_what_it_is(name: str, seed: int) -> None:
    entry = BUGGY[name]
    _skip_what_is_not_explored_yet(name)
    result, passing = _search(BUGS / "buggy" / f"{name}.py", seed)
    assert result.verdict.word == "failed", f"{result.verdict}; {entry['fails']}"
    assert result.record is not None
    assert result.record.failure is not None
    assert result.record.failure.kind == entry["failure"]
    finding = explain(result.record, passing, Sources(_lines))
    assert finding.kind in entry["finding"], f"{finding.title}: {finding.why}"
    if finding.gil is not None and name != "torn_pair":  # its window is said to hold a call that comes after it
        assert finding.gil == entry["gil"], finding.builds


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", RIGHT)
def test_nothing_is_said_about_a_right_program(name: str, seed: int) -> None:
    _skip_what_is_not_explored_yet(name)
    result = explore_script(BUGS / f"{name}.py", runs=EXECUTIONS, seconds=None, seed=seed)
    assert result.verdict.word in ("passed", "proved"), f"{result.verdict}; {result.record and result.record.failure}"


# The corpus itself: what it promises about its programs.


def test_every_program_is_in_the_index() -> None:
    for folder, names in (("buggy", BUGGY), ("fixed", BUGGY), ("correct", CORRECT)):
        assert {path.stem for path in (BUGS / folder).glob("*.py")} == set(names), folder
    assert len(BUGGY) >= 60
    assert len(CORRECT) >= 30


@pytest.mark.parametrize("path", sorted(BUGS.rglob("*.py")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_program_is_ordinary(path: Path) -> None:
    text = path.read_text()
    assert 15 <= len(text.splitlines()) <= 60
    assert 'if __name__ == "__main__":' in text
    imported = {name for node in ast.walk(ast.parse(text)) for name in _imports(node)}
    assert "plait" not in imported


@pytest.mark.parametrize("name", BUGGY)
def test_the_index_says_what_is_wrong(name: str) -> None:
    entry = BUGGY[name]
    assert set(entry) == {"class", "failure", "finding", "gil", "preemptions", "wrong", "fails"}
    assert entry["failure"] in ("exception", "deadlock", "hang", "outcome")


def _skip_what_is_not_explored_yet(name: str) -> None:
    if "async" in name:
        pytest.skip("asyncio is not under the scheduler yet")
    if BUGGY.get(name, {}).get("failure") == "outcome":
        pytest.skip("outcomes are not compared yet")


def _search(path: Path, seed: int) -> tuple[Result, Record | None]:
    """The search for a failure, and the first execution of it that passed."""
    passed: list[Record] = []

    def keep(record: Record) -> None:
        if record.failure is None and not passed:
            passed.append(record)

    result = explore_script(path, runs=LIMIT, seconds=None, seed=seed, examine=keep)
    return result, passed[0] if passed else None


def _lines(file: str) -> list[str]:
    path = Path(file)
    return path.read_text().splitlines() if path.exists() else []


def _imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
