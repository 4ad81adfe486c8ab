"""Pool on processes: workers that die, crossing, initializers, exit; each test checks that no process is left."""

from __future__ import annotations

import concurrent.futures
import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from functools import partial
from pathlib import Path

import psutil
import pytest
from pool_work import PATIENCE, Marks, wait_for, where

import plait
from plait.errors import NotTransferable, PoolBroken, WorkerDied


@pytest.fixture
def pool(nothing_left: None) -> Iterator[plait.Pool]:
    with plait.Pool("process", workers=2) as pool:
        yield pool


def die(number: int) -> None:
    os.kill(os.getpid(), number)


def prepare(folder: str) -> None:
    os.environ["PLAIT_TEST_PREPARED"] = folder
    Path(folder, f"prepared-{os.getpid()}-{time.monotonic_ns()}").touch()


def prepared(_: object = None) -> str | None:
    return os.environ.get("PLAIT_TEST_PREPARED")


def leave() -> None:
    os._exit(3)


def crash() -> None:
    ctypes.string_at(0)


def not_prepared() -> None:
    raise LookupError("not prepared")


def test_calls_run_in_other_processes_that_stay_warm(pool: plait.Pool) -> None:
    pids = {pool.submit(os.getpid).result() for _ in range(30)}
    assert os.getpid() not in pids
    assert len(pids) <= 2


def test_a_pool_and_its_maps_share_workers_and_keep_no_more_than_the_pool_has(pool: plait.Pool) -> None:
    """The pool lends its workers once it has been idle for a moment; a map has others until then."""
    calls = {pool.submit(os.getpid).result()}
    maps: set[int] = set()
    end = time.monotonic() + PATIENCE
    asked = time.monotonic()
    while not calls & maps or workers_of(pool) > 2:
        maps |= set(plait.map(lambda _: os.getpid(), range(50), engine=pool))
        if time.monotonic() > asked + 0.5:  # the pool's may have been those that were too many
            calls.add(pool.submit(os.getpid).result())
            asked = time.monotonic()
        assert time.monotonic() < end, (calls, maps)


def workers_of(pool: plait.Pool) -> int:
    return len(pids_of(pool))


def pids_of(pool: plait.Pool) -> set[int]:
    (zygote,) = psutil.Process().children()
    return {worker.pid for worker in zygote.children()}


def test_lambdas_closures_and_keywords_cross(pool: plait.Pool) -> None:
    offset = 3
    assert pool.submit(lambda x, *, y: x + y + offset, 1, y=2).result() == 6
    assert list(pool.map(lambda x: x * offset, range(10), chunksize=4)) == list(range(0, 30, 3))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_worker_that_dies_costs_its_own_call(pool: plait.Pool, number: int) -> None:
    futures = [pool.submit(int, n) for n in range(20)]
    victim = pool.submit(die, number)
    futures += [pool.submit(int, n) for n in range(20)]
    with pytest.raises(WorkerDied) as caught:
        victim.result(PATIENCE)
    assert isinstance(caught.value, concurrent.futures.BrokenExecutor)
    assert caught.value.signal == number
    assert [future.result(PATIENCE) for future in futures] == [*range(20), *range(20)]
    assert pool.submit(int, 7).result(PATIENCE) == 7


def test_many_workers_die(pool: plait.Pool) -> None:
    futures = [pool.submit(die, signal.SIGKILL) if n % 5 == 0 else pool.submit(int, n) for n in range(50)]
    for n, future in enumerate(futures):
        if n % 5 == 0:
            assert isinstance(future.exception(PATIENCE), WorkerDied)
        else:
            assert future.result(PATIENCE) == n


def test_what_cannot_cross_fails_its_own_future(pool: plait.Pool) -> None:
    lock = threading.Lock()
    assert isinstance(pool.submit(id, lock).exception(PATIENCE), NotTransferable)
    assert isinstance(pool.submit(threading.Lock).exception(PATIENCE), NotTransferable)
    assert isinstance(pool.submit(lambda: lock).exception(PATIENCE), NotTransferable)
    assert pool.submit(int, 7).result(PATIENCE) == 7


