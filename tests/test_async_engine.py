"""The async engine beyond the contract: what it accepts, where coroutines run, how many at a time, whose context."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import inspect
import itertools
import threading
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import AsyncMock

import pytest

import plait
from plait._core.coroutines import is_coroutine_function
from plait.errors import UsageError

pytestmark = pytest.mark.usefixtures("nothing_left")


async def double(x: int) -> int:
    return 2 * x


async def later(x: int) -> int:
    await asyncio.sleep(0)
    return x


async def sometimes_later(x: int) -> int:
    if not x % 50:
        await asyncio.sleep(0)
    return x


class Client:
    async def fetch(self, x: int) -> int:
        return 2 * x

    async def __call__(self, x: int) -> int:
        return 2 * x

    @classmethod
    async def of_class(cls, x: int) -> int:
        return 2 * x

    @staticmethod
    async def static(x: int) -> int:
        return 2 * x


@functools.wraps(double)
def in_disguise(x: int) -> Awaitable[int]:
    return double(x)


COROUTINE_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "function": double,
    "partial": functools.partial(double),
    "partial of partial": functools.partial(functools.partial(double)),
    "bound method": Client().fetch,
    "class method": Client.of_class,
    "static method": Client.static,
    "object": Client(),
    "partial of object": functools.partial(Client()),
    "mock": AsyncMock(side_effect=double),
}
PLAIN_FUNCTIONS = [len, print, in_disguise, lambda x: double(x), Client, functools.partial(max, 1), inspect.Signature]


@pytest.mark.parametrize("name", COROUTINE_FUNCTIONS)
def test_a_coroutine_function_runs_on_the_async_engine_by_itself(name: str) -> None:
    stream = plait.map(COROUTINE_FUNCTIONS[name], [1, 2, 3])
    assert list(stream) == [2, 4, 6]
    assert stream.report.engine == "async"


@pytest.mark.parametrize("engine", ["thread", "process", "inline"])
@pytest.mark.parametrize("name", COROUTINE_FUNCTIONS)
def test_other_engines_refuse_a_coroutine_function(name: str, engine: str) -> None:
    with pytest.raises(UsageError, match='coroutine function.*engine="async"'):
        plait.map(COROUTINE_FUNCTIONS[name], [1], engine=engine)


@pytest.mark.parametrize("fn", PLAIN_FUNCTIONS)
def test_plain_functions_are_told_apart(fn: Callable[..., Any]) -> None:
    assert not is_coroutine_function(fn)


def test_marked_callables_are_coroutine_functions() -> None:
    def marked(x: int) -> Awaitable[int]:
        return double(x)

    class Marked:
        def __call__(self, x: int) -> Awaitable[int]:
            return double(x)

    an_object = Marked()
    if hasattr(inspect, "markcoroutinefunction"):
        inspect.markcoroutinefunction(marked)
        inspect.markcoroutinefunction(an_object)
    else:
        marked._is_coroutine = an_object._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]
    for fn in (marked, an_object, functools.partial(marked), functools.partial(an_object)):
        assert list(plait.map(fn, [1, 2])) == [2, 4]


def test_several_iterables() -> None:
    async def add(x: int, y: int) -> int:
        return x + y

    assert list(plait.map(add, [1, 2, 3], itertools.count(10))) == [11, 13, 15]


@pytest.mark.parametrize("fn", [in_disguise, lambda x: double(x), lambda x: asyncio.ensure_future(double(x))])
def test_a_plain_function_that_returns_something_to_await_is_awaited(fn: Callable[[int], Awaitable[int]]) -> None:
    assert list(plait.map(fn, range(5), engine="async")) == [0, 2, 4, 6, 8]


@pytest.mark.parametrize("outcomes", [False, True])
def test_a_plain_function_is_refused(outcomes: bool) -> None:
    calls: list[int] = []

    def plain(x: int) -> int:
        calls.append(x)
        return x

    stream = plait.map(plain, range(1000), engine="async", retry=5)
    with pytest.raises(UsageError, match=r'plain returned 0 for 0, .*async def.*engine="thread"'):
        list(stream.outcomes() if outcomes else stream)
    assert calls == [0]


def test_a_plain_function_is_refused_in_async_code() -> None:
    async def main() -> None:
        with pytest.raises(UsageError, match="async def"):
            async for _ in plait.map(len, [[1]] * 5, engine="async"):
                pass
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_auto_says_what_to_do_with_a_function_that_returns_a_coroutine() -> None:
    with pytest.raises(UsageError, match='engine="async"'):
        list(plait.map(lambda x: double(x), range(10)))


def test_sync_code_has_a_loop_in_a_thread_even_where_a_loop_is_running() -> None:
    async def where(x: int) -> tuple[int, int]:
        await asyncio.sleep(0)
        return threading.get_ident(), id(asyncio.get_running_loop())

    async def main() -> None:
        found = set(plait.map(where, range(10)))
        assert len(found) == 1
        assert (threading.get_ident(), id(asyncio.get_running_loop())) not in found

    assert {thread for thread, _ in plait.map(where, range(10))} != {threading.get_ident()}
    asyncio.run(main())


def test_async_code_runs_items_in_its_own_loop() -> None:
    async def where(x: int) -> tuple[int, int]:
        await asyncio.sleep(0)
        return threading.get_ident(), id(asyncio.get_running_loop())

    async def main() -> None:
        here = (threading.get_ident(), id(asyncio.get_running_loop()))
        async with plait.map(where, range(10)) as stream:
            assert {found async for found in stream} == {here}
        assert {outcome.value async for outcome in plait.map(where, range(10)).outcomes()} == {here}

    asyncio.run(main())


def test_what_is_bound_to_the_loop_can_be_used() -> None:
    async def main() -> None:
        lock, queue = asyncio.Lock(), asyncio.Queue[int]()
        await lock.acquire()

        async def use(x: int) -> int:
            async with lock:  # waits, which binds it to the loop
                await queue.put(x)
            return x

        asyncio.get_running_loop().call_later(0.01, lock.release)
        assert [x async for x in plait.map(use, range(20))] == list(range(20))
        assert queue.qsize() == 20

    asyncio.run(main())


def test_an_engine_keeps_its_loop_from_map_to_map() -> None:
    async def loop_of(x: int) -> int:
        return id(asyncio.get_running_loop())

    engine = plait.engines.AsyncEngine()
    try:
        assert len({*plait.map(loop_of, range(3), engine=engine), *plait.map(loop_of, range(3), engine=engine)}) == 1
    finally:
        engine.close()


@pytest.mark.parametrize("in_loop", [False, True])
def test_as_many_calls_at_a_time_as_workers(in_loop: bool) -> None:
    now, most = 0, 0

    async def count(x: int) -> int:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1
        return x

    assert len(run(count, range(200), in_loop, workers=7)) == 200
    assert most == 7


def test_the_default_limit() -> None:
    assert plait.engines.AsyncEngine().plan(None, None).workers == 100
    assert plait.engines.AsyncEngine().plan(None, 7).workers == 7
    assert plait.engines.AsyncEngine().plan(5000, 10**6).workers == 5000


@pytest.mark.parametrize("in_loop", [False, True])
def test_no_task_per_item_and_no_more_workers_than_items_that_wait(in_loop: bool) -> None:
    tasks: set[int] = set()

    async def note(x: int) -> int:
        tasks.add(len(asyncio.all_tasks()))
        return x

    assert len(run(note, range(5000), in_loop)) == 5000
    assert max(tasks) <= 2  # a worker, and the consumer where it is a task of the same loop


@pytest.mark.parametrize("in_loop", [False, True])
def test_memory_is_proportional_to_the_limit(in_loop: bool) -> None:
    def peak(items: int, limit: int) -> int:
        gc.collect()
        tracemalloc.start()
        assert consume(sometimes_later, iter(range(items)), in_loop, workers=limit) == items
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1000, 10)  # what is imported and cached
    few, many = peak(5_000, 100), peak(100_000, 100)
    assert many < 2 * few + 500_000
    assert many < 4_000_000  # 100,000 tasks would take some 100 MB


def test_context_variables_are_copied_at_the_call_and_stay_with_their_worker() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    async def read_and_change(x: int) -> str:
        found = variable.get()
        variable.set(f"changed by {x}")
        await asyncio.sleep(0)
        assert variable.get() == f"changed by {x}"
        return found

    variable.set("at the call")
    stream = plait.map(read_and_change, range(100), workers=100)
    variable.set("later")
    assert "at the call" in set(stream)
    assert variable.get() == "later"


@pytest.mark.parametrize("in_loop", [False, True])
def test_current_is_the_items_own_across_awaits(in_loop: bool) -> None:
    async def check(x: int) -> str:
        for turn in range(x % 7):
            await asyncio.sleep(0 if turn % 2 else 0.0005)
            task = plait.current()
            assert (task.index, task.attempt, task.cancelled) == (x, 1, False)
            assert task.deadline is not None
        return plait.current().worker

    names = run(check, range(300), in_loop, workers=20, timeout=60)
    assert set(names) <= {f"async-{n}" for n in range(1, 21)}


def test_current_in_a_retried_item() -> None:
    async def fail_twice(x: int) -> int:
        await asyncio.sleep(0)
        if plait.current().attempt < 3:
            raise ConnectionError
        return plait.current().attempt

    assert list(plait.map(fail_twice, range(50), retry=plait.Retry(2, backoff=0.001))) == [3] * 50


def test_a_cancelled_error_of_the_function_is_its_items_failure() -> None:
    async def cancelled(x: int) -> int:
        future = asyncio.get_running_loop().create_future()
        if x % 2:
            future.cancel()
            await future
        return x

    outcomes = list(plait.map(cancelled, range(100), workers=3).outcomes())
    assert [type(outcome.error) for outcome in outcomes] == [type(None), asyncio.CancelledError] * 50


@pytest.mark.parametrize("in_loop", [False, True])
def test_a_function_that_cancels_its_own_task_fails_alone(in_loop: bool) -> None:
    async def cancel_myself(x: int) -> int:
        if x % 10 == 3:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        await asyncio.sleep(0)
        return x

    errors = [type(outcome.error) for outcome in outcomes_of(cancel_myself, range(60), in_loop, workers=2)]
    assert errors == [asyncio.CancelledError if x % 10 == 3 else type(None) for x in range(60)]


@pytest.mark.parametrize("in_loop", [False, True])
def test_task_groups_and_timeouts_work_inside_items(in_loop: bool) -> None:
    async def fail(x: int) -> None:
        raise ValueError(x)

    async def busy(x: int) -> int:
        kind = x % 4
        if kind == 0:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(later(n)) for n in range(3)]
            return sum(task.result() for task in tasks)
        if kind == 1:
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(10))
                group.create_task(fail(x))
        if kind == 2:
            async with asyncio.timeout(0.001):
                await asyncio.sleep(10)
        current = asyncio.current_task()
        assert current is not None
        assert current.cancelling() == 0
        return x

    outcomes = outcomes_of(busy, range(40), in_loop, workers=3)
    for outcome in outcomes:
        kind = outcome.index % 4
        assert type(outcome.error) is [type(None), ExceptionGroup, TimeoutError, type(None)][kind], outcome


def test_async_generators_inside_items_are_closed() -> None:
    closed = 0

    async def numbers() -> Any:
        nonlocal closed
        try:
            for n in itertools.count():
                yield n
        finally:
            await asyncio.sleep(0)
            closed += 1

    async def first(x: int) -> int:
        async for n in numbers():
            if n == 3:
                break
        return n

    assert list(plait.map(first, range(50))) == [3] * 50
    gc.collect()
    assert closed == 50


def test_stray_tasks_of_items_end_with_the_map() -> None:
    ended: list[int] = []

    async def stray(x: int) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(x)

    strays: set[asyncio.Task[None]] = set()

    async def start(x: int) -> int:
        strays.add(asyncio.create_task(stray(x)))
        await asyncio.sleep(0)
        return x

    assert list(plait.map(start, range(5))) == list(range(5))
    assert sorted(ended) == list(range(5))
    strays.clear()


def test_maps_in_items_of_a_shared_engine_do_not_wait_for_each_other() -> None:
    engine = plait.engines.AsyncEngine()

    async def outer(x: int) -> int:
        return sum(plait.map(double, range(x), engine=engine))  # blocks the loop of the outer map, as one must not

    def between(x: int) -> int:
        return sum(plait.map(outer, [x, x], engine=engine))

    async def outermost(x: int) -> int:
        return sum(plait.map(between, [x], engine="thread"))

    try:
        assert list(plait.map(outermost, [1, 2, 3], engine=engine)) == [0, 4, 12]
    finally:
        engine.close()


def test_prints_are_whole_lines(capfd: pytest.CaptureFixture[str]) -> None:
    async def show(x: int) -> int:
        print("item", x, "of", "many")
        await asyncio.sleep(0)
        return x

    threads = [threading.Thread(target=lambda: list(plait.map(show, range(300)))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(capfd.readouterr().out.splitlines()) == sorted([f"item {x} of many" for x in range(300)] * 2)


def test_a_loop_factory_is_used() -> None:
    made: list[asyncio.AbstractEventLoop] = []

    def factory() -> asyncio.AbstractEventLoop:
        made.append(asyncio.SelectorEventLoop())
        return made[-1]

    async def loop_of(x: int) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    engine = plait.engines.AsyncEngine(loop_factory=factory)
    try:
        assert set(plait.map(loop_of, range(3), engine=engine)) == set(made)
    finally:
        engine.close()
    assert len(made) == 1
    assert made[0].is_closed()


def test_a_loop_factory_that_fails_says_why() -> None:
    def factory() -> asyncio.AbstractEventLoop:
        raise LookupError("no loop today")

    with pytest.raises(LookupError, match="no loop today"):
        list(plait.map(double, range(3), engine=plait.engines.AsyncEngine(factory)))
    with pytest.raises(UsageError, match="loop_factory='uvloop'"):
        plait.engines.AsyncEngine("uvloop")  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def uvloop() -> Any:
    module = pytest.importorskip("uvloop")
    module.new_event_loop().close()  # the first one opens a pipe for the whole process
    return module


def test_uvloop_is_used_when_asked_for(uvloop: Any) -> None:
    async def loop_type(x: int) -> str:
        await asyncio.sleep(0.001)
        return type(asyncio.get_running_loop()).__module__

    engine = plait.engines.AsyncEngine(loop_factory=uvloop.new_event_loop)
    try:
        for _ in range(2):
            assert set(plait.map(loop_type, range(200), engine=engine)) == {"uvloop"}
    finally:
        engine.close()

    async def main() -> set[str]:
        return {name async for name in plait.map(loop_type, range(200))}

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(main()) == {"uvloop"}


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="this Python has no eager tasks")
def test_a_loop_with_eager_tasks() -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
        assert [x async for x in plait.map(later, range(500))] == list(range(500))
        assert [x async for x in plait.map(double, range(500))] == list(range(0, 1000, 2))

    asyncio.run(main())


# How one question is asked in both ways.


def run(fn: Callable[..., Any], items: Any, in_loop: bool, **options: Any) -> list[Any]:
    async def main() -> list[Any]:
        return [value async for value in plait.map(fn, items, **options)]

    return asyncio.run(main()) if in_loop else list(plait.map(fn, items, **options))


def outcomes_of(fn: Callable[..., Any], items: Any, in_loop: bool, **options: Any) -> list[plait.Outcome[Any]]:
    async def main() -> list[plait.Outcome[Any]]:
        return [outcome async for outcome in plait.map(fn, items, **options).outcomes()]

    return asyncio.run(main()) if in_loop else list(plait.map(fn, items, **options).outcomes())


def consume(fn: Callable[..., Any], items: Any, in_loop: bool, **options: Any) -> int:
    async def main() -> int:
        count = 0
        async for _ in plait.map(fn, items, **options):
            count += 1
        return count

    return asyncio.run(main()) if in_loop else sum(1 for _ in plait.map(fn, items, **options))


def test_the_loop_holds_the_runs_that_are_open_in_it() -> None:
    """Else tasks that wait for their crew go as garbage with it, which asyncio reports: "destroyed but it is pending"."""
    engine = plait.engines.AsyncEngine()
    with plait.map(double, itertools.count(), engine=engine) as stream:
        assert next(stream) == 0
        home = engine._home
        assert home is not None
        assert len(home.jobs) == 1
    assert not home.jobs
    engine.close()
