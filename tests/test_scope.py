"""Scope: what it starts, what it raises, and that nothing outlives its block."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import gc
import itertools
import os
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, as_completed, wait
from typing import Any

import pytest

import plait
from plait._core.cancelling import current_block
from plait.errors import Cancelled, Closed, PoolBroken, StopTask, UsageError

pytestmark = pytest.mark.usefixtures("nothing_left")

ENGINES = ["inline", "thread", "process"]
CONCURRENT = ["thread", "process"]
PATIENCE = 20.0

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def fail(text: str) -> None:
    raise ValueError(text)


def read_variable() -> str:
    return variable.get()


def forever() -> None:
    """Until somebody stops it, by whatever means."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        time.sleep(0.001)


# --- results


@pytest.mark.parametrize("engine", ENGINES)
def test_tasks_return_their_results(engine: str) -> None:
    with plait.scope(engine) as s:
        futures = [s.submit(pow, base, 2) for base in range(5)]
        named = s.submit(int, "ff", base=16)
    assert [future.result() for future in futures] == [0, 1, 4, 9, 16]
    assert named.result() == 255


@pytest.mark.parametrize("engine", ENGINES)
def test_a_scope_without_tasks_costs_nothing_and_raises_nothing(engine: str) -> None:
    before = threading.active_count()
    with plait.scope(engine) as s:
        assert threading.active_count() == before
    assert "over" in repr(s)


def test_the_end_of_the_block_waits_for_every_task() -> None:
    ended = []
    gate = threading.Event()
    with plait.scope() as s:
        for number in range(3):
            s.submit(lambda number: (gate.wait(PATIENCE), ended.append(number)), number)
        s.submit(gate.set)
    assert sorted(ended) == [0, 1, 2]


def test_tasks_start_at_once_and_may_wait_for_one_another() -> None:
    parties = 150
    barrier = threading.Barrier(parties)
    with plait.scope() as s:
        futures = [s.submit(barrier.wait, PATIENCE) for _ in range(parties)]
        assert sorted(future.result() for future in futures) == list(range(parties))
        chain = s.submit(int, "7")
        for _ in range(20):
            chain = s.submit(lambda before: before.result(PATIENCE) + 1, chain)
        assert chain.result() == 27


def test_tasks_may_start_tasks() -> None:
    def tree(depth: int) -> int:
        if not depth:
            return 1
        return sum(child.result(PATIENCE) for child in [s.submit(tree, depth - 1), s.submit(tree, depth - 1)])

    with plait.scope() as s:
        assert s.submit(tree, 5).result() == 32
        late = s.submit(lambda: [s.submit(time.sleep, 0.001) for _ in range(10)])
    assert all(future.done() for future in late.result())


def test_workers_limits_how_many_tasks_run_at_the_same_time() -> None:
    running, most, lock = set(), [0], threading.Lock()

    def task(number: int) -> None:
        with lock:
            running.add(number)
            most[0] = max(most[0], len(running))
        time.sleep(0.001)
        with lock:
            running.discard(number)

    with plait.scope(workers=3) as s:
        for number in range(30):
            s.submit(task, number)
    assert most[0] <= 3


def test_more_threads_than_start_at_once_are_started_when_all_of_them_wait() -> None:
    gate = threading.Event()
    with plait.scope() as s:
        waiting = [s.submit(gate.wait, PATIENCE) for _ in range(200)]
        s.submit(gate.set)
        assert all(future.result(PATIENCE) for future in waiting)


def test_the_standard_librarys_wait_and_as_completed_work() -> None:
    gate = threading.Event()
    with plait.scope() as s:
        slow, fast = s.submit(gate.wait, PATIENCE), s.submit(int, "3")
        done, not_done = wait([slow, fast], return_when=FIRST_COMPLETED)
        assert (done, not_done) == ({fast}, {slow})
        gate.set()
        assert {future.result() for future in as_completed([slow, fast])} == {True, 3}


@pytest.mark.parametrize("engine", ENGINES)
def test_map_runs_on_the_engine_of_the_scope(engine: str) -> None:
    with plait.scope(engine, workers=2) as s:
        task = s.submit(os.getpid)
        assert list(s.map(pow, range(5), range(5))) == [1, 1, 4, 27, 256]
        assert list(s.map(str, [1, 2], order="completion", workers=1)) == ["1", "2"]
        pids = set(s.map(lambda _: os.getpid(), range(3)))
    assert (os.getpid() in pids) == (engine != "process") == (task.result() == os.getpid())


