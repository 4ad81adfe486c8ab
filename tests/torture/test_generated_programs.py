"""Random concurrent programs, checked, and held against all that can come of each, which an interpreter has enumerated.

``PLAIT_TORTURE=1000 pytest tests/torture/test_generated_programs.py`` tries 3,000 programs instead of 12. What fails
names its seed: ``PLAIT_SEED=17 pytest tests/torture/test_generated_programs.py`` tries that one program.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from interleavings import Ends, ends, made

from plait._check.conclude import Checked, Subject, follow, search
from plait._check.explore import Budget, explore_script
from plait._check.programs.program import Script
from plait._check.record import Record
from plait._check.shrink import same_failure

ROUNDS = int(os.environ.get("PLAIT_TORTURE", "4"))
SEED = os.environ.get("PLAIT_SEED")
SEEDS = [int(SEED)] if SEED is not None else range(3 * ROUNDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_said_of_a_program_is_so(tmp_path: Path, seed: int) -> None:
    program = made(seed)
    all_ends = ends(program)
    file = tmp_path / "program.py"
    file.write_text(program.text)
    subject = Subject(lambda fresh: Script(str(file), (), fresh), str(file).__eq__)
    for scheduler in ("rotation", "bounded"):
        checked = search(subject, Budget(300, None), seed=1, scheduler=scheduler)
        _is_so(checked, all_ends, program.text)
        if checked.told is not None:
            again = follow(subject, checked.told.token)
            assert again.verdict.word == "failed"
            assert not again.stale
            assert again.told is not None
            assert same_failure(again.told.record.failure, checked.told.record.failure)

    def note(record: Record) -> None:
        assert _end(record) in all_ends.failures | all_ends.outputs, program.text

    explore_script(file, runs=30, seconds=None, scheduler="random", examine=note)


def _is_so(checked: Checked, all_ends: Ends, text: str) -> None:
    word, told = checked.verdict.word, checked.told
    if told is None:
        assert word in ("passed", "proved"), (checked.verdict, text)
        assert not all_ends.failures, (checked.verdict, all_ends, text)
    elif told.record.failure is None:
        assert (told.finding.kind, all_ends.loses) == ("data race", True), (told.finding, text)
    else:
        assert _end(told.record) in all_ends.failures, (told.finding, text)


def _end(record: Record) -> str | tuple[str, int]:
    failure = record.failure
    if failure is None:
        return record.output.strip()
    if failure.exception is None:
        return "hang", 0
    return type(failure.exception).__name__, [frame.line for frame in failure.stack if frame.mine][-1]
