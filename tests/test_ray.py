"""Maps on a Ray cluster: values, workers that die, and tasks that are ended while they run."""

from __future__ import annotations

import itertools
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from calls_elsewhere import PATIENCE, die_at_two, double, mark_and_wait, spin, wait_for

import plait
from plait.errors import Cancelled, TaskTimeout, UsageError, WorkerDied

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install plait[ray]")


@pytest.fixture(scope="module", autouse=True)
def _cluster() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.CRITICAL)
        yield
        ray.shutdown()


def test_values_and_the_report() -> None:
    offset = 5
    stream = plait.map(lambda x: x + offset, range(5_000), engine="ray")
    assert list(stream) == list(range(5, 5_005))
    assert (stream.report.engine, stream.report.workers) == ("ray", 2)
    assert stream.report.why[0] == "2 cores of the Ray cluster"


def test_items_run_elsewhere_and_know_who_they_are() -> None:
    found = list(plait.map(lambda _: (plait.current().index, os.getpid()), range(30), engine="ray"))
    assert [index for index, _ in found] == list(range(30))
    assert os.getpid() not in {pid for _, pid in found}


def test_an_endless_input_and_an_early_stop() -> None:
    assert list(itertools.islice(plait.map(double, itertools.count(), engine="ray"), 500)) == list(range(0, 1000, 2))


def test_a_worker_that_dies_costs_what_it_had() -> None:
    outcomes = {outcome.index: outcome for outcome in plait.map(die_at_two, range(40), engine="ray").outcomes()}
    assert isinstance(outcomes[2].error, WorkerDied)
    assert sorted(outcomes) == list(range(40))
    assert all(isinstance(outcome.error, WorkerDied) or outcome.value == n for n, outcome in outcomes.items())
    assert sum(outcome.ok for outcome in outcomes.values()) > 20


def test_a_timeout_is_kept_over_there() -> None:
    outcomes = list(plait.map(spin, [0, PATIENCE, 0], engine="ray", timeout=0.3).outcomes())
    assert [outcome.value for outcome in outcomes] == ["done", None, "done"]
    assert isinstance(outcomes[1].error, TaskTimeout)


def test_what_runs_is_killed_when_the_map_is_cancelled(tmp_path: Path) -> None:
    stream = plait.map(mark_and_wait, [(tmp_path / "began", tmp_path / "never")], engine="ray")
    canceller = threading.Thread(target=lambda: (wait_for(tmp_path / "began"), stream.cancel()))
    canceller.start()
    with pytest.raises(Cancelled):
        list(stream)
    canceller.join()
    assert stream.report.abandoned == []
    assert list(plait.map(double, range(5), engine="ray")) == [0, 2, 4, 6, 8]


def test_a_scope_cancels_a_task_that_runs(tmp_path: Path) -> None:
    with plait.scope("ray") as s:
        future = s.submit(mark_and_wait, (tmp_path / "began", tmp_path / "never"))
        wait_for(tmp_path / "began")
        future.cancel()
    assert future.cancelled()


def test_another_cluster_is_refused() -> None:
    with pytest.raises(UsageError, match="connected to another Ray cluster"):
        plait.map(double, [1], engine="ray://127.0.0.1:1")
    with pytest.raises(UsageError, match='expected "ray" or'):
        plait.engines.RayEngine("rays")
