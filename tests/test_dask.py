"""Maps on a Dask cluster: its address, its client, workers that die, a scheduler that is not there."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker
from pathlib import Path

import pytest
from calls_elsewhere import PATIENCE, die_at_two, double, mark_and_wait, spin, wait_for

import plait
from plait.errors import Cancelled, PlaitError, RemoteError, TaskTimeout, UsageError, WorkerDied

distributed = pytest.importorskip("distributed", reason="Dask is not installed: pip install plait[dask]")


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    import dask

    quiet = {
        "distributed.scheduler.allowed-failures": 0,  # else Dask runs again what has killed its worker
        "distributed.comm.timeouts.connect": "2s",
        "distributed.admin.system-monitor.gil.enabled": False,
    }
    with dask.config.set(quiet):
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs="CRITICAL"
        ) as cluster:
            yield cluster
    resource_tracker._resource_tracker._stop()  # which multiprocessing has started for the workers


@pytest.fixture
def address(cluster: distributed.LocalCluster) -> str:
    return str(cluster.scheduler_address).replace("tcp://", "dask://")


def test_a_map_by_address(address: str) -> None:
    offset = 5
    stream = plait.map(lambda x: x + offset, range(20_000), engine=address)
    assert list(stream) == list(range(5, 20_005))
    assert (stream.report.engine, stream.report.workers) == ("dask", 2)
    assert "2 threads of 2 workers of Dask at " in stream.report.why[0]


def test_items_run_elsewhere_and_know_who_they_are(address: str) -> None:
    found = list(plait.map(lambda _: (plait.current().index, os.getpid()), range(30), engine=address))
    assert [index for index, _ in found] == list(range(30))
    assert os.getpid() not in {pid for _, pid in found}


def test_a_client_stays_open(cluster: distributed.LocalCluster) -> None:
    with distributed.Client(cluster) as client:
        assert list(plait.map(double, range(5), engine=client)) == [0, 2, 4, 6, 8]
        assert list(plait.map(double, range(5), engine="dask")) == [0, 2, 4, 6, 8]  # the program's own
        assert list(plait.map(double, range(5), engine=client.get_executor(pure=False))) == [0, 2, 4, 6, 8]
        with plait.scope(client) as s:
            future = s.submit(pow, 2, 5)
        assert future.result() == 32
        with plait.Pool(client) as pool:
            assert list(pool.map(abs, [-1, -2])) == [1, 2]
        assert client.submit(double, 4).result() == 8


def test_an_endless_input_and_an_early_stop(address: str) -> None:
    assert list(itertools.islice(plait.map(double, itertools.count(), engine=address), 1000)) == list(range(0, 2000, 2))


def test_errors_carry_their_item_and_classes_come_back(address: str) -> None:
    class Refused(Exception):
        """Of this function only."""

    def refuse(x: int) -> int:
        if x == 3:
            raise Refused(x)
        return x

    outcomes = list(plait.map(refuse, range(6), engine=address).outcomes())
    assert [outcome.ok for outcome in outcomes] == [True, True, True, False, True, True]
    assert isinstance(outcomes[3].error, Refused | RemoteError)
    with pytest.raises(Refused) as caught:
        list(plait.map(refuse, range(6), engine=address))
    assert any("item 3" in note for note in caught.value.__notes__)


def test_a_worker_that_dies_costs_what_it_had(address: str) -> None:
    outcomes = {outcome.index: outcome for outcome in plait.map(die_at_two, range(40), engine=address).outcomes()}
    assert isinstance(outcomes[2].error, WorkerDied)
    assert "KilledWorker" in str(outcomes[2].error)
    assert sorted(outcomes) == list(range(40))
    assert all(isinstance(outcome.error, WorkerDied) or outcome.value == n for n, outcome in outcomes.items())
    assert sum(outcome.ok for outcome in outcomes.values()) > 20
    assert list(plait.map(double, range(5), engine=address)) == [0, 2, 4, 6, 8]


def test_a_timeout_is_kept_over_there(address: str) -> None:
    outcomes = list(plait.map(spin, [0, PATIENCE, 0], engine=address, timeout=0.3).outcomes())
    assert [outcome.value for outcome in outcomes] == ["done", None, "done"]
    assert isinstance(outcomes[1].error, TaskTimeout)


def test_a_cancelled_map_names_what_still_runs(address: str, tmp_path: Path) -> None:
    paths = tmp_path / "began", tmp_path / "go"
    stream = plait.map(mark_and_wait, [paths], engine=address)
    canceller = threading.Thread(target=lambda: (wait_for(paths[0]), stream.cancel()))
    canceller.start()
    with pytest.warns(RuntimeWarning, match="item 0"), pytest.raises(Cancelled):
        list(stream)
    canceller.join()
    paths[1].touch()
    assert list(plait.map(double, range(5), engine=address)) == [0, 2, 4, 6, 8]


def test_instances_per_worker_outlive_maps(address: str) -> None:
    @plait.per_worker
    def token() -> str:
        return os.urandom(4).hex()

    def use(_: int) -> str:
        return token()

    first = set(plait.map(use, range(50), engine=address))
    assert 1 <= len(first) <= 2


def test_threads_of_this_process_share_its_memory() -> None:
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0", silence_logs="CRITICAL"
    ) as here:
        with distributed.Client(here) as client:
            assert set(plait.map(lambda _: os.getpid(), range(10), engine=client)) == {os.getpid()}


def test_what_is_not_there_is_said(address: str) -> None:
    with pytest.raises(UsageError, match="this program has no Dask client"):
        plait.map(double, [1], engine="dask")
    with pytest.raises(PlaitError, match="no Dask scheduler answers there"):
        plait.map(double, [1], engine="dask://127.0.0.1:1")
    with pytest.raises(UsageError, match="expected one of"):
        plait.map(double, [1], engine="dusk://127.0.0.1:1")
