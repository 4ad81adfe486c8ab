"""Maps on executors that somebody else has made: what is special about them, on threads and on processes."""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from calls_elsewhere import PATIENCE, double, mark_and_wait, wait_for

import plait
from plait._engines.executors.executor_planning import ExecutorPlanner
from plait.errors import Cancelled, NotTransferable, PlaitError, TaskTimeout, UsageError, WorkerDied


@pytest.fixture
def threads(nothing_left: None) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3, thread_name_prefix="theirs") as executor:
        yield executor


@pytest.fixture
def processes(fork_server: ForkServerContext, nothing_left: None) -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2, mp_context=fork_server) as executor:
        yield executor


def die_at_three(x: int) -> int:
    if x == 3:
        os._exit(7)
    return x


# --- who runs it


def test_items_run_on_the_executors_own_threads(threads: ThreadPoolExecutor) -> None:
    names = set(plait.map(lambda _: threading.current_thread().name, range(50), engine=threads))
    assert all(name.startswith("theirs") for name in names)
    workers = plait.map(lambda _: plait.current().worker, range(5), engine=threads)
    assert all(name.startswith("theirs") for name in workers)
    assert threads.submit(double, 4).result() == 8  # it is as it was


def test_threads_share_memory_and_context(threads: ThreadPoolExecutor) -> None:
    seen: list[int] = []
    assert len(list(plait.map(seen.append, range(100), engine=threads))) == 100
    assert sorted(seen) == list(range(100))


def test_the_report_says_how_many_and_why(threads: ThreadPoolExecutor) -> None:
    stream = plait.map(double, range(10), engine=threads)
    assert list(stream) == list(range(0, 20, 2))
    assert (stream.report.engine, stream.report.workers) == ("executor", 3)
    assert stream.report.why[0] == "ThreadPoolExecutor has 3"
    engine = plait.engines.ExecutorEngine(threads)
    assert engine.plan(2, None) == (2, "workers=2 was asked for")
    assert engine.plan(9, None) == (3, "ThreadPoolExecutor has 3")
    assert engine.plan(None, 2).workers == 2


def test_others_have_their_turn_while_a_map_goes_on(nothing_left: None) -> None:
    """One thread, and a map without an end: what is submitted beside it runs soon."""
    with ThreadPoolExecutor(1) as executor:
        with plait.map(double, itertools.count(), engine=executor) as stream:
            for _ in range(3):
                assert next(stream) % 2 == 0
                other = executor.submit(double, 21)
                while not other.done():
                    next(stream)
                assert other.result() == 42


def test_two_maps_share_one_thread(nothing_left: None) -> None:
    with ThreadPoolExecutor(1) as executor:
        first = plait.map(double, itertools.count(), engine=executor)
        second = plait.map(double, itertools.count(), engine=executor)
        with first, second:
            pairs = list(itertools.islice(zip(first, second, strict=True), 5000))
        assert pairs == [(2 * n, 2 * n) for n in range(5000)]


def test_a_map_inside_a_map_on_the_same_executor_does_not_wait_for_itself(nothing_left: None) -> None:
    with ThreadPoolExecutor(1) as executor:

        def total(n: int) -> int:
            return sum(plait.map(double, range(n), engine=executor))

        assert list(plait.map(total, range(5), engine=executor)) == [0, 0, 2, 6, 12]


def test_an_executor_that_runs_calls_at_once_runs_inline(nothing_left: None) -> None:
    here = threading.get_ident()
    stream = plait.map(lambda _: threading.get_ident(), range(5), engine=AtOnce())
    assert set(stream) == {here}
    assert "runs calls in the thread that submits them" in stream.report.why[-1]
    outcomes = list(plait.map(spin, [0, PATIENCE], engine=AtOnce(), timeout=0.1).outcomes())
    assert outcomes[0].ok
    assert isinstance(outcomes[1].error, TaskTimeout)