def test_a_map_that_is_not_iterated_to_its_end_ends_with_the_block() -> None:
    with plait.scope() as s:
        stream = s.map(lambda x: x, iter(int, 1))
        assert next(stream) == 0
    assert stream.report.cancelled


def test_engine_auto_means_threads_and_engines_and_pools_can_be_passed() -> None:
    with plait.scope("auto") as s:
        assert s.submit(os.getpid).result() == os.getpid()
    engine = plait.engines.ProcessEngine()
    with plait.scope(engine, workers=1) as s:
        pid = s.submit(os.getpid).result()
    with plait.scope(engine, workers=1) as s:
        assert s.submit(os.getpid).result() == pid  # its worker was kept
    engine.close()
    with plait.Pool("thread", workers=2) as pool:
        with plait.scope(pool) as s:
            assert s.submit(int, "3").result() == 3
        assert pool.submit(int, "4").result() == 4


# --- coroutine functions in sync code


async def double(x: int) -> int:
    await asyncio.sleep(0)
    return 2 * x


async def sleep_forever() -> None:
    await asyncio.sleep(PATIENCE)


async def fail_in_loop(text: str) -> None:
    raise ValueError(text)


@pytest.mark.parametrize("engine", ["thread", "async"])
def test_coroutine_functions_run_in_a_loop_in_a_thread(engine: str) -> None:
    async def read_all() -> tuple[str, int, bool]:
        return variable.get(), threading.get_ident(), plait.current().cancelled

    with plait.scope(engine) as s:
        variable.set("mine")
        found = s.submit(read_all)
        doubled = [s.submit(double, n) for n in range(200)]
        assert [future.result() for future in doubled] == [2 * n for n in range(200)]
        assert list(s.map(double, range(5))) == [0, 2, 4, 6, 8]
        assert s.first(double, [21]) == 42
        variable.set("unset")
    name, ident, cancelled = found.result()
    assert (name, cancelled) == ("mine", False)
    assert ident != threading.get_ident()


def test_coroutines_wait_for_one_another_and_for_threads() -> None:
    async def add(*futures: plait.Future[int]) -> int:
        return sum([await future for future in futures])

    with plait.scope() as s:
        gate = threading.Event()
        first = s.submit(lambda: gate.wait(PATIENCE) and 1)
        second = s.submit(double, 5)
        third = s.submit(add, first, second)
        fourth = s.submit(lambda: third.result(PATIENCE) + 1)
        gate.set()
        assert fourth.result() == 12


def test_coroutines_fail_and_are_cancelled_as_threads_are() -> None:
    with pytest.raises(ValueError, match="mine") as caught:
        with plait.scope() as s:
            others = [s.submit(sleep_forever), s.submit(forever)]
            wait_until_running(others)
            s.submit(fail_in_loop, "mine")
    assert caught.value.__notes__[0].startswith("plait: task fail_in_loop('mine') on async-")
    assert all(future.cancelled() for future in others)
    with plait.scope() as s:
        doomed, other = s.submit(sleep_forever), s.submit(double, 3)
        wait_until_running([doomed])
        doomed.cancel()
        with pytest.raises(Cancelled, match=r"sleep_forever\(\) was cancelled while it ran on async-"):
            doomed.result(PATIENCE)
        assert other.result() == 6
    reached = []
    with plait.scope() as s:
        task = s.submit(sleep_forever)
        wait_until_running([task])
        s.cancel()
        task.result()
        reached.append(True)
    assert task.cancelled()
    assert not reached


def test_plain_functions_are_refused_by_the_async_engine() -> None:
    with pytest.raises(UsageError, match=r"int\('3'\): plait.scope\(.async.\) runs coroutine functions"):
        with plait.scope("async") as s:
            s.submit(int, "3")


# --- context


@pytest.mark.parametrize("engine", ["inline", "thread"])
def test_tasks_see_the_context_variables_of_their_submit(engine: str) -> None:
    with plait.scope(engine) as s:
        variable.set("first")
        first = s.submit(read_variable)
        variable.set("second")
        second = s.submit(read_variable)
        assert (first.result(), second.result()) == ("first", "second")
        variable.set("unset")


def test_processes_see_the_context_variables_that_the_engine_names() -> None:
    engine = plait.engines.ProcessEngine(context=[variable])
    with plait.scope(engine, workers=1) as s:
        unset = contextvars.Context().run(s.submit, read_variable)
        variable.set("first")
        first = s.submit(read_variable)
        variable.set("second")
        second = s.submit(read_variable)
        again = contextvars.Context().run(s.submit, read_variable)
        found = [unset.result(), first.result(), second.result(), again.result()]
        variable.set("unset")
    engine.close()
    assert found == ["unset", "first", "second", "unset"]


