"""Pool does what the standard library's executors do, and what it promises beyond them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import gc
import itertools
import logging
import os
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import Future, as_completed, wait
from queue import SimpleQueue

import pytest

import plait
from plait._core.batch import Batch
from plait._engines.crew import Crew, Seat
from plait._run.pool_call import Call
from plait._run.pool_feed import QueueFeed
from plait.errors import PoolBroken, UsageError, WaitTimeout

ENGINES = ["inline", "thread"]
PATIENCE = 20.0


@pytest.fixture(params=ENGINES)
def pool(request: pytest.FixtureRequest, nothing_left: None) -> Iterator[plait.Pool]:
    with plait.Pool(request.param, workers=3) as pool:
        yield pool


def fail(text: str) -> None:
    raise ValueError(text)


def test_a_feed_is_not_finished_while_its_last_call_is_taken_out() -> None:
    finished: list[bool] = []
    feed = QueueFeed(lambda: None, lambda: None)
    asking = threading.Thread(target=lambda: finished.append(feed.finished))

    class Slow(Call):
        def start(self) -> bool:
            asking.start()
            asking.join(0.05)  # who asks meanwhile has the answer by then, or waits for us
            return super().start()

    feed.put(Slow(print, (), {}, Future()))
    feed.end()
    assert feed.take(1) is not None
    asking.join()
    assert finished == [False]


def test_it_is_an_executor(pool: plait.Pool) -> None:
    assert isinstance(pool, concurrent.futures.Executor)
    future = pool.submit(divmod, 7, 3)
    assert isinstance(future, concurrent.futures.Future)
    assert future.result() == (2, 1)


def test_its_futures_can_be_awaited(pool: plait.Pool) -> None:
    async def main() -> list[int]:
        futures = [pool.submit(pow, 2, n) for n in range(3)]
        return [await future for future in futures]

    assert asyncio.run(main()) == [1, 2, 4]


def unheard(caplog: pytest.LogCaptureFixture) -> list[str]:
    gc.collect()
    said = [record.getMessage() for record in caplog.records if record.name == "plait"]
    caplog.clear()
    return said


def test_a_failure_that_nobody_asks_for_is_logged(pool: plait.Pool, caplog: pytest.LogCaptureFixture) -> None:
    with pool:
        pool.submit(fail, "a")
        pool.map(fail, ["b"])
    assert sorted(unheard(caplog)) == [f"fail({name!r}) failed, and nobody asked for its result:" for name in "ab"]


def test_a_failure_that_somebody_has_heard_of_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[BaseException | None] = []
    with plait.Pool("thread", workers=1) as pool:
        go = threading.Event()
        first = pool.submit(go.wait)
        asked = pool.submit(fail, "result")
        pool.submit(fail, "callback").add_done_callback(lambda future: heard.append(future.exception()))
        rest = pool.map(fail, ["raised", "and", "those", "behind"])
        left = pool.map(divmod, [1, 2], [1, 0])
        cancelled = pool.submit(fail, "cancelled")
        assert cancelled.cancel()
        go.set()
        first.result()
        with pytest.raises(ValueError, match="result"):
            asked.result()
        with pytest.raises(ValueError, match="raised"):
            next(rest)
        assert next(left) == (1, 0)
        del left, rest
    del first, asked, cancelled
    assert isinstance(heard.pop(), ValueError)
    assert unheard(caplog) == []


def test_a_failure_that_is_waited_for_already_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with plait.Pool("thread") as pool:
            results = asyncio.gather(
                loop.run_in_executor(pool, fail, "a"),
                asyncio.wrap_future(pool.submit(fail, "b")),
                pool.submit(fail, "c"),
                return_exceptions=True,
            )
            assert [str(error) for error in await results] == ["a", "b", "c"]

    asyncio.run(main())
    assert unheard(caplog) == []


def test_a_wait_that_takes_too_long_says_for_which_call_and_whether_it_has_begun() -> None:
    with plait.Pool("thread", workers=1) as pool:
        go, begun = threading.Event(), threading.Event()

        def nested(n: int) -> int:
            begun.set()
            go.wait()
            return pool.submit(pow, n, 2).result(timeout=0.01)

        asks = pool.submit(nested, 3)
        waits = pool.submit(divmod, 7, 3)
        begun.wait()
        with pytest.raises(WaitTimeout, match=r"nested\(3\) had not ended after 0.01 s; it goes on$"):
            asks.result(timeout=0.01)
        with pytest.raises(
            WaitTimeout, match=r"divmod\(7, 3\) had not begun after 0.01 s; it waits for a free worker$"
        ):
            waits.exception(timeout=0.01)
        go.set()
        with pytest.raises(WaitTimeout, match=r"pow\(3, 2\) .* worker, such as the one that the call keeps which asks"):
            asks.result()


def test_positional_and_keyword_arguments_pass_through(pool: plait.Pool) -> None:
    def capture(*args: object, **kwargs: object) -> object:
        return args, kwargs

    assert pool.submit(capture, 1, self=2, fn=3).result() == ((1,), {"self": 2, "fn": 3})


def test_an_error_keeps_its_type_and_shows_the_users_line(pool: plait.Pool) -> None:
    future = pool.submit(fail, "mine")
    error = future.exception()
    assert isinstance(error, ValueError)
    assert error.__traceback__ is not None
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    assert frames == ["fail"]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, BaseException])
def test_any_exception_belongs_to_its_future(pool: plait.Pool, kind: type[BaseException]) -> None:
    def raises() -> None:
        raise kind("mine")

    assert type(pool.submit(raises).exception()) is kind
    assert pool.submit(int, "3").result() == 3


def test_calls_start_in_the_order_they_were_submitted() -> None:
    with plait.Pool("thread", workers=1) as pool:
        seen: list[int] = []
        for number in range(200):
            pool.submit(seen.append, number)
    assert seen == list(range(200))


def test_thousands_of_calls_from_many_threads(pool: plait.Pool) -> None:
    results: dict[int, int] = {}

    def submitter(number: int) -> None:
        futures = [pool.submit(pow, number, 2) for _ in range(500)]
        results[number] = sum(future.result() for future in futures)

    threads = [threading.Thread(target=submitter, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: 500 * number**2 for number in range(6)}


def test_as_many_calls_run_at_once_as_there_are_workers(nothing_left: None) -> None:
    barrier = threading.Barrier(8, timeout=PATIENCE)
    with plait.Pool("thread", workers=8) as pool:
        assert sorted(future.result() for future in [pool.submit(barrier.wait) for _ in range(8)]) == list(range(8))


def test_busy_workers_do_not_keep_others_from_starting(nothing_left: None) -> None:
    """Three calls that never let go of the core wait for a fourth one."""
    flag: list[int] = []

    def spin() -> None:
        while not flag:
            pass

    with plait.Pool("thread", workers=4) as pool:
        futures = [pool.submit(spin) for _ in range(3)]
        pool.submit(flag.append, 1)
        done, _ = wait(futures, PATIENCE)
        flag.append(2)
        assert len(done) == 3


def test_a_long_call_does_not_hold_back_those_behind_it(nothing_left: None) -> None:
    done = threading.Event()
    with plait.Pool("thread", workers=2) as pool:
        for _ in range(500):
            pool.submit(int)
        first = pool.submit(done.wait, PATIENCE)
        for _ in range(500):
            pool.submit(int)
        pool.submit(done.set)
        assert first.result() is True


def test_results_are_there_while_a_later_call_runs(nothing_left: None) -> None:
    seen = threading.Event()
    with plait.Pool("thread", workers=1) as pool:
        quick = [pool.submit(int, n) for n in range(100)]
        last = pool.submit(seen.wait, PATIENCE)
        assert [future.result() for future in quick] == list(range(100))
        seen.set()
        assert last.result() is True


def test_calls_may_submit_calls(pool: plait.Pool) -> None:
    futures: list[Future[int]] = []

    def outer(n: int) -> int:
        futures.append(pool.submit(int, n))
        return n

    assert [pool.submit(outer, n).result() for n in range(50)] == list(range(50))
    assert sorted(future.result() for future in futures) == list(range(50))


def test_calls_may_wait_for_calls_while_workers_are_left(nothing_left: None) -> None:
    with plait.Pool("thread", workers=6) as pool:

        def outer(depth: int) -> int:
            return 0 if depth == 0 else 1 + pool.submit(outer, depth - 1).result(PATIENCE)

        assert pool.submit(outer, 5).result(PATIENCE) == 5


def test_cancelled_calls_do_not_run(nothing_left: None) -> None:
    ran: list[int] = []
    hold = threading.Event()
    with plait.Pool("thread", workers=1) as pool:
        running = pool.submit(hold.wait, PATIENCE)
        waiting = [pool.submit(ran.append, n) for n in range(10)]
        assert all(future.cancel() for future in waiting[::2])
        assert not running.cancel()
        hold.set()
        wait(waiting)
    assert ran == [1, 3, 5, 7, 9]
    assert [future.cancelled() for future in waiting] == [True, False] * 5


def test_running_is_what_a_worker_has_started(nothing_left: None) -> None:
    began, hold = threading.Event(), threading.Event()

    def block() -> None:
        began.set()
        hold.wait(PATIENCE)

    with plait.Pool("thread", workers=1) as pool:
        first, second = pool.submit(block), pool.submit(int)
        assert began.wait(PATIENCE)
        assert first.running()
        assert not second.running()
        assert not second.done()
        hold.set()


@pytest.mark.parametrize("engine", ENGINES)
def test_cancel_races_with_the_start(engine: str) -> None:
    """Every future is either cancelled and not run, or run and not cancelled, and nobody waits for ever."""
    for _ in range(200):
        ran: list[int] = []
        with plait.Pool(engine, workers=2) as pool:
            futures = [pool.submit(ran.append, n) for n in range(6)]
            cancelled = {n for n, future in enumerate(futures) if future.cancel()}
            done, pending = wait(futures, PATIENCE)
            assert not pending
        assert sorted(ran) == [n for n in range(6) if n not in cancelled]
        assert {n for n, future in enumerate(futures) if future.cancelled()} == cancelled


def test_callbacks_are_called_once_also_when_they_raise(pool: plait.Pool, caplog: pytest.LogCaptureFixture) -> None:
    hold = threading.Event()
    calls: list[str] = []

    def callback(name: str, error: BaseException | None = None) -> object:
        def call(future: Future[object]) -> None:
            calls.append(name)
            if error is not None:
                raise error

        return call

    future = pool.submit(hold.wait, PATIENCE)
    if pool.engine.name == "inline":
        hold.set()
    future.add_done_callback(callback("first"))
    future.add_done_callback(callback("raises", ValueError("callback")))
    future.add_done_callback(callback("last"))
    hold.set()
    assert future.result() is True
    pool.shutdown()  # the result is there before the callbacks have run
    assert sorted(calls) == ["first", "last", "raises"]


def test_a_callback_that_exits_does_not_end_a_worker(nothing_left: None, caplog: pytest.LogCaptureFixture) -> None:
    hold = threading.Event()
    with plait.Pool("thread", workers=1) as pool:
        future = pool.submit(hold.wait, PATIENCE)
        future.add_done_callback(lambda future: exit(3))
        hold.set()
        assert pool.submit(int, 5).result(PATIENCE) == 5
    assert "a callback of" in caplog.text


def test_after_shutdown_nothing_is_taken(pool: plait.Pool) -> None:
    future = pool.submit(int)
    pool.shutdown()
    assert future.done()
    for use in (lambda: pool.submit(int), lambda: pool.engine, lambda: list(pool.map(int, "1"))):
        with pytest.raises(RuntimeError, match="^cannot schedule new futures after shutdown$"):
            use()
    pool.shutdown()
    pool.shutdown(wait=False, cancel_futures=True)


def test_shutdown_without_waiting_finishes_in_the_background(nothing_left: None) -> None:
    hold = threading.Event()
    pool = plait.Pool("thread", workers=2)
    futures = [pool.submit(hold.wait, PATIENCE) for _ in range(6)]
    pool.shutdown(wait=False)
    assert not any(future.done() for future in futures)
    hold.set()
    assert [future.result(PATIENCE) for future in futures] == [True] * 6


def test_shutdown_can_cancel_what_has_not_started(nothing_left: None) -> None:
    hold, began = threading.Event(), threading.Event()

    def block() -> str:
        began.set()
        hold.wait(PATIENCE)
        return "ran"

    pool = plait.Pool("thread", workers=1)
    running = pool.submit(block)
    waiting = [pool.submit(int) for _ in range(20)]
    assert began.wait(PATIENCE)
    pool.shutdown(wait=False, cancel_futures=True)
    done, pending = wait(waiting, PATIENCE)  # waiters are told as well
    assert not pending
    assert all(future.cancelled() for future in waiting)
    hold.set()
    assert running.result(PATIENCE) == "ran"
    pool.shutdown()


def test_shutdown_from_many_threads_and_submits_race(nothing_left: None) -> None:
    """A submit is either refused or its call has its outcome when shutdown returns."""
    for _ in range(100):
        pool = plait.Pool("thread", workers=2)
        futures: list[Future[int]] = []

        def submitter() -> None:
            try:
                for _ in range(50):
                    futures.append(pool.submit(int))
            except RuntimeError as error:
                assert "after shutdown" in str(error)

        threads = [threading.Thread(target=submitter), threading.Thread(target=pool.shutdown)]
        for thread in threads:
            thread.start()
        pool.shutdown()
        for thread in threads:
            thread.join()
        pool.shutdown()
        assert all(future.done() for future in futures)


def test_a_task_cannot_wait_for_the_end_of_its_own_pool(pool: plait.Pool) -> None:
    with pytest.raises(RuntimeError, match="its own pool"):
        pool.submit(pool.shutdown).result(PATIENCE)


def test_a_pool_nobody_refers_to_finishes_its_calls_and_ends(nothing_left: None) -> None:
    pool = plait.Pool("thread", workers=2)
    futures = [pool.submit(int, n) for n in range(50)]
    ref = weakref.ref(pool)
    del pool
    gc.collect()
    assert ref() is None
    assert [future.result(PATIENCE) for future in futures] == list(range(50))


def test_a_pool_that_was_never_used_leaves_nothing(nothing_left: None) -> None:
    for engine in ENGINES:
        plait.Pool(engine)
        with plait.Pool(engine):
            pass


def test_arguments_and_results_are_let_go_of(pool: plait.Pool) -> None:
    class Thing:
        def method(self, other: object) -> object:
            return other

    gone = [threading.Event() for _ in range(2)]
    thing, argument = Thing(), Thing()
    refs = [
        weakref.ref(one, lambda _, event=event: event.set()) for one, event in zip((thing, argument), gone, strict=True)
    ]
    assert pool.submit(thing.method, argument).result() is argument
    del thing, argument
    gc.collect()
    assert all(event.wait(PATIENCE) for event in gone), refs


def test_an_error_is_not_kept_alive_by_the_pool(pool: plait.Pool) -> None:
    class Mine(Exception):
        pass

    def raises() -> None:
        raise Mine

    future = pool.submit(raises)
    gone = threading.Event()
    weakref.finalize(future.exception(), gone.set)
    del future
    assert gone.wait(PATIENCE)


def test_map_is_executor_map(pool: plait.Pool) -> None:
    assert list(pool.map(pow, range(10), range(10))) == [n**n for n in range(10)]
    assert list(pool.map(pow, range(10), itertools.count(), chunksize=4)) == [n**n for n in range(10)]
    assert list(pool.map(int, [])) == []
    found = pool.map(divmod, [1, 1, 1, 1], [2, 3, 0, 5])
    assert [next(found), next(found)] == [(0, 1), (0, 1)]
    with pytest.raises(ZeroDivisionError):
        next(found)
    with pytest.raises(StopIteration):
        next(found)


def test_map_submits_at_once() -> None:
    seen: list[int] = []
    with plait.Pool("thread") as pool:
        pool.map(seen.append, range(10))
    assert sorted(seen) == list(range(10))


def test_map_with_a_buffer_is_lazy(pool: plait.Pool) -> None:
    pulled = itertools.count()
    found = pool.map(int, pulled, buffersize=5)
    assert [next(found) for _ in range(100)] == list(range(100))
    assert next(pulled) <= 110
    assert list(pool.map(int, range(20), buffersize=2, chunksize=3)) == list(range(20))


def test_map_has_a_timeout_for_all_of_it(nothing_left: None) -> None:
    hold = threading.Event()
    with plait.Pool("thread", workers=1) as pool:
        found = pool.map(hold.wait, [PATIENCE, PATIENCE], timeout=0.05)
        with pytest.raises(TimeoutError):
            next(found)
        hold.set()


@pytest.mark.parametrize("options", [{"chunksize": 0}, {"chunksize": -1}, {"buffersize": 0}, {"chunksize": 1.5}])
def test_map_says_what_it_expected(options: dict[str, int]) -> None:
    kind = TypeError if 1.5 in options.values() else UsageError  # as the standard library's executors since 3.14
    with plait.Pool("inline") as pool, pytest.raises(kind, match=f"{next(iter(options))}="):
        pool.map(int, [1], **options)


@pytest.mark.parametrize(
    "options", [{"workers": 0}, {"workers": -1}, {"workers": True}, {"workers": 2.0}, {"engine": "no"}, {"engine": 3}]
)
def test_bad_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        plait.Pool(**options)
    with pytest.raises(TypeError):
        plait.Pool(initializer=3)


def test_event_loops_take_it(pool: plait.Pool) -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        return list(await asyncio.gather(*(loop.run_in_executor(pool, int, str(n)) for n in range(100))))

    assert asyncio.run(main()) == list(range(100))


def test_wait_and_as_completed(pool: plait.Pool) -> None:
    futures = {pool.submit(int, n) for n in range(100)}
    assert {future.result() for future in as_completed(futures)} == set(range(100))
    done, pending = wait(futures)
    assert (len(done), len(pending)) == (100, 0)


def test_a_map_runs_on_the_pools_workers_while_calls_are_submitted(pool: plait.Pool) -> None:
    futures = [pool.submit(int, n) for n in range(200)]
    assert list(plait.map(str, range(1000), engine=pool)) == [str(n) for n in range(1000)]
    futures += [pool.submit(int, n) for n in range(200)]
    assert sum(future.result() for future in futures) == 2 * sum(range(200))


def test_a_map_has_no_more_workers_than_the_pool() -> None:
    with plait.Pool("thread", workers=2) as pool:
        assert pool.engine.plan(None, None).workers == 2
        assert pool.engine.plan(9, None).workers == 2
        assert pool.engine.plan(1, None).workers == 1


def test_a_map_keeps_its_pool_alive(nothing_left: None) -> None:
    stream = plait.map(str, range(100), engine=plait.Pool("thread", workers=2))
    gc.collect()
    assert len(list(stream)) == 100
    del stream
    gc.collect()


def test_a_given_engine_stays_open() -> None:
    closed: list[bool] = []

    class Kept(plait.engines.InlineEngine):
        def close(self) -> None:
            closed.append(True)

    engine = Kept()
    with plait.Pool(engine) as pool:
        assert pool.submit(int).result() == 0
    assert not closed


def test_calls_see_the_context_of_their_submitter(nothing_left: None) -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)

    def read() -> int:
        found = variable.get()
        variable.set(-1)
        return found

    with plait.Pool("thread", workers=2) as pool:
        for number in range(20):
            variable.set(number)
            assert pool.submit(read).result() == number
            assert variable.get() == number


def test_current_is_the_call_that_runs(pool: plait.Pool) -> None:
    found = [pool.submit(lambda: plait.current().index).result() for _ in range(5)]
    assert found == list(range(5))
    with pytest.raises(LookupError):
        plait.current()


def test_the_initializer_runs_once_in_each_worker_before_its_first_call(nothing_left: None) -> None:
    prepared: list[int] = []
    barrier = threading.Barrier(3, timeout=PATIENCE)

    def call() -> bool:
        barrier.wait()
        return threading.get_ident() in prepared

    def prepare(value: str) -> None:
        assert value == "x"
        prepared.append(threading.get_ident())

    with plait.Pool("thread", workers=3, initializer=prepare, initargs=("x",)) as pool:
        assert [future.result() for future in [pool.submit(call) for _ in range(3)]] == [True] * 3
        assert len(prepared) == len(set(prepared)) == 3
        assert all(plait.map(lambda _: threading.get_ident() in prepared, range(10), engine=pool))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_failing_initializer_breaks_the_pool(
    engine: str, caplog: pytest.LogCaptureFixture, nothing_left: None
) -> None:
    hold = threading.Event()

    def prepare() -> None:
        hold.wait(PATIENCE)
        raise LookupError("not prepared")

    with plait.Pool(engine, workers=1, initializer=prepare) as pool:
        futures = [pool.submit(int) for _ in range(10)]
        cancelled = futures[5].cancel()
        hold.set()
        for number, future in enumerate(futures):
            if number == 5 and cancelled:
                continue
            with pytest.raises(concurrent.futures.BrokenExecutor, match="not prepared") as caught:
                future.result(PATIENCE)
            assert isinstance(caught.value, PoolBroken)
        with pytest.raises(PoolBroken, match="not prepared"):
            pool.submit(int)
        with pytest.raises(PoolBroken, match="not prepared"):
            list(plait.map(int, "1", engine=pool))
    critical = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert any(record.exc_info is not None and record.exc_info[0] is LookupError for record in critical)


def test_an_error_of_another_pool_does_not_break_this_one(nothing_left: None) -> None:
    def inner() -> object:
        with plait.Pool("thread", initializer=fail, initargs=("inner",)) as other:
            return other.submit(int).result()

    with plait.Pool("thread", workers=2) as pool:
        with pytest.raises(PoolBroken, match="inner"):
            pool.submit(inner).result()
        assert pool.submit(int).result() == 0


def test_an_engine_that_fails_breaks_the_pool_and_nobody_waits(caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(plait.engines.InlineEngine):
        def run(self, job: plait.engines.Job) -> Iterator[plait.engines.Batch]:
            while job.feed.take(1) is None:
                pass
            raise OSError("engine failure")
            yield

    pool = plait.Pool(Faulty())
    futures: list[Future[int]] = []
    with pytest.raises(PoolBroken, match="engine failure"):
        while True:
            futures.append(pool.submit(int))
    assert futures
    for future in futures:
        with pytest.raises(PoolBroken, match="engine failure"):
            future.result(PATIENCE)
    pool.shutdown()


def test_a_destructor_may_submit(pool: plait.Pool) -> None:
    submitted: list[Future[int]] = []

    class Submits:
        def __init__(self) -> None:
            self.cycle = self

        def __del__(self) -> None:
            submitted.append(pool.submit(int, 7))

    thresholds = gc.get_threshold()
    gc.set_threshold(5, 2, 2)
    try:
        for _ in range(300):
            Submits()
            pool.submit(int)
    finally:
        gc.set_threshold(*thresholds)
    deadline = time.monotonic() + PATIENCE
    while len(submitted) < 300 and time.monotonic() < deadline:
        gc.collect()  # does nothing while another thread collects
    assert len(submitted) == 300
    assert {future.result(PATIENCE) for future in submitted} == {7}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("engine", [*ENGINES, "process"])
def test_a_pool_works_on_in_a_forked_child(engine: str) -> None:
    with plait.Pool(engine, workers=2) as pool:
        assert pool.submit(int, "1").result() == 1
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                found = pool.submit(int, "2").result(PATIENCE)
                pool.shutdown()
                os.write(write, b"%d" % found)
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as result:
            assert result.read() == b"2"
        os.waitpid(child, 0)
        assert pool.submit(int, "3").result() == 3


def test_dask_and_others_find_the_number_of_workers() -> None:
    with plait.Pool("thread", workers=3) as pool:
        assert pool._max_workers == 3
        assert repr(pool) == "<plait.Pool on thread, 3 workers>"


class Watched:
    """Where workers wait for calls; counts those who come although a call is there."""

    def __init__(self, park: SimpleQueue[None], late: list[Future[str]]) -> None:
        self.put, self._get, self._late = park.put, park.get, late
        self.overlooked = 0

    def get(self) -> None:
        self.overlooked += not all(future.done() for future in self._late)
        self._get()


def test_a_call_that_comes_as_the_only_worker_goes_to_rest_is_not_overlooked(
    monkeypatch: pytest.MonkeyPatch, nothing_left: None
) -> None:
    """Nobody rests yet who could be woken for it, so whoever goes to rest looks once more; the driver looks later."""
    late: list[Future[str]] = []
    draw = Crew.draw

    def drawn(crew: Crew, seat: Seat) -> Batch | None:
        batch = draw(crew, seat)
        if batch is None and not late and crew.done[0]:
            late.append(pool.submit(str, 2))
            parks.append(Watched(crew._park, late))
            crew._park = parks[0]  # type: ignore[assignment]  # all that is asked of it
        return batch

    parks: list[Watched] = []
    monkeypatch.setattr(Crew, "draw", drawn)
    with plait.Pool("thread", workers=1) as pool:
        assert pool.submit(str, 1).result(PATIENCE) == "1"
        while not late:
            time.sleep(0.001)  # the worker goes to rest after its first call
        assert late[0].result(PATIENCE) == "2"
    assert [park.overlooked for park in parks] == [0]


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("engine", ["inline", "thread", "process", "async"])
def test_a_map_that_runs_on_a_pool_goes_on_when_the_pool_is_shut_down(engine: str, wait: bool) -> None:
    async def abs_later(x: int) -> int:
        await asyncio.sleep(0)
        return abs(x)

    pool = plait.Pool(engine, workers=2)
    stream = plait.map(abs_later if engine == "async" else abs, itertools.count(-9), engine=pool)
    with stream:
        assert next(stream) == 9
        pool.shutdown(wait=wait)
        assert list(itertools.islice(stream, 50_000)) == [abs(n) for n in range(-8, 49_992)]


@pytest.mark.usefixtures("nothing_left")
def test_a_pool_that_nobody_uses_any_more_ends_whatever_its_last_call_raised() -> None:
    async def cancel_myself() -> None:
        raise asyncio.CancelledError

    def ask() -> weakref.ref[Future[None]]:
        future = plait.Pool("async").submit(cancel_myself)
        with pytest.raises(asyncio.CancelledError):
            future.result()
        return weakref.ref(future)

    asked = ask()
    deadline = time.monotonic() + PATIENCE
    while asked() is not None and time.monotonic() < deadline:
        gc.collect()  # until the worker waits again
    assert asked() is None  # a worker that waits does not keep the error, whose traceback has whoever asked
