"""What ``plait.advise`` says of functions that wait for one another, or that remember their results. Nothing runs here."""

from __future__ import annotations

from dataclasses import replace

from plait._see.advise.profile import Profile
from plait._see.advise.rule import pick, weigh
from plait._see.advise.trial import Trial
from plait._see.advise.words import sentence

LOOP = Trial("inline", 1, 100.0)
THREADS = Trial("thread", 8, 101.0)
WAITS = Profile(calls=100, seconds=0.01, busy_seconds=0.0001, cores=0.1, gil=0.01)
HINDERED = replace(WAITS, hindered=0.9)
COMPUTES = Profile(calls=30, seconds=0.01, busy_seconds=0.01, cores=1.0, gil=0.97, hindered=0.9)


def test_calls_that_wait_for_one_another_are_no_faster_on_a_busy_machine_either():
    """As for a lock: of what waits, what was measured stands, since others take no core from it."""
    flat = [Trial("inline", 1, 100.0), *(Trial("thread", many, 101.0, hindered=0.9) for many in (1, 2, 4, 8))]
    trials = weigh(flat, HINDERED, 2, start=0.1)
    assert max(trial.per_second for trial in trials) < 150  # if they waited side by side, 800
    found = pick(trials, 1000, HINDERED)
    assert found is not None
    assert "8 threads do 1.3 times the work of one, so that calls wait for one another" in sentence(
        "locked", found, HINDERED, trials, 2
    )
    (computes,) = weigh([Trial("process", 2, 50.0, hindered=0.9)], COMPUTES, 2, start=0.1)
    assert computes.per_second > 150


def test_a_function_that_remembers_its_results_is_told():
    found = pick([LOOP, THREADS], 100, WAITS)
    assert found is not None
    remembers = replace(WAITS, first_seconds=0.03, again_seconds=2e-6)
    assert "it remembers its results: for an item it took 30 ms at first, and then 2 µs" in sentence(
        "get", found, remembers, [LOOP, THREADS], 2
    )
