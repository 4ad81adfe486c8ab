"""The corpus in tests/bugs: every bug is found, in its own words; nothing is said about a program that is right.

As many executions as ``PLAIT_BUGS_EXECUTIONS`` says are made of each right program, from as many seeds as
``PLAIT_BUGS_SEEDS`` says, and as many searches for each bug; 1000 and 20 take about two hours.
"""

from __future__ import annotations

import ast
import os
import sys
import tomllib
from pathlib import Path

import pytest

from plait._check.conclude import Checked, Subject, search
from plait._check.explore import Budget
from plait._check.programs.program import Script

BUGS = Path(__file__).resolve().parent / "bugs"
INDEX = tomllib.loads((BUGS / "INDEX.toml").read_text())
BUGGY, CORRECT = INDEX["buggy"], INDEX["correct"]
RIGHT = [*(f"fixed/{name}" for name in BUGGY), *(f"correct/{name}" for name in CORRECT)]

# Which of two windows an execution has hit decides whether a build with the GIL can do it.
TWO_WINDOWS = ("torn_pair", "lru_cache_evicts")
LIMIT = 300  # executions until a bug must have been found
EXECUTIONS = int(os.environ.get("PLAIT_BUGS_EXECUTIONS", "5"))
SEEDS = range(1, 1 + int(os.environ.get("PLAIT_BUGS_SEEDS", "1")))


@pytest.mark.filterwarnings(  # of bugs
    "ignore::RuntimeWarning", "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", BUGGY)
def test_a_bug_is_found_and_called_what_it_is(name: str, seed: int) -> None:
    entry = BUGGY[name]
    found = _search(f"buggy/{name}", seed, LIMIT, one_output=entry["failure"] == "outcome")
    if list(sys.version_info[:2]) >= entry.get("until", [4]):
        assert found.verdict.word in ("passed", "proved"), found.verdict
        return
    assert found.verdict.word == "failed", f"{found.verdict}; {entry['fails']}"
    assert found.told is not None
    finding = found.told.finding
    failure = found.told.record.failure
    if failure is not None:  # else it was seen, or the output differs, although the program did not notice
        assert failure.kind == entry["failure"]
    assert finding.kind in entry["finding"], f"{finding.title}: {finding.why}"
    if finding.gil is not None and name not in TWO_WINDOWS:
        assert finding.gil == entry["gil"], finding.builds


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", RIGHT)
def test_nothing_is_said_about_a_right_program(name: str, seed: int) -> None:
    found = _search(name, seed, EXECUTIONS)
    assert found.verdict.word in ("passed", "proved"), f"{found.verdict}; {found.told and found.told.finding}"


def test_an_order_that_does_no_harm_where_it_is_first_seen_is_tried_where_it_comes_again() -> None:
    """An event that is cleared loses a job only if that is the last one, and the list was looked at before."""
    for seed in (0, 1):  # without such trials it takes 90 executions, and 168
        assert _search("buggy/event_clear", seed, 60).verdict.word == "failed"


def _search(name: str, seed: int, runs: int, *, one_output: bool = False) -> Checked:
    path = str(BUGS / f"{name}.py")
    subject = Subject(lambda fresh: Script(path, (), fresh), path.__eq__)
    return search(subject, Budget(runs, None), seed=seed, scheduler="rotation", one_output=one_output)


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
    assert set(entry) - {"until"} == {"class", "failure", "finding", "gil", "preemptions", "wrong", "fails"}
    assert entry["failure"] in ("exception", "deadlock", "hang", "misuse", "outcome")


def _imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
