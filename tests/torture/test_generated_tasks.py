"""Random programs of asyncio, checked, and held against all that can come of each, which another loop has tried out.

``PLAIT_TORTURE=1000 pytest tests/torture/test_generated_tasks.py`` tries 2,000 programs instead of 8. What fails names
its seed: ``PLAIT_SEED=17 pytest tests/torture/test_generated_tasks.py`` tries that one program.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from loop_orders import End, ends, last, made

from plait._check.conclude import Subject, follow, search
from plait._check.explore import Budget, explore_script
from plait._check.programs.program import Script
from plait._check.record import Record
from plait._check.shrink import same_failure

ROUNDS = int(os.environ.get("PLAIT_TORTURE", "4"))
SEED = os.environ.get("PLAIT_SEED")
SEEDS = [int(SEED)] if SEED is not None else range(2 * ROUNDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_said_of_a_program_is_so(tmp_path: Path, seed: int) -> None:
    text, file = made(seed), tmp_path / "program.py"
    file.write_text(text)
    possible, whole = ends(text, str(file))
    fails = any(end[0] != "end" for end in possible)
    subject = Subject(lambda fresh: Script(str(file), (), fresh), str(file).__eq__)
    for scheduler in ("rotation", "bounded"):
        checked = search(subject, Budget(150, None), seed=1, scheduler=scheduler)
        if checked.told is None:
            assert checked.verdict.word in ("passed", "proved"), (checked.verdict, text)
            assert not fails, (checked.verdict, possible, text)
            continue
        failure = checked.told.record.failure
        assert failure is None or fails or not whole, (checked.told.finding, possible, text)
        again = follow(subject, checked.told.token)
        assert again.verdict.word == "failed"
        assert not again.stale
        assert again.told is not None
        assert same_failure(again.told.record.failure, failure)
    seen = set()
    explore_script(file, runs=30, seconds=None, scheduler="random", examine=lambda record: seen.add(_end(record)))
    assert seen <= possible or not whole, (seen - possible, possible, text)


def test_where_all_orders_are_tried_all_ends_are_seen(tmp_path: Path) -> None:
    seen: set[End] = set()
    file = tmp_path / "program.py"
    for seed in (20, 96, 235, 391):
        file.write_text(made(seed))
        explore_script(file, runs=400, seconds=None, scheduler="bounded", examine=lambda one: seen.add(_end(one)))
        assert seen == ends(made(seed), str(file)).found
        seen.clear()


def _end(record: Record) -> End:
    failure = record.failure
    if failure is None:
        return "end", last(record.output)
    if failure.unasked:
        return "unasked", ""
    if failure.exception is not None:
        return type(failure.exception).__name__, ""
    threads = [record.threads[blocked.thread] for blocked in failure.blocked]
    return "hang", tuple(sorted(one.name.split(" (")[0] for one in threads if one.kind == "task"))
