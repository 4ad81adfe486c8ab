"""Everything that runs a map is killed at random moments: the program, its zygote, its workers, all of them.

``PLAIT_TORTURE=200 pytest tests/torture`` runs 200 rounds of each instead of a few.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest
from marked import Marked

ROUNDS = int(os.environ.get("PLAIT_TORTURE", "4"))
pytestmark = [
    pytest.mark.timeout(90),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc"),
]

PROGRAM = """
import os, sys, time
import plait

def spend(item):
    index, payload = item
    end = time.perf_counter() + (0, 0.00005, 0.002)[index % 3]
    while time.perf_counter() < end:
        pass
    return index * 3, payload

def main():
    size = 40000
    print("ready", flush=True)
    while True:
        items = ((index, bytes([index % 251]) * (size if index % 50 == 0 else 10)) for index in range(600))
        seen = []
        for outcome in plait.map(spend, items, engine="process", workers=3).outcomes():
            seen.append(outcome.index)
            if outcome.error is None:
                length = size if outcome.index % 50 == 0 else 10
                assert outcome.value == (outcome.index * 3, bytes([outcome.index % 251]) * length), outcome
            else:
                assert isinstance(outcome.error, plait.errors.WorkerDied), repr(outcome.error)
                print("died", outcome.index, flush=True)
        assert sorted(seen) == list(range(600)), (len(seen), len(set(seen)))
        print("map done", flush=True)
        if sys.argv[1] == "once":
            return

main()
print("fine", flush=True)
"""


def moment(seed: int) -> float:
    """From the first import to well into the work."""
    return random.Random(seed).uniform(0.0, 0.6)


@pytest.mark.parametrize("seed", range(ROUNDS))
@pytest.mark.parametrize("victim", ["parent", "group", "everything"])
def test_nothing_is_left_of_a_killed_program(victim: str, seed: int, tmp_path: Path) -> None:
    program = Marked(PROGRAM, "forever", folder=tmp_path)
    assert program.process.stdout is not None
    program.process.stdout.readline()
    time.sleep(moment(seed))  # the random moment
    if victim == "everything":
        pids = list(program.processes())
        random.Random(seed).shuffle(pids)
        for pid in pids:
            kill(pid)
    elif victim == "group":
        os.killpg(program.process.pid, signal.SIGKILL)
    else:
        program.process.kill()
    program.process.wait()
    assert not program.left(1.0)
    program.process.communicate()


@pytest.mark.parametrize("seed", range(ROUNDS))
@pytest.mark.parametrize("victim", ["zygote", "workers", "one worker", "zygote and workers"])
def test_a_map_outlives_its_workers(victim: str, seed: int, tmp_path: Path) -> None:
    program = Marked(PROGRAM, "once", folder=tmp_path)
    assert program.process.stdout is not None
    program.process.stdout.readline()
    chance = random.Random(seed)
    killed = 0
    for _ in range(3):
        time.sleep(chance.uniform(0.0, 0.2))  # the random moment
        pids: list[int] = []
        if "zygote" in victim and (zygote := program.zygote()):
            pids.append(zygote)
        if "worker" in victim:
            workers = program.workers()
            pids += workers[:1] if victim == "one worker" else workers
            killed += len(pids)
        for pid in pids:
            kill(pid)
    output, errors = program.process.communicate(timeout=60)
    assert output.endswith("fine\n"), (output, errors)
    assert program.process.returncode == 0
    assert output.count("died") <= killed
    assert not errors
    assert not program.left(1.0)


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