class Job:
    """Has something that stays here, deep inside."""

    def __init__(self) -> None:
        self.files: dict[str, object] = {"a": threading.Lock()}

    def run(self, other: object = None) -> None: ...


def _captures() -> Callable[[], object]:
    key = threading.Lock()
    return lambda: key


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ((_captures(),), r"<lambda>\(\) cannot be sent to a process: <lambda> → captured 'key' is a lock object"),
        ((Job().run, 1), r"Job.run\(1\) cannot be sent to a process: run → self.files\['a'\] is a lock object"),
        ((Job.run, None, [Job()]), r"process: other\[0\].files\['a'\] is a lock object"),
        ((max, 1, Job()), r"process: argument 2.files\['a'\] is a lock object"),
    ],
)
def test_what_keeps_a_call_here_is_named_as_in_the_program(
    pool: plait.Pool, call: tuple[Callable[..., object], object], said: str
) -> None:
    with pytest.raises(NotTransferable, match=said):
        pool.submit(*call).result(PATIENCE)
    with pytest.raises(NotTransferable, match=said), plait.scope("process") as scope:
        scope.submit(*call)


def test_a_long_call_does_not_hold_back_others(pool: plait.Pool, tmp_path: Path) -> None:
    for _ in range(50):
        pool.submit(int)
    long = pool.submit(wait_for, str(tmp_path / "go"))
    others = [pool.submit(int, n) for n in range(100)]
    done, pending = wait(others, PATIENCE)
    assert not pending
    assert not long.done()
    (tmp_path / "go").touch()
    assert long.result(PATIENCE) != os.getpid()


def test_calls_that_wait_in_the_queue_can_be_cancelled(pool: plait.Pool, tmp_path: Path) -> None:
    blocking = [pool.submit(wait_for, str(tmp_path / "go")) for _ in range(2)]
    waiting = [pool.submit(Path.touch, tmp_path / f"ran-{n}") for n in range(10)]
    assert all(future.cancel() for future in waiting)
    (tmp_path / "go").touch()
    wait(blocking, PATIENCE)
    done, pending = wait(waiting, PATIENCE)
    assert not pending
    assert not list(tmp_path.glob("ran-*"))


def test_a_worker_lets_go_of_its_arguments(pool: plait.Pool, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    marks = Marks(str(mark))
    assert pool.submit(id, marks).result(PATIENCE)
    pool.submit(int).result(PATIENCE)
    wait_for(f"{mark}-there")
    assert Path(f"{mark}-there").exists()
    del marks
    assert mark.exists()


MANAGER = """
import multiprocessing, plait

def add(numbers, number):
    numbers.append(number)

if __name__ == "__main__":
    with multiprocessing.Manager() as manager, plait.Pool("process", workers=2) as pool:
        numbers = manager.list()
        for future in [pool.submit(add, numbers, number) for number in range(5)]:
            future.result()
        print(sorted(numbers), list(plait.map(len, [numbers], engine=pool)))
"""


def test_proxies_of_a_manager_work_in_workers(tmp_path: Path) -> None:
    """As in the standard library's pools: the manager answers those who know the key of the process it belongs to."""
    (tmp_path / "program.py").write_text(MANAGER)
    program = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (program.stdout, program.stderr) == ("[0, 1, 2, 3, 4] [5]\n", "")


def test_the_initializer_runs_once_in_each_worker(tmp_path: Path, nothing_left: None) -> None:
    with plait.Pool("process", workers=2, initializer=prepare, initargs=(str(tmp_path),)) as pool:
        assert {future.result() for future in [pool.submit(prepared) for _ in range(20)]} == {str(tmp_path)}
        assert set(plait.map(prepared, range(50), engine=pool)) == {str(tmp_path)}
        marks = [path.name.split("-")[1] for path in tmp_path.iterdir()]
        assert marks
        assert len(set(marks)) == len(marks)


INITIALIZER = """
import functools
import plait

model = None
calls = 0
seen = []
unit = "m"

def load(name):
    global model, calls, path
    model, calls, path = name, 100, name + ".bin"

def initialize(name):
    load(name)
    seen.append(name)

def label(number):
    return f"{number} {unit}"

def use(number):
    global calls
    calls += 1
    return label(number), model, path, calls, seen

class Job:
    def __init__(self, number):
        self.number = number
    def run(self):
        return self.number, model

def run(job):
    return job.run()

with plait.Pool("process", workers=1, initializer=initialize, initargs=("net",)) as pool:
    print(pool.submit(use, 1).result())
    print(pool.submit(functools.partial(use, 2)).result())
    unit = "km"
    def label(number):
        return f"{number} new {unit}"
    print(list(pool.map(use, [3, 4], chunksize=2)))
    print(pool.submit(Job(5).run).result(), pool.submit(run, Job(6)).result(), pool.submit(lambda: model).result())
    print(list(plait.map(lambda number: (number, model, path, seen), [7], engine=pool)))
print(model, calls, seen)
"""


def test_calls_see_what_an_initializer_of_the_program_has_set(tmp_path: Path) -> None:
    """As in the standard library's pools; each call travels with the other globals as they are when it is submitted."""
    (tmp_path / "program.py").write_text(INITIALIZER)
    program = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE
    )
    assert program.stderr == ""
    assert program.stdout.splitlines() == [
        "('1 m', 'net', 'net.bin', 101, ['net'])",
        "('2 m', 'net', 'net.bin', 102, ['net'])",
        "[('3 new km', 'net', 'net.bin', 103, ['net']), ('4 new km', 'net', 'net.bin', 104, ['net'])]",
        "(5, 'net') (6, 'net') net",
        "[(7, 'net', 'net.bin', ['net'])]",
        "None 0 []",
    ]


