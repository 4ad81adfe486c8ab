"""The shared budget in real worker processes: what they may use, and that maps inside of maps keep to it."""

from __future__ import annotations

import os

import plait
from plait._core.budget import SHARED_CORES, available_cores


def budget_of_worker(_: int) -> tuple[str | None, str | None, int, str]:
    cores = available_cores()
    return os.environ.get(SHARED_CORES), os.environ.get("OMP_NUM_THREADS"), cores.count, cores.reason


def budgets_of_inner_workers(_: int) -> list[tuple[str | None, str | None, int, str]]:
    return list(plait.map(budget_of_worker, range(2), engine="process", workers=2))


def test_each_worker_gets_its_share(monkeypatch, nothing_left):
    monkeypatch.setenv("PYTHON_CPU_COUNT", "6")
    monkeypatch.delenv(SHARED_CORES, raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    (found,) = set(plait.map(budget_of_worker, range(4), engine="process", workers=2))
    assert found == ("3", "3", 3, "PLAIT_CORES=3, this worker's share of the outer map's cores")


def test_what_the_user_has_set_stays(monkeypatch, nothing_left):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert next(iter(plait.map(budget_of_worker, [0], engine="process")))[1] == "7"


def test_a_map_inside_of_a_map_shares_what_is_left(monkeypatch, nothing_left):
    monkeypatch.setenv("PYTHON_CPU_COUNT", "8")
    monkeypatch.delenv(SHARED_CORES, raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    inner = [
        found for some in plait.map(budgets_of_inner_workers, range(2), engine="process", workers=2) for found in some
    ]
    assert {found[:3] for found in inner} == {("2", "2", 2)}
