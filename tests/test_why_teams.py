"""``plait why`` on what waits for plait's own workers: the rules, on stacks made by hand."""

from __future__ import annotations

import inspect
from pathlib import Path
from re import Pattern

import pytest

from plait._engines.event_loop.async_worker import AsyncWorker
from plait._engines.executors.executor_run import ExecutorRun
from plait._engines.remote_run import RemoteRun
from plait._engines.staff import Staff
from plait._engines.thread_worker import Worker
from plait._run.pool_driver import PoolDriver
from plait._run.scopes.scope_life import Life
from plait._see.why import teams
from plait._see.why.diagnosis import Diagnosis, diagnose
from plait._see.why.dump import Dump, Frame, Thing, Thread

PROGRAM = """
def need():
    with lock:
        pass

def slow():
    time.sleep(1)

with lock:
    plait()

def result():
    future.result()

def run():
    plait()

lock = 1
"""
LINES = {text.strip(): number for number, text in enumerate(PROGRAM.splitlines(), 1)}
NEEDS, HOLDS, RUNS = 3, 10, LINES["def run():"] + 1  # lines
ENGINES, RUN = "/lib/plait/_engines/", "/lib/plait/_run/"


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "program.py").write_text(PROGRAM)
    return str(tmp_path / "program.py")


def ours(path: str, **variables: int) -> Frame:
    things = {name: Thing("LentDriver" if name == "lent" else "", at) for name, at in variables.items()}
    return Frame(
        path, 1, "work", {"_driver" if name in ("driver", "lent") else name: thing for name, thing in things.items()}
    )


def worker(name: str, file: str, line: int, crew: int, *inner: Frame) -> Thread:
    frames = (*inner, Frame(file, line, "f"), ours(f"{ENGINES}thread_worker.py", crew=crew))
    return Thread(name, 1, 1, frames, busy=False)


def main(file: str, *inner: Frame) -> Thread:
    return Thread("MainThread", 1, 1, (*inner, Frame(file, HOLDS, "<module>")), busy=False)


def driver(number: int, crew: int) -> Thread:
    frames = (ours(f"{ENGINES}thread.py", crew=crew), ours(f"{RUN}pool_driver.py", self=number))
    return Thread("plait-scope", 1, 1, frames, busy=False)


def found(*threads: Thread) -> Diagnosis:
    diagnosis = diagnose(Dump(1, threads))
    assert diagnosis is not None
    return diagnosis


MAP = ours(f"{ENGINES}thread.py", crew=5)
SCOPE = ours(f"{RUN}scopes/scope_life.py", driver=7)
LENT = ours(f"{RUN}scopes/scope_life.py", lent=8)
DEADLOCK = 'Deadlock: "MainThread" and "w1" wait for each other'


def test_a_map_whose_workers_all_wait_for_whoever_waits_for_the_map(file: str) -> None:
    diagnosis = found(main(file, MAP), worker("w1", file, NEEDS, 5), worker("w2", file, NEEDS, 5))
    assert (diagnosis.title, diagnosis.certain) == (DEADLOCK, True)
    assert diagnosis.cure.startswith("Keep no lock while you wait for what another thread is to do under that lock")


def test_a_map_goes_on_with_what_another_worker_does(file: str) -> None:
    """And may then let the lock go."""
    sleeps = worker("w2", file, LINES["time.sleep(1)"], 5)
    diagnosis = found(main(file, MAP), worker("w1", file, NEEDS, 5), sleeps)
    assert not diagnosis.certain
    assert "Deadlock" not in diagnosis.title


def test_a_map_goes_on_with_what_a_worker_has_another_one_do(file: str) -> None:
    outer = worker("w2", file, RUNS, 5, ours(f"{ENGINES}thread.py", crew=6))
    inner = worker("w3", file, LINES["time.sleep(1)"], 6)
    diagnosis = found(main(file, MAP), worker("w1", file, NEEDS, 5), outer, inner)
    assert not diagnosis.certain