def test_what_cannot_be_handed_to_an_initializer_is_named(nothing_left: None) -> None:
    lock = multiprocessing.get_context("fork").Lock()  # of others a process of multiprocessing's keeps account
    with plait.Pool("process", workers=1, initializer=prepare, initargs=("", lock)) as pool:
        with pytest.raises(PoolBroken, match=r"initargs\[1\] is a Lock object.*Manager"):
            pool.submit(int).result(PATIENCE)


def test_a_failing_initializer_breaks_the_pool(nothing_left: None) -> None:
    with plait.Pool("process", workers=2, initializer=not_prepared) as pool:
        with pytest.raises(concurrent.futures.BrokenExecutor, match="not prepared"):
            pool.submit(int).result(PATIENCE)
        with pytest.raises(PoolBroken, match="not prepared"):
            while True:
                pool.submit(int).exception(PATIENCE)


@pytest.mark.parametrize(
    ("ends", "how"), [(leave, "it left with exit code 3"), (crash, "SIGSEGV(?s:.*)a new one\n  .*\n(?s:.*)in crash")]
)
def test_an_initializer_that_ends_its_worker_breaks_the_pool(
    ends: Callable[[], object], how: str, nothing_left: None
) -> None:
    ended = f"the pool's initializer ended its worker process-.*: {how}"
    with plait.Pool("process", workers=2, initializer=ends) as pool:
        with pytest.raises(PoolBroken, match=ended):
            pool.submit(int).result(PATIENCE)
        with pytest.raises(PoolBroken, match=ended):
            while True:
                pool.submit(int).exception(PATIENCE)
    with plait.Pool("process", workers=1, initializer=ends) as pool, pytest.raises(PoolBroken, match=ended):
        list(plait.map(int, ["1"], engine=pool))


def test_a_call_that_ends_its_worker_is_not_mistaken_for_its_initializer(nothing_left: None) -> None:
    with plait.Pool("process", workers=1, initializer=int) as pool:
        with pytest.raises(WorkerDied, match=r"leave\(\).*exit code 3"):
            pool.submit(leave).result(PATIENCE)
        assert pool.submit(int).result(PATIENCE) == 0


def test_an_initializer_that_cannot_cross_breaks_the_pool(nothing_left: None, caplog: pytest.LogCaptureFixture) -> None:
    lock = threading.Lock()
    with plait.Pool("process", workers=2, initializer=lock.acquire) as pool:
        with pytest.raises((PoolBroken, NotTransferable), match="lock"):
            while True:
                pool.submit(int).result(PATIENCE)


