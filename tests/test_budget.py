"""How many workers, why, and what is left for libraries: a table of machines and containers."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from plait._core.budget import (
    SHARED_CORES,
    available_cores,
    blas_environment,
    blas_threads,
    decide_cores,
    worker_environment,
)
from plait.errors import UsageError

CASES = [
    # installed, usable, more facts, environment, count, reason
    (4, 4, {}, {}, 4, "4 cores"),
    (1, 1, {}, {}, 1, "1 core"),
    (8, 2, {}, {}, 2, "CPU affinity 2 of 8 cores"),
    (2, 2, {"quota": 1.5}, {}, 2, "2 cores"),
    (4, 4, {"quota": 1.5}, {}, 2, "cgroup quota 150 % of 4 cores"),
    (4, 4, {"quota": 0.2}, {}, 1, "cgroup quota 20 % of 4 cores"),
    (4, 4, {"quota": 16.0}, {}, 4, "4 cores"),
    (64, 8, {"quota": 2.0}, {}, 2, "cgroup quota 200 % of 8 cores"),
    (64, 64, {}, {"SLURM_CPUS_PER_TASK": "6"}, 6, "SLURM_CPUS_PER_TASK=6 of 64 cores"),
    (4, 4, {}, {"SLURM_CPUS_PER_TASK": ""}, 4, "4 cores"),
    (4, 4, {}, {"SLURM_CPUS_PER_TASK": "many"}, 4, "4 cores"),
    (64, 64, {}, {"NSLOTS": "3", "JOB_ID": "17"}, 3, "NSLOTS=3 of 64 cores"),
    (64, 64, {}, {"NSLOTS": "3"}, 64, "64 cores"),
    (64, 64, {}, {"NCPUS": "3", "PBS_JOBID": "17"}, 3, "NCPUS=3 of 64 cores"),
    (64, 64, {}, {"LSB_DJOB_NUMPROC": "3", "LSB_JOBID": "17"}, 3, "LSB_DJOB_NUMPROC=3 of 64 cores"),
    (4, 4, {}, {"PYTHON_CPU_COUNT": "3"}, 3, "PYTHON_CPU_COUNT=3"),
    (4, 4, {"quota": 1.0}, {"PYTHON_CPU_COUNT": "9"}, 9, "PYTHON_CPU_COUNT=9"),
    (4, 4, {}, {"PYTHON_CPU_COUNT": "default"}, 4, "4 cores"),
    (4, 4, {"option": "2"}, {"PYTHON_CPU_COUNT": "9"}, 2, "-X cpu_count=2"),
    (4, 4, {"option": "default"}, {"PYTHON_CPU_COUNT": "9"}, 4, "4 cores"),
    (4, 4, {"option": True}, {}, 4, "4 cores"),
    (8, 8, {}, {SHARED_CORES: "2"}, 2, "PLAIT_CORES=2, this worker's share of the outer map's cores"),
    (8, 8, {}, {SHARED_CORES: "9"}, 8, "8 cores"),
    (8, 8, {}, {SHARED_CORES: ""}, 8, "8 cores"),
    (8, 8, {"option": "6"}, {SHARED_CORES: "2"}, 2, "PLAIT_CORES=2, this worker's share of the outer map's cores"),
    (
        64,
        64,
        {"memory": 1 << 30, "bytes_per_worker": 1 << 27},
        {},
        8,
        "1 GiB of free memory at 128 MiB a worker, 64 cores",
    ),
    (
        64,
        64,
        {"memory": 1 << 20, "bytes_per_worker": 1 << 27},
        {},
        1,
        "1 MiB of free memory at 128 MiB a worker, 64 cores",
    ),
    (4, 4, {"memory": 1 << 40, "bytes_per_worker": 1 << 27}, {}, 4, "4 cores"),
    (4, 4, {"memory": None, "bytes_per_worker": 1 << 27}, {}, 4, "4 cores"),
]


@pytest.mark.parametrize(("installed", "usable", "facts", "environment", "count", "reason"), CASES)
def test_the_tightest_limit_wins_and_is_named(installed, usable, facts, environment, count, reason):
    cores = decide_cores(installed=installed, usable=usable, environment=environment, **facts)
    assert (cores.count, cores.reason) == (count, reason)


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_a_wrong_shared_budget_is_said_and_not_ignored(text):
    with pytest.raises(UsageError, match="PLAIT_CORES"):
        decide_cores(installed=4, usable=4, environment={SHARED_CORES: text})


def test_this_process_gets_what_its_affinity_allows(monkeypatch, tmp_path):
    for name in ("PYTHON_CPU_COUNT", SHARED_CORES, "SLURM_CPUS_PER_TASK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {3}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    cores = available_cores(root=str(tmp_path))
    assert (cores.count, cores.reason) == (1, "CPU affinity 1 of 6 cores")


def test_systems_without_affinity_count_every_core(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert available_cores(root=str(tmp_path)).count == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cores(root=str(tmp_path)).count == 1


def test_the_option_of_the_interpreter_is_seen():
    program = "from plait._core.budget import available_cores as a; print(a())"
    said = subprocess.run(
        [sys.executable, "-X", "cpu_count=7", "-c", program], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "Cores(7, '-X cpu_count=7')"


def test_workers_get_their_share_and_those_inside_of_them_a_share_of_that():
    outer = worker_environment(4, {"MKL_NUM_THREADS": "5"})
    assert outer[SHARED_CORES] == outer["OMP_NUM_THREADS"] == "4"
    assert "MKL_NUM_THREADS" not in outer
    inner = worker_environment(2, {**outer, "MKL_NUM_THREADS": "5"})
    assert inner[SHARED_CORES] == inner["OMP_NUM_THREADS"] == "2"
    assert "MKL_NUM_THREADS" not in inner
    assert worker_environment(0, {})[SHARED_CORES] == "1"


def test_numeric_libraries_get_the_share_unless_the_user_said_otherwise():
    given = blas_environment(3, {"MKL_NUM_THREADS": "5", "OMP_NUM_THREADS": ""})
    assert given["OMP_NUM_THREADS"] == "3"
    assert "MKL_NUM_THREADS" not in given
    assert set(given.values()) == {"3"}
    assert blas_threads({"MKL_NUM_THREADS": "5", "OMP_NUM_THREADS": "", "PATH": "x"}) == {"MKL_NUM_THREADS": "5"}


def test_the_budget_is_cheap_to_import():
    heavy = "{'typing', 'dataclasses', 'psutil', 'ctypes', 'subprocess'}"
    program = (
        "import sys, concurrent.futures; before = set(sys.modules); import plait._core.budget; "
        f"print(sorted({heavy} & set(sys.modules) - before))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