def test_an_executor_with_nothing_but_submit_will_do(threads: ThreadPoolExecutor) -> None:
    stream = plait.map(double, range(100), engine=Plain(threads), workers=2)
    assert list(stream) == list(range(0, 200, 2))
    engine = plait.engines.ExecutorEngine(Plain(threads))
    assert "does not say how many" in engine.plan(None, None).reason
    assert engine.plan(50, None).workers == 50


class Plain:
    """What a library of one's own may have: no base class, no counts."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        return self._executor.submit(fn, *args)

    def shutdown(self) -> None:
        raise AssertionError("it is not ours to shut down")


class AtOnce(Plain):
    def __init__(self) -> None:
        """There is nobody else."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args))
        return future


# --- stopping


def test_a_cancelled_map_leaves_nothing_in_the_queue(nothing_left: None, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as executor:
        stream = plait.map(mark_and_wait, itertools.repeat((tmp_path / "began", tmp_path / "never")), engine=executor)
        canceller = threading.Thread(target=lambda: (wait_for(tmp_path / "began"), stream.cancel()))
        canceller.start()
        with pytest.raises(Cancelled):
            list(stream)
        canceller.join()
        assert executor._work_queue.qsize() == 0
        assert executor.submit(double, 1).result(PATIENCE) == 2  # both threads are free


def test_an_item_on_a_thread_that_polls_is_told(threads: ThreadPoolExecutor) -> None:
    def poll(n: int) -> str:
        while n and not plait.current().cancelled:
            time.sleep(0.001)
        return "told"

    outcomes = list(plait.map(poll, [0, 1], engine=threads, timeout=0.05).outcomes())
    assert outcomes[0].value == "told"
    assert isinstance(outcomes[1].error, TaskTimeout)


def test_threads_that_cannot_be_stopped_are_named_and_the_map_ends(nothing_left: None) -> None:
    """A wait in C keeps the one thread there is: nobody is left to go on, and that is said."""
    lock = threading.Lock()
    lock.acquire()
    with ThreadPoolExecutor(1) as executor:
        stream = plait.map(lambda n: n and lock.acquire(), [0, 1, 0, 0], engine=executor, timeout=0.05)
        outcomes: list[plait.Outcome[object]] = []
        with pytest.warns(RuntimeWarning, match="item 1"), pytest.raises(PlaitError, match="1 thread, all it has"):
            outcomes.extend(stream.outcomes())
        outcomes.extend(stream.outcomes())
        lock.release()
    assert outcomes[0].ok
    assert isinstance(outcomes[1].error, TaskTimeout)


def test_an_item_on_a_process_that_cannot_be_told_is_named(processes: ProcessPoolExecutor, tmp_path: Path) -> None:
    went_on = tmp_path / "go"
    stream = plait.map(mark_and_wait, [(tmp_path / "began", went_on)], engine=processes)
    canceller = threading.Thread(target=lambda: (wait_for(tmp_path / "began"), stream.cancel()))
    canceller.start()
    with pytest.warns(RuntimeWarning, match="item 0"), pytest.raises(Cancelled):
        list(stream)
    canceller.join()
    assert len(stream.report.abandoned) == 1
    went_on.touch()


def test_a_timeout_on_a_process_interrupts_and_the_worker_goes_on(processes: ProcessPoolExecutor) -> None:
    pids = set(plait.map(lambda _: os.getpid(), range(20), engine=processes))
    outcomes = list(plait.map(spin, [0, PATIENCE, 0, 0], engine=processes, timeout=0.3).outcomes())
    assert [type(outcome.error) for outcome in outcomes] == [type(None), TaskTimeout, type(None), type(None)]
    assert {outcome.value for outcome in outcomes} - {None} <= pids | set(processes._processes)


def spin(seconds: float) -> int:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return os.getpid()


def test_nothing_is_left_to_the_garbage_collector(threads: ThreadPoolExecutor, processes: ProcessPoolExecutor) -> None:
    class Heavy:
        """Can be referred to weakly."""

    def use(executor: Executor, order: str) -> list[weakref.ref[Any]]:
        items = [Heavy() for _ in range(100)]

        def function(item: object) -> bool:
            return item is None

        used: list[weakref.ref[Any]] = [weakref.ref(function), weakref.ref(items[0]), weakref.ref(items[-1])]
        assert len(list(plait.map(function, items, engine=executor, order=order))) == 100
        for _ in plait.map(function, items, engine=executor, order=order):
            break
        executor.submit(abs, 1).result()  # its threads let go of what they ran last
        return used

    executors: list[Executor] = [threads, processes]
    gc.disable()
    try:
        for executor, order in itertools.product(executors, ("input", "completion")):
            for reference in use(executor, order):
                assert reference() is None
    finally:
        gc.enable()


# --- what breaks


def test_a_dead_worker_costs_what_was_in_flight_and_nothing_that_had_ended(
    fork_server: ForkServerContext, nothing_left: None
) -> None:
    with ProcessPoolExecutor(1, mp_context=fork_server) as executor:
        stream = plait.map(die_at_three, range(1000), engine=executor)
        found: list[plait.Outcome[int]] = []
        with pytest.raises(PlaitError, match=r"ProcessPoolExecutor runs no more calls: BrokenProcessPool"):
            found.extend(stream.outcomes())
        found.extend(stream.outcomes())
    by_index = {outcome.index: outcome for outcome in found}
    assert isinstance(by_index[3].error, WorkerDied)
    assert "lost with a worker of ProcessPoolExecutor" in str(by_index[3].error)
    assert by_index[0].value == 0  # a batch of its own, which had come back
    assert sorted(by_index) == list(range(len(by_index)))
    lost = (WorkerDied, Cancelled)  # with the worker, or never begun
    assert all(isinstance(outcome.error, lost) or outcome.value == n for n, outcome in by_index.items())
    assert stream.report.workers_died >= 1


def test_an_executor_that_was_shut_down_says_so(nothing_left: None) -> None:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(PlaitError, match="ThreadPoolExecutor runs no more calls.*after shutdown"):
        list(plait.map(double, range(3), engine=executor))


@pytest.mark.parametrize("cancel", [False, True])
def test_an_executor_that_is_shut_down_meanwhile_says_so(nothing_left: None, cancel: bool) -> None:
    executor = ThreadPoolExecutor(1)
    stream = plait.map(double, itertools.count(), engine=executor)
    assert next(stream) == 0
    executor.shutdown(wait=False, cancel_futures=cancel)
    with pytest.raises(PlaitError, match="ThreadPoolExecutor runs no more calls"):
        for value in stream:
            assert value % 2 == 0
    executor.shutdown()


def test_an_initializer_that_fails_says_so(nothing_left: None) -> None:
    with ThreadPoolExecutor(1, initializer=lambda: 1 // 0) as executor:
        with pytest.raises(PlaitError, match="BrokenThreadPool"):
            list(plait.map(double, range(3), engine=executor))


@pytest.mark.parametrize("calls", [0, 1])
def test_workers_without_plait_are_told_of(processes: ProcessPoolExecutor, calls: int) -> None:
    """The first call finds out where it runs, the second has items."""
    executor = Without(processes, calls)
    with pytest.raises(PlaitError, match="workers of Without cannot import plait.*install the same version there"):
        list(plait.map(double, range(3), engine=executor))


class Without(Plain):
    """Its workers have plait for so many calls."""

    def __init__(self, executor: Executor, calls: int) -> None:
        super().__init__(executor)
        self._calls = calls

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        self._calls -= 1
        if self._calls >= 0:
            return super().submit(fn, *args)
        future: Future[Any] = Future()
        future.set_exception(ModuleNotFoundError("No module named 'plait'", name="plait"))
        return future


def test_what_cannot_cross_fails_alone(processes: ProcessPoolExecutor) -> None:
    items: list[Any] = [*range(20), threading.Lock(), *range(20)]
    outcomes = list(plait.map(lambda x: type(x).__name__, items, engine=processes).outcomes())
    assert [outcome.index for outcome in outcomes if not outcome.ok] == [20]
    assert isinstance(outcomes[20].error, NotTransferable)
    assert "cannot be sent to a worker" in str(outcomes[20].error)


def test_what_is_no_executor_is_refused() -> None:
    for wrong in (multiprocessing, ThreadPoolExecutor, object()):
        with pytest.raises(UsageError, match="concurrent.futures executor"):
            plait.map(double, [1], engine=wrong)  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize("engine", ["dask", "dask://127.0.0.1:1", "ray"])
def test_what_is_not_installed_is_named_with_its_cure(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = engine.partition(":")[0]
    monkeypatch.setitem(sys.modules, "distributed" if kind == "dask" else kind, None)
    with pytest.raises(UsageError, match=rf'engine="{engine}": .*; install it with `pip install plait\[{kind}\]`'):
        plait.map(double, [1], engine=engine)


# --- with the other options


def test_functions_and_classes_go_by_value_and_come_back(processes: ProcessPoolExecutor) -> None:
    class Point:
        def __init__(self, x: int) -> None:
            self.x = x

    found = list(plait.map(lambda x: Point(x), range(3), engine=processes))
    assert [point.x for point in found] == [0, 1, 2]
    assert all(type(point) is Point for point in found)


def test_a_global_of_the_function_is_kept_by_its_worker(fork_server: ForkServerContext, nothing_left: None) -> None:
    calls = 0

    def count(_: int) -> int:
        nonlocal calls
        calls += 1
        return calls

    with ProcessPoolExecutor(1, mp_context=fork_server) as executor:
        assert list(plait.map(count, range(300), engine=executor)) == list(range(1, 301))
    assert calls == 0


def test_rate_retry_and_journal(processes: ProcessPoolExecutor, tmp_path: Path) -> None:
    journal = tmp_path / "run.sqlite"
    retry = plait.Retry(1, backoff=0.01)
    first = list(plait.map(fails_at_first, range(6), engine=processes, retry=retry, journal=journal, rate=200))
    assert first == [2] * 6
    stream = plait.map(fails_at_first, range(6), engine=processes, retry=retry, journal=journal)
    assert list(stream) == first
    assert stream.report.recalled == 6


def fails_at_first(_: int) -> int:
    if plait.current().attempt == 1:
        raise ConnectionError("at first")
    return plait.current().attempt


def test_a_scope_and_a_pool_on_an_executor(threads: ThreadPoolExecutor, processes: ProcessPoolExecutor) -> None:
    executors: list[Executor] = [threads, processes]
    for executor in executors:
        with plait.scope(executor) as s:
            futures = [s.submit(double, n) for n in range(10)]
            assert sum(s.map(double, range(10))) == 90
        assert [future.result() for future in futures] == list(range(0, 20, 2))
        with plait.Pool(executor) as pool:
            assert list(pool.map(double, range(10))) == list(range(0, 20, 2))
        with pytest.raises(ZeroDivisionError):
            with plait.scope(executor) as s:
                s.submit(lambda: 1 // 0)
        assert executor.submit(double, 2).result() == 4


def test_prints_of_borrowed_threads_are_whole_lines(capfd: pytest.CaptureFixture[str]) -> None:
    with ThreadPoolExecutor(3) as executor:
        list(plait.map(lambda n: [print("a" * 40, n) for _ in range(20)], range(50), engine=executor))
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 1000
    assert all(line.startswith("a" * 40 + " ") for line in lines)


# --- sizes


@pytest.mark.parametrize(
    ("way", "cost", "expected"), [(0.0005, 0.001, 50), (0.05, 0.001, 250), (5.0, 0.001, 2000), (0.0005, 1.0, 1)]
)
def test_batches_are_worth_their_way(way: float, cost: float, expected: int) -> None:
    planner = ExecutorPlanner(2)
    for _ in range(12):
        items, _budget = planner.next(None)
        planner.record(items, items * cost, items * cost + way)
    assert abs(planner.next(None)[0] - expected) <= 1