def test_a_scope_waits_for_all_of_its_tasks(file: str) -> None:
    sleeps = worker("w2", file, LINES["time.sleep(1)"], 5)
    diagnosis = found(main(file, SCOPE), driver(7, 5), worker("w1", file, NEEDS, 5), sleeps)
    assert (diagnosis.title, diagnosis.certain) == (DEADLOCK, True)


def test_a_scope_does_not_wait_for_the_tasks_of_another(file: str) -> None:
    sleeps = worker("w2", file, LINES["time.sleep(1)"], 5)
    diagnosis = found(main(file, SCOPE), driver(7, 5), driver(9, 6), worker("w1", file, NEEDS, 6), sleeps)
    assert not diagnosis.certain


def test_a_scope_within_a_scope(file: str) -> None:
    outer = worker("w1", file, RUNS, 5, ours(f"{RUN}scopes/scope_life.py", driver=9))
    diagnosis = found(main(file, SCOPE), driver(7, 5), driver(9, 6), outer, worker("w2", file, NEEDS, 6))
    assert diagnosis.title == 'Deadlock: "MainThread" and "w1" and "w2" wait for each other'


def test_a_scope_on_the_workers_of_a_pool(file: str) -> None:
    """What else the pool does is not known to belong to the scope: it may go on with that."""
    stuck = worker("w1", file, NEEDS, 5)
    assert found(main(file, LENT), driver(7, 5), stuck).title == DEADLOCK
    sleeps = worker("w2", file, LINES["time.sleep(1)"], 5)
    assert not found(main(file, LENT), driver(7, 5), stuck, sleeps).certain


def test_a_map_that_waits_is_not_said_to_run(file: str) -> None:
    """It looks around now and then, so that it is at another place each time."""
    sleeps = worker("w2", file, LINES["time.sleep(1)"], 5)
    assert "runs" not in found(main(file, MAP)._replace(busy=True), worker("w1", file, NEEDS, 5), sleeps).title


RESULT = Frame("/usr/lib/python3.11/concurrent/futures/_base.py", 451, "result", {"timeout": Thing("", 0, "None")})


def test_a_pool_whose_workers_wait_for_each_other(file: str) -> None:
    waits = worker("w1", file, LINES["future.result()"], 5, RESULT)
    assert found(driver(7, 5), waits).title == "A pool waits for itself"
    idle = Thread("w2", 1, 1, (ours(f"{ENGINES}thread_worker.py", crew=5),), busy=False)
    assert found(driver(7, 5), waits, idle).title != "A pool waits for itself"


def test_a_pool_that_waits_for_another_one(file: str) -> None:
    waits = worker("w1", file, LINES["future.result()"], 5, RESULT)
    sleeps = worker("w2", file, LINES["time.sleep(1)"], 6)
    diagnosis = diagnose(Dump(1, (driver(7, 5), driver(8, 6), waits, sleeps)))
    assert diagnosis is None or not diagnosis.certain


def test_a_map_is_no_pool_that_waits_for_itself(file: str) -> None:
    waits = worker("w1", file, LINES["future.result()"], 5, RESULT)
    title = found(Thread("MainThread", 1, 1, (MAP, Frame(file, RUNS, "run"))), waits).title
    assert title == "Nobody sets the result of future"


@pytest.mark.parametrize(
    ("pattern", "classes"),
    [
        (teams._ENGINES, (Worker, AsyncWorker, ExecutorRun, RemoteRun, Staff)),
        (teams._WORKERS, (Worker, AsyncWorker)),
        (teams._PROCESSES, (ExecutorRun, RemoteRun, Staff)),
        (teams._SCOPES, (Life,)),
        (teams._DRIVES, (PoolDriver,)),
    ],
)
def test_the_files_that_a_team_is_known_by_are_those_of_its_classes(
    pattern: Pattern[str], classes: tuple[type, ...]
) -> None:
    assert all(pattern.search(inspect.getfile(one)) for one in classes)