def test_what_a_task_knows_about_itself() -> None:
    def know() -> tuple[int, int, str, bool]:
        task = plait.current()
        return task.index, task.attempt, task.worker, task.cancelled

    with plait.scope(workers=1) as s:
        found = [s.submit(know) for _ in range(3)]
    assert [future.result()[0] for future in found] == [0, 1, 2]
    assert found[0].result()[1:] == (1, "thread-1", False)


# --- errors


@pytest.mark.parametrize("engine", ENGINES)
def test_one_error_is_raised_as_itself_and_names_its_task(engine: str) -> None:
    with pytest.raises(ValueError, match="mine") as caught:
        with plait.scope(engine) as s:
            s.submit(fail, "mine")
    (note,) = caught.value.__notes__
    assert note.startswith("plait: task fail('mine') on ")
    assert "raise ValueError(text)" in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


@pytest.mark.parametrize("engine", CONCURRENT)
def test_the_first_failure_cancels_the_others(engine: str) -> None:
    with pytest.raises(ValueError, match="mine"):
        with plait.scope(engine, workers=3) as s:
            others = [s.submit(forever), s.submit(forever)]
            wait_until_running(others)
            s.submit(fail, "mine")
    assert all(future.cancelled() for future in others)
    with pytest.raises(Cancelled, match=r"forever\(\) was cancelled while it ran"):
        others[0].result()


def test_the_first_failure_cancels_what_has_not_begun() -> None:
    started = []
    with pytest.raises(ValueError, match="mine"):
        with plait.scope(workers=1) as s:
            gate = threading.Event()
            s.submit(lambda: (gate.wait(PATIENCE), fail("mine")))
            later = s.submit(started.append, 1)
            gate.set()
    assert later.cancelled()
    assert started == []


def test_several_errors_are_a_group_in_the_order_in_which_they_happened() -> None:
    def fail_in_turn(number: int) -> None:
        try:
            barrier.wait(PATIENCE)
            forever()
        finally:
            turns[number].wait(PATIENCE)
            if number:
                turns[number - 1].set()
            raise KeyError(number)

    barrier = threading.Barrier(3)
    turns = [threading.Event() for _ in range(3)]
    with pytest.raises(ExceptionGroup) as caught:
        with plait.scope() as s:
            for number in range(3):
                s.submit(fail_in_turn, number)
            s.submit(lambda: (barrier.n_waiting, turns[2].set(), fail("first")))
    kinds = [type(error) for error in caught.value.exceptions]
    assert kinds.count(KeyError) == len(kinds) - 1
    assert ValueError in kinds
    assert "errors in a plait.scope" in str(caught.value)


def test_what_a_task_raises_while_it_is_cancelled_is_not_lost() -> None:
    def tidy() -> None:
        try:
            channel.get()
        finally:
            raise KeyError("while tidying")

    channel: plait.channel[int] = plait.channel(0)
    with pytest.raises(ExceptionGroup) as caught:
        with plait.scope() as s:
            wait_until_running([s.submit(tidy)])
            s.submit(fail, "mine")
    assert {type(error) for error in caught.value.exceptions} == {ValueError, KeyError}


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, BaseException])
def test_what_is_no_exception_is_raised_too(kind: type[BaseException]) -> None:
    def raises() -> None:
        raise kind("mine")

    with pytest.raises(kind, match="mine"):
        with plait.scope() as s:
            s.submit(raises)


def test_the_failure_reaches_the_body_at_its_next_wait() -> None:
    reached, seen = [], []
    with pytest.raises(ValueError, match="mine"):
        with plait.scope() as s:
            slow = s.submit(forever)
            s.submit(fail, "mine")
            try:
                slow.result()
            except BaseException as error:
                seen.append(error)
                raise
            reached.append(True)
    assert not reached
    assert [type(error) for error in seen] == [StopTask]


def test_the_failure_reaches_a_body_that_keeps_submitting() -> None:
    with pytest.raises(ValueError, match="mine"):
        with plait.scope() as s:
            s.submit(fail, "mine")
            while True:
                s.submit(int, "3")