def test_shutdown_without_waiting_finishes(nothing_left: None, tmp_path: Path) -> None:
    pool = plait.Pool("process", workers=2)
    futures = [pool.submit(wait_for, str(tmp_path / "go")) for _ in range(6)]
    pool.shutdown(wait=False)
    (tmp_path / "go").touch()
    assert len({future.result(PATIENCE) for future in futures}) <= 2


def test_shutdown_can_cancel_what_has_not_started(nothing_left: None, tmp_path: Path) -> None:
    pool = plait.Pool("process", workers=1)
    futures = [pool.submit(wait_for, str(tmp_path / "go")) for _ in range(6)]
    pool.shutdown(wait=False, cancel_futures=True)
    done, pending = wait(futures[2:], PATIENCE)
    assert not pending
    (tmp_path / "go").touch()
    pool.shutdown()
    assert not futures[0].cancelled()
    assert all(future.cancelled() for future in futures[2:])


def test_a_pool_nobody_refers_to_ends(nothing_left: None) -> None:
    futures = [plait.Pool("process", workers=1).submit(int, n) for n in range(3)]
    assert [future.result(PATIENCE) for future in futures] == [0, 1, 2]


def test_a_map_after_a_call_gets_the_worker_that_has_just_run_it(nothing_left: None) -> None:
    with plait.Pool("process", workers=1) as pool:
        used = {pool.submit(where).result()}
        for _ in range(3):
            used.update(plait.map(where, range(3), engine=pool))
            used.add(pool.submit(where).result())
    assert len(used) == 1


def test_a_map_in_a_process_scope_gets_the_worker_of_a_task_that_has_ended(nothing_left: None) -> None:
    with plait.scope("process", workers=1) as scope:
        used = {scope.submit(where).result(), *scope.map(where, range(3)), scope.submit(where).result()}
    assert len(used) == 1


def test_a_map_in_a_callback_of_a_call_does_not_wait_for_its_own_thread(nothing_left: None) -> None:
    got: list[int] = []
    called = threading.Event()

    def maps(_: object) -> None:
        got.extend(plait.map(abs, [-1, -2], engine=pool))
        called.set()

    with plait.Pool("process", workers=1) as pool:
        pool.submit(where).add_done_callback(maps)
        assert called.wait(PATIENCE)
    assert got == [1, 2]


def take_long_once(item: int) -> None:
    time.sleep(0.1 if item == 300 else 0.0005)  # the work


def test_a_map_whose_items_differ_costs_no_worker(pool: plait.Pool) -> None:
    """One worker is done last, with an item behind which it had others: these were taken back, and are in its pipe."""
    list(plait.map(take_long_once, range(400), engine=pool))
    before = pids_of(pool)
    for _ in range(4):
        list(plait.map(take_long_once, range(400), engine=pool))
    assert pids_of(pool) == before


def first_frees_the_second(item: int, path: str = "") -> None:
    if item == 0:
        Path(path).touch()
    else:
        wait_for(path)
        time.sleep(0.005)


def test_who_leaves_a_map_keeps_the_worker_whose_item_ends_soon(
    pool: plait.Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plait._engines.remote_run.GRACE", PATIENCE)  # soon, however slow this machine is
    for turn in range(3):
        with plait.map(partial(first_frees_the_second, path=str(tmp_path / str(turn))), range(2), engine=pool) as each:
            next(each)
            before = pids_of(pool)
        list(plait.map(where, range(50), engine=pool))  # a worker that was killed would have been replaced
        assert pids_of(pool) == before


def begin_and_wait_for(begun: str, path: str) -> int:
    Path(begun).touch()
    return wait_for(path)


def test_a_map_beside_a_call_that_runs_has_another_worker(pool: plait.Pool, tmp_path: Path) -> None:
    running = pool.submit(begin_and_wait_for, str(tmp_path / "begun"), str(tmp_path / "go"))
    wait_for(str(tmp_path / "begun"))  # before that the map may be given the worker first
    (other,) = plait.map(where, [1], engine=pool)
    (tmp_path / "go").touch()
    assert running.result() != other
