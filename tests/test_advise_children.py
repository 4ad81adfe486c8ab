"""``plait.advise`` of functions that run child processes: these need cores as well as the program does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from plait._see.advise.forecast import forecast
from plait._see.advise.load import Taken, unhindered
from plait._see.advise.profile import Profile, profile
from plait._see.advise.rule import enough_workers, knowing_one_call, pick
from plait._see.advise.trial import Trial
from plait._see.advise.words import sentence

RUNS = Profile(calls=30, seconds=0.05, busy_seconds=0.002, cores=0.1, gil=0.0, children_seconds=0.045)
WAITS = Profile(calls=30, seconds=0.05, busy_seconds=0.002, cores=0.1, gil=0.0)

pytestmark = pytest.mark.usefixtures("nothing_left")


def test_what_children_compute_is_measured() -> None:
    found = profile(lambda _: subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True), [1], 0.1)
    assert found.children_seconds > 0.005
    assert not profile(lambda n: sum(range(n)), [1000], 0.01).runs_children


def test_no_more_is_expected_than_the_cores_have_for_children() -> None:
    """On a busy machine what one call is like counts most: it had promised as many times as there were threads."""
    assert round(forecast("thread", 12, WAITS, cores=2)) == 240
    assert round(forecast("thread", 12, RUNS, cores=2)) == 43
    assert round(enough_workers("thread", WAITS, 2)) == 50
    assert round(enough_workers("thread", RUNS, 2)) == 2


def test_more_threads_have_to_pay_where_children_compute() -> None:
    trials = knowing_one_call([Trial("inline", 1, 20.0), Trial("thread", 4, 40.0), Trial("thread", 16, 40.5)])
    assert pick(trials, 1000, WAITS).best.workers == 16  # type: ignore[union-attr]  # they ran
    picked = pick(trials, 1000, RUNS)
    assert picked is not None
    assert picked.best.workers == 4
    said = sentence("zipped", picked, RUNS, trials, 2)
    assert said.endswith("it waits 96 % of 50 ms per item, for child processes that compute for 45 ms.")


def test_children_compete_for_cores_whatever_others_took() -> None:
    """As a trial asks: never less than what its children need of all cores."""
    each = RUNS.children_seconds / 2
    assert unhindered(1.0, Taken(ran=0.1, waited=0.9, driver_waited=0.0), cores=2, least=0.9 * 20 * each) > 0.4