def test_a_body_that_iterates_a_map_is_reached_too() -> None:
    with pytest.raises(ValueError, match="mine"):
        with plait.scope() as s:
            for value in s.map(lambda x: time.sleep(0.001), iter(int, 1)):
                s.submit(fail, "mine")
    with pytest.raises(ValueError, match="mine"):
        with plait.scope() as s:
            for value in plait.map(lambda x: time.sleep(0.001), iter(int, 1), engine="thread").outcomes():
                s.submit(fail, "mine")


def test_an_error_in_the_body_cancels_the_tasks_and_is_raised() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        with plait.scope() as s:
            task = s.submit(forever)
            wait_until_running([task])
            1 // 0
    assert task.cancelled()
    assert not hasattr(caught.value, "__notes__")


def test_an_error_in_the_body_and_one_of_a_task_are_a_group() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        with plait.scope() as s:
            failed = s.submit(fail, "task")
            wait([failed])
            raise KeyError("body")
    assert [type(error) for error in caught.value.exceptions] == [KeyError, ValueError]


def test_the_error_of_a_task_that_the_body_asked_for_is_raised_once() -> None:
    with pytest.raises(ValueError, match="mine") as caught:
        with plait.scope() as s:
            s.submit(fail, "mine").result()
    assert caught.value.__notes__ == ["plait: task fail('mine') on thread-1"]
    with pytest.raises(LookupError) as lookup:
        with plait.scope() as s:
            try:
                s.submit(fail, "cause").result()
            except ValueError as error:
                raise LookupError("because of it") from error
    assert isinstance(lookup.value.__cause__, ValueError)


def test_a_failure_that_the_body_has_dealt_with_is_raised_all_the_same() -> None:
    with pytest.raises(ValueError, match="mine"):
        with plait.scope() as s:
            failed = s.submit(fail, "mine")
            assert isinstance(failed.exception(), ValueError)


def test_no_cycle_keeps_the_arguments_of_a_failed_task_alive() -> None:
    class Big:
        pass

    def use(big: Big) -> None:
        raise ValueError

    gc.collect()
    gc.disable()
    try:
        big = Big()
        alive = weakref.ref(big)
        with pytest.raises(ValueError):
            with plait.scope() as s:
                s.submit(int, "3").result()
                s.submit(use, big)
        del big
        assert alive() is None or gc.get_referrers(alive())
    finally:
        gc.enable()


# --- first


def test_first_gives_the_first_success_and_cancels_the_rest() -> None:
    with plait.scope() as s:
        slow = [s.submit(forever) for _ in range(2)]
        s.submit(int, "3")
        assert s.first() == 3
        assert s.submit(int, "4").result() == 4  # the scope goes on
        assert s.first() == 4
    assert all(future.cancelled() for future in slow)


def test_first_over_items_does_not_mind_failures_as_long_as_one_succeeds() -> None:
    def fetch(mirror: str) -> str:
        if mirror == "slow":
            forever()
        elif mirror == "down":
            raise ConnectionError(mirror)
        return mirror

    with plait.scope() as s:
        other = s.submit(time.sleep, 0.005)
        assert s.first(fetch, ["down", "slow", "up", "down", "slow"]) == "up"
        other.result()


@pytest.mark.parametrize("engine", ["inline", "thread"])
def test_first_cancels_also_what_it_has_started_after_somebody_had_won(engine: str) -> None:
    ended = []

    def fetch(mirror: str) -> str:
        if mirror == "slow":
            forever()
            ended.append(mirror)
        return mirror

    def mirrors() -> Iterator[str]:
        yield "fast"
        deadline = time.monotonic() + PATIENCE
        while s._life.tasks.open and time.monotonic() < deadline:
            time.sleep(0.0005)
        yield from itertools.repeat("slow")

    with plait.scope(engine) as s:
        assert s.first(fetch, mirrors()) == "fast"
    assert not ended


def test_first_raises_what_all_of_them_raised() -> None:
    with plait.scope() as s:
        with pytest.raises(ExceptionGroup, match="none of 3 tasks succeeded") as caught:
            s.first(fail, ["a", "b", "c"])
        with pytest.raises(ValueError, match="alone"):
            s.first(fail, ["alone"])
        assert s.submit(int, "3").result() == 3
    assert sorted(str(error) for error in caught.value.exceptions) == ["a", "b", "c"]


def test_first_of_nothing_says_so() -> None:
    with plait.scope() as s:
        with pytest.raises(UsageError, match="no task to wait for"):
            s.first()
        with pytest.raises(UsageError, match="no task to wait for"):
            s.first(fail, [])
        for wrong in ([fail], [s.submit(int)], fail):
            with pytest.raises(UsageError, match="expected a function and items, or nothing to race the tasks"):
                s.first(wrong)  # type: ignore[arg-type]  # that is the mistake


