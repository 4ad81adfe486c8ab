"""``plait.advise``: what it finds for functions of a known kind, what it says, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import threading
import time

import pytest

import plait
from plait._see.advise_profile import Profile
from plait._see.advise_rule import pick
from plait._see.advise_trial import Trial
from plait._see.advise_words import curve, sentence, table
from plait.errors import UsageError

pytestmark = pytest.mark.usefixtures("nothing_left")
SEEN: list[int] = []
LOOP = Trial("inline", 1, 100.0)
THREADS = Trial("thread", 8, 101.0)
PROCESSES = Trial("process", 2, 195.0, start_seconds=0.05, worker_bytes=5 << 20)
COMPUTES = Profile(calls=30, seconds=0.01, busy_seconds=0.01, cores=1.0, gil=0.97, transfer_bytes=24)


def compute(n: int) -> int:
    total = 0
    for x in range(n):
        total += x * x
    return total


def wait(x: float) -> float:
    time.sleep(0.002)
    return x


def notes(x: int) -> int:
    SEEN.append(x)
    return compute(2000)


def fails(x: int) -> int:
    raise ZeroDivisionError(x)


async def awaits(x: int) -> int:
    await asyncio.sleep(0.002)
    return x


def test_what_waits_gets_threads():
    found = plait.advise(wait, range(500), seconds=1.0)
    assert found.engine == "thread"
    assert found.workers >= 8
    assert found.speed_up > 4
    assert "it waits" in found.sentence
    assert found.profile.busy_seconds < found.profile.seconds / 2


def test_coroutine_functions_are_tried_in_a_loop_also_where_one_runs():
    async def main() -> str:
        return plait.advise(awaits, range(500), seconds=0.5).engine

    assert asyncio.run(main()) == "async"


def test_what_computes_is_tried_on_every_engine():
    found = plait.advise(compute, [20_000] * 1000, seconds=1.0)
    assert {trial.engine for trial in found.trials} >= {"inline", "thread", "process"}
    assert found.profile.gil > 0.3
    process = next(trial for trial in found.trials if trial.engine == "process")
    assert process.worker_bytes is None or process.worker_bytes > 1 << 20
    assert process.start_seconds > 0
    assert str(found).startswith(found.sentence)


def test_what_shares_state_is_never_sent_away():
    found = plait.advise(notes, range(1000), seconds=1.0)
    assert found.engine in ("inline", "thread")
    assert '"SEEN" is shared' in found.profile.obstacle
    assert '"SEEN" is shared' in found.sentence or found.break_even is None


def test_as_json_and_as_a_page():
    found = plait.advise(wait, range(10), seconds=0.3, total=1_000_000)
    assert found.items == 1_000_000
    data = json.loads(json.dumps(found.as_dict()))
    assert data["sentence"] == found.sentence
    assert data["trials"][0]["engine"] == "inline"
    page = found.page()
    assert "<svg" in page
    assert "http" not in page
    assert "&quot;" in found._repr_html_()


def test_what_cannot_be_measured_is_said():
    with pytest.raises(ZeroDivisionError):
        plait.advise(fails, [1], seconds=0.2)
    with pytest.raises(UsageError, match="there is no item"):
        plait.advise(wait, [])
    with pytest.raises(UsageError, match="expected a function"):
        plait.advise(3, [1])  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="seconds=0"):
        plait.advise(wait, [1], seconds=0)
    with pytest.raises(UsageError, match="total=0"):
        plait.advise(wait, [1], total=0)


def test_what_cannot_cross_is_a_problem_of_processes_alone():
    lock = threading.Lock()

    def locked(x: int) -> int:
        with lock:
            return x

    found = plait.advise(locked, range(10), seconds=0.3)
    assert found.engine in ("inline", "thread")
    assert all(trial.problem for trial in found.trials if trial.engine == "process")
    assert "process: " in str(found)


@pytest.mark.parametrize(
    ("items", "may_move", "engine"),
    [(1000, True, "process"), (3, True, "inline"), (1000, False, "inline")],
)
def test_the_rule(items: int, may_move: bool, engine: str) -> None:
    found = pick([LOOP, THREADS, PROCESSES], items, may_move=may_move)
    assert found is not None
    assert found.best.engine == engine
    assert found.break_even == 11


def test_nothing_ran():
    assert pick([Trial("inline", 1, problem="no")], 10, may_move=True) is None


def test_words():
    trials = [LOOP, THREADS, PROCESSES, Trial("interpreter", 1, problem="numpy does not load")]
    picked = pick(trials, 1000, may_move=True)
    assert picked is not None
    assert sentence("f", picked, COMPUTES, trials, 2) == (
        'f: use engine="process" with 2 workers, 1.9 times as fast as a loop: it computes and holds the GIL 97 % of 10 ms '
        "per item; it pays from 11 items on."
    )
    lines = table(trials, picked.best, 1000)
    assert lines[-1] == "interpreter: numpy does not load"
    assert "5 MiB" in lines[-2]
    assert lines[-2].endswith("5.2 s *")
    assert curve(trials, picked.best)[-1].count("█") == 40


def test_functions_with_threads_of_their_own_are_told():
    profile = Profile(30, 0.01, 0.01, 2.0, 0.0, libraries=("openblas",))
    picked = pick([LOOP, THREADS], 10, may_move=True)
    assert picked is not None
    said = sentence("f", picked, profile, [LOOP, THREADS], 2)
    assert "keeps 2.0 of 2 cores busy by itself (openblas)" in said
    assert "OMP_NUM_THREADS=1" in said
