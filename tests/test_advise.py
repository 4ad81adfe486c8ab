"""``plait.advise``: what it finds for functions of a known kind, what it says, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from advised import awaits, compute, fails, keeps, looks_up, notes, wait

import plait
from plait._see.advise.forecast import forecast
from plait._see.advise.load import Taken, between, unhindered
from plait._see.advise.profile import Profile
from plait._see.advise.rule import Pick, contenders, enough_workers, knowing_one_call, next_workers, pick, weigh
from plait._see.advise.sample import sample
from plait._see.advise.trial import Bench, Trial
from plait._see.advise.words import curve, sentence, table
from plait.engines import ProcessEngine
from plait.errors import UsageError

pytestmark = pytest.mark.usefixtures("nothing_left")
LOOP = Trial("inline", 1, 100.0)
THREADS = Trial("thread", 8, 101.0)
PROCESSES = Trial("process", 2, 195.0, start_seconds=0.05, worker_bytes=5 << 20)
COMPUTES = Profile(calls=30, seconds=0.01, busy_seconds=0.01, cores=1.0, gil=0.97, transfer_bytes=24)


def fails_late(x: int) -> None:
    if x == 9:
        raise ZeroDivisionError(x)


async def awaits_late(x: int) -> None:
    fails_late(x)


def test_what_waits_gets_threads():
    """At five times at the most: where others take the cores for a moment, a measurement of threads says little."""
    tries = (plait.advise(wait, range(500), seconds=1.0) for _ in range(5))
    found = next(found for found in tries if found.workers >= 16 and found.speed_up > 8)
    assert found.engine == "thread"
    assert "it waits" in found.sentence
    assert found.profile.busy_seconds < found.profile.seconds / 2


def test_coroutine_functions_are_tried_in_a_loop_also_where_one_runs():
    async def main() -> str:
        return plait.advise(awaits, range(500), seconds=0.5).engine

    assert asyncio.run(main()) == "async"


def test_what_computes_is_tried_on_every_engine():
    """And is seen to hold the GIL, at three times at the most: a canary without a core for a moment hears little."""
    tries = [plait.advise(compute, [20_000] * 1000, seconds=1.0)]
    while len(tries) < 3 and (tries[-1].profile.gil <= 0.6 or tries[-1].profile.shares_well):
        tries.append(plait.advise(compute, [20_000] * 1000, seconds=1.0))
    found = tries[-1]
    assert {trial.engine for trial in found.trials} >= {"inline", "thread", "process"}
    assert found.profile.gil > 0.6
    assert not found.profile.shares_well
    process = next(trial for trial in found.trials if trial.engine == "process")
    assert process.worker_bytes is None or process.worker_bytes > 1 << 20
    assert process.start_seconds > 0
    assert str(found).startswith(found.sentence)


def test_the_memory_of_a_worker_is_its_own_and_not_that_of_what_starts_it():
    """A mean over the workers and the process that they are forked from had halved it."""
    measured = Profile(calls=30, seconds=0.001, busy_seconds=0.001, cores=1.0, gil=0.97)
    engine = ProcessEngine()
    try:
        trial = Bench(engine, keeps, range(100), measured, 2).run(1, 0.05)
    finally:
        engine.close()
    assert trial.worker_bytes is None or 64 << 20 < trial.worker_bytes < 128 << 20


def test_what_shares_state_is_never_sent_away():
    found = plait.advise(notes, range(1000), seconds=1.0)
    assert found.engine in ("inline", "thread")
    assert '"SEEN" is shared' in found.profile.obstacle
    assert '"SEEN" is shared' in found.sentence or found.break_even is None


def test_what_only_reads_a_table_may_be_sent_away_with_a_copy():
    found = plait.advise(looks_up, range(1000), seconds=0.5)
    assert (found.profile.obstacle, found.profile.tables) == ("", ("TABLE",))
    trials = [LOOPS, trial("process", 2, 195, 190, 197, start=0.05)]
    picked = pick(trials, 1000, replace(COMPUTES, tables=("TABLE",)))
    assert picked is not None
    said = sentence("looks_up", picked, replace(COMPUTES, tables=("TABLE",)), trials, 2)
    assert 'workers have a copy of "TABLE"' in said
    assert 'engine="auto"' in said


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


@pytest.mark.parametrize("late", [fails_late, awaits_late])
def test_which_item_it_fails_with_is_said(late: Callable[[int], object]) -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        plait.advise(late, [7, 8, 9], seconds=0.5)
    (note,) = raised.value.__notes__
    assert re.fullmatch(r"plait: raised while it was measured with the item 9, at test_advise.py:\d+", note)


def test_making_a_generator_is_nothing_to_measure() -> None:
    def squares(n: int) -> Iterator[int]:
        yield from (x * x for x in range(n))

    for function, what in ((squares, "a generator"), (lambda n: map(abs, range(n)), "a map object")):
        with pytest.raises(UsageError, match=f"gives {what}: its code does not run before that is iterated"):
            plait.advise(function, [100], seconds=0.2)


def test_what_cannot_cross_is_a_problem_of_processes_alone():
    lock = threading.Lock()

    def locked(x: int) -> int:
        with lock:
            return x

    found = plait.advise(locked, range(10), seconds=0.3)
    assert found.engine in ("inline", "thread")
    assert all(trial.problem for trial in found.trials if trial.engine == "process")
    assert "process: " in str(found)


def trial(engine: str, workers: int, *rounds: float, start: float = 0.0) -> Trial:
    found = Trial(engine, workers, start_seconds=start)
    for per_second in rounds:
        found.add(per_second)
    return found


LOOPS = trial("inline", 1, 100, 101, 99)
SHARES = replace(COMPUTES, obstacle='"seen" is shared')
WAITS = Profile(calls=100, seconds=0.01, busy_seconds=0.0001, cores=0.1, gil=0.01)
RELEASES = Profile(calls=100, seconds=0.01, busy_seconds=0.01, cores=1.0, gil=0.05)
MIXED = Profile(calls=100, seconds=0.01, busy_seconds=0.01, cores=1.0, gil=0.5)
BUSY = replace(RELEASES, hindered=0.5)


@pytest.mark.parametrize(
    ("profile", "trials", "items", "advised"),
    [
        (COMPUTES, [LOOPS, trial("process", 2, 195, 190, 197, start=0.05)], 1000, "process 2"),
        (COMPUTES, [LOOPS, trial("process", 2, 195, 190, 197, start=0.05)], 3, "inline 1"),  # not worth the start
        (SHARES, [LOOPS, trial("process", 2, 195, 190, 197)], 1000, "inline 1"),
        (COMPUTES, [LOOPS, trial("process", 2, 105, 107, 106)], 1000, "inline 1"),  # within the noise
        (COMPUTES, [LOOPS, trial("thread", 4, 120, 119, 90)], 1000, "inline 1"),  # who holds the GIL: a disturbed round
        (COMPUTES, [LOOPS, trial("thread", 4, 120, 121, 119)], 1000, "thread 4"),  # whatever it is, it is faster
        (MIXED, [LOOPS, trial("thread", 2, 130, 90, 131)], 1000, "thread 2"),
        (MIXED, [trial("inline", 1, 5e6), trial("thread", 2, 9e6)], 100, "inline 1"),  # saves microseconds
        (RELEASES, [LOOPS, trial("thread", 2, 170, 150, 190), trial("process", 2, 195, 185, 197)], 1000, "thread 2"),
        (RELEASES, [LOOPS, trial("thread", 2, 130, 131, 132), trial("process", 2, 195, 190, 197)], 1000, "process 2"),
        (BUSY, [LOOPS, trial("thread", 2, 130, 131, 132), trial("process", 2, 195, 190, 197)], 1000, "thread 2"),
        (WAITS, [LOOPS, trial("thread", 8, 500, 90, 500), trial("process", 4, 520, 520, 520)], 1000, "thread 8"),
        (WAITS, [LOOPS, trial("thread", 8, 300, 500, 500), trial("process", 8, 800, 480, 900)], 1000, "thread 8"),
        (WAITS, [LOOPS, trial("thread", 8, 300, 310, 300), trial("process", 8, 800, 700, 900)], 1000, "process 8"),
        (WAITS, [LOOPS, trial("thread", 8, 700, 710), trial("thread", 16, 690, 700)], 1000, "thread 8"),
        (WAITS, [LOOPS, trial("thread", 8, 700, 710), trial("thread", 16, 740, 750)], 1000, "thread 16"),
        (RELEASES, [LOOPS, trial("thread", 2, 190, 191), trial("thread", 4, 195, 196)], 1000, "thread 2"),
        (WAITS, [LOOPS, trial("thread", 1, 330, 320)], 1, "inline 1"),  # it does the same as the loop
    ],
)
def test_the_rule(profile: Profile, trials: list[Trial], items: int, advised: str) -> None:
    found = pick(trials, items, profile)
    assert found is not None
    assert f"{found.best.engine} {found.best.workers}" == advised


@pytest.mark.parametrize(
    ("profile", "trials", "advised"),
    [
        (COMPUTES, [trial("inline", 1, 90), trial("process", 1, 160), trial("process", 2, 130)], "process 2"),
        (COMPUTES, [trial("inline", 1, 90), trial("thread", 4, 150), trial("process", 2, 130)], "process 2"),
        (RELEASES, [trial("inline", 1, 110), trial("thread", 2, 110), trial("process", 2, 190)], "thread 2"),
        (WAITS, [trial("inline", 1, 90), trial("thread", 8, 300), trial("process", 8, 500)], "thread 8"),
        (MIXED, [trial("inline", 1, 90), trial("thread", 2, 120), trial("process", 2, 190)], "process 2"),
    ],
)
def test_on_a_busy_machine_what_one_call_is_like_counts(profile: Profile, trials: list[Trial], advised: str) -> None:
    busy = replace(profile, hindered=0.6)
    found = pick(weigh(trials, busy, cores=2, start=0.1), 1000, busy)
    assert found is not None
    assert f"{found.best.engine} {found.best.workers}" == advised
    assert weigh(trials, replace(profile, hindered=0.0), cores=2, start=0.1) == trials


@pytest.mark.parametrize(
    ("engine", "workers", "profile", "per_second"),
    [
        ("inline", 1, WAITS, 100),
        ("thread", 8, WAITS, 800),
        ("process", 8, WAITS, 800),
        ("thread", 64, replace(WAITS, busy_seconds=0.001), 2000),  # as much as two cores can
        ("thread", 64, replace(WAITS, gil=0.1), 1000),  # as much as the GIL can
        ("thread", 8, COMPUTES, 100),
        ("thread", 8, RELEASES, 200),
        ("thread", 2, MIXED, 160),
        ("process", 8, MIXED, 200),
        ("process", 2, replace(COMPUTES, transfer_seconds=0.01), 100),
    ],
)
def test_what_an_engine_should_do(engine: str, workers: int, profile: Profile, per_second: float) -> None:
    assert forecast(engine, workers, profile, cores=2) == pytest.approx(per_second, rel=0.05)


def test_break_even():
    for profile, expected in ((COMPUTES, 11), (SHARES, 11), (WAITS, None)):
        found = pick([LOOP, THREADS, PROCESSES], 1000, profile)
        assert found is not None
        assert found.break_even == expected


def test_nothing_ran():
    assert pick([Trial("inline", 1, problem="no")], 10, COMPUTES) is None


def test_so_many_workers_are_tried_as_can_help_a_function_that_waits():
    tried = [trial("thread", workers, 500) for workers in (1, 2, 4, 8)]
    assert next_workers(tried, 64) is None
    assert next_workers(tried, 64, enough=enough_workers("thread", WAITS, 2)) == 16
    assert enough_workers("thread", COMPUTES, 2) == enough_workers("process", WAITS, 2) == 2


def test_the_best_of_each_engine_is_measured_again():
    threads, few, slow = trial("thread", 8, 400), trial("thread", 2, 200), trial("process", 1, 90)
    assert contenders([LOOPS, few, threads, slow]) == [LOOPS, threads]


@pytest.mark.parametrize(
    ("seconds", "taken", "least", "expected"),
    [
        (1.0, Taken(ran=1.0, waited=0.0, driver_waited=0.0), 0.5, 1.0),  # nobody else was there
        (3.0, Taken(ran=1.0, waited=2.0, driver_waited=0.0), 0.5, 1.0),  # a loop beside two others
        (
            3.0,
            Taken(ran=2.0, waited=2.0, driver_waited=0.5),
            1.0,
            1.0,
        ),  # two workers, and who feeds them, beside others
        (2.0, Taken(ran=4.0, waited=1.5, driver_waited=0.0), 0.1, 2.0),  # many of ours on two cores
        (2.0, Taken(ran=1.0, waited=1.5, driver_waited=0.0), 0.9, 0.9),  # the GIL lets no more happen
        (2.0, Taken(ran=0.1, waited=0.0, driver_waited=0.0), 2.2, 2.0),  # never slower than it was
    ],
)
def test_what_other_programs_took_is_taken_off(seconds: float, taken: Taken, least: float, expected: float) -> None:
    assert unhindered(seconds, taken, cores=2, least=least) == pytest.approx(expected)


def test_threads_that_only_look_after_something_are_no_workers():
    before = {1: (1.0, 0.0), 9: (5.0, 1.0)}
    after = {1: (1.1, 0.2), 2: (1.0, 0.4), 3: (0.8, 0.2), 9: (5.01, 3.0)}
    found = between(before, after, driver=1)
    assert found.waited == pytest.approx(0.3)
    assert found.driver_waited == pytest.approx(0.2)
    assert between({1: (1.0, 0.0)}, {1: (2.0, 0.5)}, driver=1) == Taken(1.0, 0.5, 0.0, 0.5)


def test_words():
    trials = [LOOP, THREADS, PROCESSES, Trial("interpreter", 1, problem="numpy does not load")]
    picked = pick(trials, 1000, COMPUTES)
    assert picked is not None
    assert sentence("f", picked, COMPUTES, trials, 2) == (
        'f: use engine="process" with 2 workers, 1.9 times as fast as a loop over 1,000 items: it computes and holds '
        "the GIL 97 % of 10 ms per item; it pays from 11 items on."
    )
    lines = table(trials, picked.best, 1000)
    assert lines[-1] == "interpreter: numpy does not load"
    assert "5 MiB" in lines[-2]
    assert lines[-2].endswith("5.2 s *")
    assert curve(trials, picked.best)[-1].count("█") == 40


@pytest.mark.parametrize("items", [1, 2, 9, 60, 999, 10**6])
@pytest.mark.parametrize(("engine", "workers", "per_second"), [
    ("async", 1000, 69_500.0), ("thread", 8, 790.0), ("thread", 64, 101.0), ("process", 2, 205.0), ("inline", 1, 100.0),
])  # fmt: skip
def test_no_promise_is_beyond_what_so_many_items_allow(
    items: int, engine: str, workers: int, per_second: float
) -> None:
    loop, other = knowing_one_call(
        [trial("async" if engine == "async" else "inline", 1, 100), trial(engine, workers, per_second)]
    )
    picked = Pick(other, [loop, other], None, items)
    assert picked.speed_up <= items
    assert other.seconds(items) >= loop.seconds(1) == 0.01
    assert other.seconds(items) >= items / per_second
    if per_second <= 100 * workers:
        assert other.seconds(items) >= math.ceil(items / workers) * min(0.01, workers / per_second)


def test_no_more_workers_are_tried_than_there_are_items() -> None:
    found = plait.advise(wait, [1], seconds=0.2)
    assert (found.engine, found.speed_up) == ("inline", 1.0)
    assert "nothing is faster for 1 item:" in found.sentence
    assert max(one.workers for one in found.trials if one.engine == "thread") == 1
    assert max(one.workers for one in found.trials if one.engine == "process") <= 2  # for what it says of many items
    assert "-0.0 cores" not in str(found)
    assert str(found).count("1 items") == 0
    several = plait.advise(awaits, range(3), seconds=0.2)
    assert several.workers <= 3
    assert several.speed_up <= 3
    assert several.seconds >= several.trials[0].seconds(1)


def test_functions_with_threads_of_their_own_are_told():
    profile = Profile(30, 0.01, 0.01, 2.0, 0.0, libraries=("openblas",))
    picked = pick([LOOP, THREADS], 10, profile)
    assert picked is not None
    said = sentence("f", picked, profile, [LOOP, THREADS], 2)
    assert "keeps 2.0 of 2 cores busy by itself (openblas)" in said
    assert "OMP_NUM_THREADS=1" in said


def test_items_that_are_dear_to_move_do_not_keep_it_for_longer_than_was_wanted() -> None:
    advice = plait.advise(len, [bytes([n]) * (2 << 20) for n in range(4)] * 1000, seconds=0.5)
    moved = [trial for trial in advice.trials if trial.engine == "process"]
    assert moved  # a call takes 0.1 us: by that alone, millions of items would have been tried, an hour of copying
    assert all(0 < trial.items < 20_000 for trial in moved)
    assert advice.engine in ("inline", "thread")


def test_what_is_looked_at_comes_from_all_over_the_items() -> None:
    """Sorted items are the rule, and what costs most often stands last."""
    seen: set[int] = set()
    plait.advise(seen.add, range(1_000_000), seconds=0.2)
    assert min(seen) == 0
    assert max(seen) > 990_000


@pytest.mark.parametrize("count", [1, 2, 3, 10, 97, 1200, 10_000])
def test_the_first_of_them_are_like_all_of_them(count: int) -> None:
    items = sample(iter(range(count)), 10_000)
    assert sorted(items) == list(range(count))
    for few in range(1, min(count, 200)):
        largest = max(later - earlier for earlier, later in pairwise(sorted([*items[:few], count])))
        assert largest <= max(2, 2 * count / few)


def moves(folder: str) -> int:
    os.chdir(folder)
    time.sleep(0.002)
    return len(os.listdir())


def test_what_changes_the_whole_process_is_not_tried_on_threads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)  # and back at the end
    advice = plait.advise(moves, [str(tmp_path)] * 100, seconds=0.4)
    assert {trial.engine for trial in advice.trials} == {"inline", "process"}
    assert "no two run at the same time in one process, because os.chdir changes the folder" in advice.sentence