def test_first_after_a_failure_ends_with_it() -> None:
    with pytest.raises(ValueError, match="mine"):
        with plait.scope() as s:
            wait([s.submit(fail, "mine")])
            s.first()


@pytest.mark.parametrize("step", ["_ended", "_failed"])
def test_first_while_a_failure_is_being_told_ends_with_it(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told, go_on = threading.Event(), threading.Event()
    body = threading.current_thread()

    def tell(*args: Any) -> None:
        if threading.current_thread() is not body:
            told.set()
            assert go_on.wait(PATIENCE)
        goes_on(*args)

    with pytest.raises(ValueError, match="mine"):
        with plait.scope() as s:
            goes_on = getattr(s._life.tasks, step)
            monkeypatch.setattr(s._life.tasks, step, tell)
            s.submit(fail, "mine")
            assert told.wait(PATIENCE)
            try:
                s.first()
            finally:
                go_on.set()


def test_first_in_a_scope_that_is_over_says_so() -> None:
    with plait.scope() as s:
        s.submit(int)
    with pytest.raises(Closed, match="the scope is over"):
        s.first()


# --- use


def test_a_scope_is_used_in_its_block_and_once() -> None:
    s = plait.scope()
    with pytest.raises(UsageError, match="not open"):
        s.submit(int)
    with s:
        pass
    with pytest.raises(Closed, match="the scope is over"):
        s.submit(int)
    with pytest.raises(UsageError, match="opened once"), s:
        pass


def test_what_is_no_function_is_refused_with_advice() -> None:
    async def fetch(url: str) -> None: ...

    with plait.scope() as s:
        with pytest.raises(UsageError, match=r"expected a function.*got 3"):
            s.submit(3)  # type: ignore[call-overload]
        with pytest.raises(UsageError, match=r"s.submit\(fetch, url\)"):
            s.submit(fetch("a"))  # type: ignore[call-overload]


def test_a_block_whose_deadline_nobody_can_see_to_has_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="can't start new thread"), plait.scope(deadline=1.0):
        pass
    assert current_block.get(None) is None


@pytest.mark.parametrize("options", [{"workers": 0}, {"workers": True}, {"deadline": 0}, {"deadline": "1"}])
def test_options_that_mean_nothing_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(options))}="):
        plait.scope(**options)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="engine='nope'"):
        plait.scope("nope")


def test_it_says_what_it_is() -> None:
    s = plait.scope()
    assert repr(s) == "<plait.Scope on thread, 0 tasks, not open yet>"
    with s:
        gate = threading.Event()
        s.submit(gate.wait, PATIENCE)
        assert repr(s) == "<plait.Scope on thread, 1 task, open>"
        gate.set()


def wait_until_running(futures: list[plait.Future[object]] | list[plait.Future[None]]) -> None:
    """Futures say that they run, but nobody tells when they begin."""
    spin_until(lambda: all(future.running() for future in futures))


def spin_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.0005)


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    status: int

    def __reduce__(self) -> tuple[type[Frozen], tuple[int]]:
        return Frozen, (self.status,)


@pytest.mark.parametrize("engine", ["thread", "process", "inline"])
def test_an_error_that_cannot_be_changed_is_raised_as_itself(engine: str) -> None:
    def fail() -> None:
        try:
            raise Frozen(1)
        except Frozen as error:
            raise Frozen(404) from error

    with pytest.raises(Frozen) as caught, plait.scope(engine, workers=1) as s:
        s.submit(fail)
    assert caught.value.status == 404
    assert isinstance(caught.value.__cause__, Frozen)


def test_the_error_of_one_task_is_one_error_however_many_have_asked_for_its_result() -> None:
    go = threading.Event()

    def fail() -> None:
        go.wait(30)
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"), plait.scope() as s:
        failing = s.submit(fail)
        for _ in range(5):
            s.submit(failing.result)
        go.set()


def test_an_engine_that_cannot_start_is_one_error_however_many_tasks_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(PoolBroken, match="/nowhere/python"), plait.scope("process") as scope:
        for n in range(20):
            scope.submit(abs, n)


def test_an_error_that_is_false_is_raised_all_the_same() -> None:
    class Nothing(Exception):
        def __len__(self) -> int:
            return 0

    def fail() -> None:
        raise Nothing

    with pytest.raises(Nothing), plait.scope() as s:
        s.submit(fail)
