"""Scopes in async code: coroutines, threads and processes in one block, and the rules of asyncio kept."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import plait
from plait._core.cancelling import current_block
from plait.errors import Cancelled, Closed, TaskTimeout, UsageError

pytestmark = pytest.mark.usefixtures("nothing_left")

PATIENCE = 20.0

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


async def double(x: int) -> int:
    await asyncio.sleep(0)
    return 2 * x


async def fail(text: str) -> None:
    await asyncio.sleep(0)
    raise ValueError(text)


async def forever() -> None:
    await asyncio.Event().wait()


def forever_in_thread(begun: str = "") -> None:
    if begun:
        Path(begun).touch()
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        time.sleep(0.001)


async def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.0005)


def spin_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.0005)


@pytest.fixture(params=[False, True], ids=["loop", "debug"])
def run(request: pytest.FixtureRequest) -> Callable[[Awaitable[None]], None]:
    """Runs the main coroutine, in asyncio's debug mode, too, and sees to it that the block left the task as it was."""

    def run_main(main: Awaitable[None]) -> None:
        async def checked() -> None:
            await main
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0
            assert asyncio.all_tasks() == {task}
            await asyncio.sleep(0)

        with asyncio.Runner(debug=request.param) as runner:
            runner.get_loop().slow_callback_duration = PATIENCE
            runner.run(checked())

    return run_main


Run = Callable[[Awaitable[None]], None]


# --- results


def test_coroutine_functions_run_in_this_loop_and_others_on_the_engine(run: Run) -> None:
    async def here() -> tuple[int, asyncio.AbstractEventLoop]:
        return threading.get_ident(), asyncio.get_running_loop()

    async def main() -> None:
        async with plait.scope() as s:
            coroutine, thread = s.submit(here), s.submit(threading.get_ident)
            assert await coroutine == (threading.get_ident(), asyncio.get_running_loop())
            assert await thread != threading.get_ident()
            assert await s.submit(double, 4) == 8
        async with plait.scope("process", workers=1) as s:
            assert await s.submit(os.getpid) != os.getpid()
            assert await s.submit(double, 5) == 10

    run(main())


def test_the_end_of_the_block_waits_and_leaves_results(run: Run) -> None:
    async def main() -> None:
        async with plait.scope() as s:
            futures = [s.submit(double, n) for n in range(20)] + [s.submit(pow, 2, n) for n in range(5)]
        assert [future.result() for future in futures] == [2 * n for n in range(20)] + [1, 2, 4, 8, 16]

    run(main())


def test_tasks_start_tasks_from_the_loop_and_from_threads(run: Run) -> None:
    async def main() -> None:
        async with plait.scope() as s:

            async def coroutine() -> int:
                return await s.submit(lambda: s.submit(double, 21).result(PATIENCE))

            assert await s.submit(coroutine) == 42

    run(main())


def test_tasks_see_the_context_variables_of_their_submit(run: Run) -> None:
    async def read() -> str:
        found = variable.get()
        variable.set("changed")
        return found

    async def main() -> None:
        async with plait.scope() as s:
            variable.set("first")
            found = [s.submit(read), s.submit(variable.get)]
            variable.set("second")
            found += [s.submit(read), s.submit(variable.get)]
            assert [await future for future in found] == ["first", "first", "second", "second"]
            assert variable.get() == "second"

    run(main())


def test_what_a_coroutine_knows_about_itself(run: Run) -> None:
    async def know() -> tuple[int, int, str, bool, float]:
        task = plait.current()
        return task.index, task.attempt, task.worker, task.cancelled, plait.rng(7).random()

    async def main() -> None:
        async with plait.scope() as s:
            first, second = [s.submit(know), s.submit(know)]
            assert (await first)[:4] == (0, 1, "async-1", False)
            assert (await second)[:3] == (1, 1, "async-2")
            assert (await first)[4] != (await second)[4]

    run(main())


def test_first_and_map_are_awaited(run: Run) -> None:
    async def sleep_for(x: float) -> float:
        await asyncio.sleep(x)
        return x

    async def main() -> None:
        async with plait.scope() as s:
            slow = s.submit(forever)
            assert await s.first(sleep_for, [PATIENCE, 0.001, PATIENCE]) == 0.001
            s.submit(double, 3)
            assert await s.first() == 6
            with pytest.raises(ExceptionGroup):
                await s.first(fail, ["a", "b"])
            assert [value async for value in s.map(pow, range(4), range(4))] == [1, 1, 4, 27]
        assert slow.cancelled()

    run(main())


def test_first_that_nobody_awaits_any_more_cancels_its_tasks(run: Run) -> None:
    async def main() -> None:
        async with plait.scope() as s:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await s.first(lambda _: forever_in_thread(), range(3))
            assert await s.submit(double, 1) == 2

    run(main())


def test_one_future_is_awaited_by_many_and_from_other_loops(run: Run) -> None:
    async def main() -> None:
        async with plait.scope() as s:
            future = s.submit(double, 2)
            assert await asyncio.gather(*(_await(future) for _ in range(5))) == [4] * 5
            gate = threading.Event()
            shared = s.submit(gate.wait, PATIENCE)
            elsewhere = s.submit(lambda: asyncio.run(_await(shared)))
            await until(lambda: shared._done_callbacks[1:])
            gate.set()
            assert await elsewhere

    run(main())


async def _await(future: plait.Future[object]) -> object:
    return await future


# --- errors


def test_one_error_is_raised_as_itself_and_cancels_everything(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        for engine in ("thread", "process"):
            reached = []
            with pytest.raises(ValueError, match="mine") as caught:
                async with plait.scope(engine, workers=2) as s:
                    begun = tmp_path / engine
                    others = [s.submit(forever), s.submit(forever_in_thread, str(begun))]
                    await until(begun.exists)
                    s.submit(fail, "mine")
                    await forever()
                    reached.append(True)
            assert caught.value.__notes__ == ["plait: task fail('mine') on async-2"]
            assert caught.value.__context__ is None
            assert all(future.cancelled() for future in others)
            assert not reached

    run(main())


def test_a_failing_thread_reaches_a_body_that_awaits(run: Run) -> None:
    def raises() -> None:
        raise KeyError("thread")

    async def main() -> None:
        with pytest.raises(KeyError):
            async with plait.scope() as s:
                s.submit(raises)
                await asyncio.sleep(PATIENCE)
        with pytest.raises(KeyError):
            async with plait.scope() as s:
                await s.submit(raises)
        with pytest.raises(KeyError):
            async with plait.scope() as s:
                s.submit(raises)
                await s.submit(forever)

    run(main())


def test_several_errors_are_a_group(run: Run) -> None:
    async def tidy() -> None:
        try:
            await forever()
        finally:
            raise KeyError("while tidying")

    async def main() -> None:
        with pytest.raises(ExceptionGroup) as caught:
            async with plait.scope() as s:
                s.submit(tidy)
                s.submit(fail, "mine")
        assert [type(error) for error in caught.value.exceptions] == [ValueError, KeyError]
        with pytest.raises(ExceptionGroup) as caught:
            async with plait.scope() as s:
                s.submit(tidy)
                await asyncio.sleep(0)
                raise LookupError("body")
        assert [type(error) for error in caught.value.exceptions] == [LookupError, KeyError]

    run(main())


def test_a_coroutine_that_cancels_itself_is_no_error(run: Run) -> None:
    async def give_up() -> None:
        raise asyncio.CancelledError

    async def main() -> None:
        async with plait.scope() as s:
            task = s.submit(give_up)
        assert task.cancelled()
        with pytest.raises(Cancelled):
            task.result()

    run(main())


# --- cancelling


def test_cancelling_whoever_awaits_cancels_that_task_only(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        for engine in ("thread", "process"):
            begun = tmp_path / engine
            async with plait.scope(engine, workers=2) as s:
                doomed, other = s.submit(forever_in_thread, str(begun)), s.submit(forever)
                awaiting = asyncio.create_task(_await(doomed))
                await asyncio.sleep(0)
                await until(begun.exists)
                awaiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await awaiting
                await until(doomed.done)
                assert doomed.cancelled(), (engine, doomed)
                assert other.running()
                assert await s.submit(int, "3") == 3
                other.cancel()
                with pytest.raises(Cancelled):
                    await other

    run(main())


def test_a_timeout_around_an_await_cancels_its_task(run: Run) -> None:
    async def main() -> None:
        async with plait.scope() as s:
            task = s.submit(forever_in_thread)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await task
            await until(task.done)
        assert task.cancelled()

    run(main())


def test_cancel_ends_the_body_and_raises_nothing(run: Run) -> None:
    async def main() -> None:
        reached = []
        async with plait.scope() as s:
            tasks = [s.submit(forever), s.submit(forever_in_thread)]
            await until(lambda: all(task.running() for task in tasks))
            s.cancel()
            await asyncio.sleep(0)
            reached.append(True)
        assert not reached
        assert all(task.cancelled() for task in tasks)
        async with plait.scope() as s:
            s.cancel()  # and no await follows
        async with plait.scope() as s:
            threading.Thread(target=s.cancel).start()
            await forever()

    run(main())


def test_cancelling_the_task_around_the_block_cancels_all_of_it(run: Run) -> None:
    async def inner(tasks: list[plait.Future[None]], at_the_end: bool) -> None:
        async with plait.scope() as s:
            tasks += [s.submit(forever), s.submit(forever_in_thread)]
            if not at_the_end:
                await forever()

    async def main() -> None:
        for at_the_end in (False, True):
            tasks: list[plait.Future[None]] = []
            outer = asyncio.create_task(inner(tasks, at_the_end))
            await until(lambda: len(tasks) == 2 and all(task.running() for task in tasks))
            await asyncio.sleep(0)
            outer.cancel("mine")
            with pytest.raises(asyncio.CancelledError):
                await outer
            assert outer.cancelled()
            assert all(task.cancelled() for task in tasks)

    run(main())


def test_a_cancellation_from_outside_is_not_lost_with_the_error_it_meets(run: Run) -> None:
    async def inner() -> None:
        try:
            async with plait.scope() as s:

                async def tidy() -> None:
                    try:
                        await forever()
                    finally:
                        raise KeyError("while tidying")

                s.submit(tidy)
                begun.set()
                await forever()
        except KeyError:
            await asyncio.sleep(PATIENCE)

    async def main() -> None:
        outer = asyncio.create_task(inner())
        await begun.wait()
        await asyncio.sleep(0)
        outer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await outer

    begun = asyncio.Event()
    run(main())


def test_asyncios_own_timeouts_and_groups_work_around_and_inside(run: Run) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                async with plait.scope() as s:
                    s.submit(forever_in_thread)
                    s.submit(forever)

        async def scoped() -> None:
            async with plait.scope() as s:
                s.submit(fail, "inside")

        async def group_of_scopes() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(scoped())
                group.create_task(forever())

        with pytest.raises(ExceptionGroup) as caught:
            await asyncio.create_task(group_of_scopes())  # whose group forgets to uncancel it in CPython 3.11
        assert str(caught.value.exceptions[0]) == "inside"

        async def grouped() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(forever())

        async with plait.scope() as s:
            task = s.submit(grouped)
            await asyncio.sleep(0.001)
            task.cancel()
        assert task.cancelled()

    run(main())


def test_coroutines_may_take_their_time_to_tidy_up(run: Run) -> None:
    tidied = []

    async def tidy() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(0.05)
            tidied.append(True)

    async def main() -> None:
        async with plait.scope() as s:
            s.submit(tidy)
            await asyncio.sleep(0)
            s.cancel()
        assert tidied

    run(main())


def test_a_deadline_ends_everything(run: Run) -> None:
    async def main() -> None:
        with pytest.raises(TaskTimeout, match=r"deadline=0.05.*forever\(\) on async-1"):
            async with plait.scope(deadline=0.05) as s:
                tasks = [s.submit(forever), s.submit(forever_in_thread)]
                await asyncio.sleep(PATIENCE)
        assert all(task.cancelled() for task in tasks)
        async with plait.scope(deadline=PATIENCE) as s:
            assert await s.submit(double, 1) == 2

    run(main())


# --- use


def test_waiting_for_a_coroutine_of_this_loop_without_await_is_refused(run: Run) -> None:
    async def main() -> None:
        async with plait.scope() as s:
            task = s.submit(double, 3)
            with pytest.raises(UsageError, match=r"double\(3\) runs in this event loop.*await"):
                task.result()
            assert await task == 6
            assert task.result() == 6

    run(main())


def test_the_loop_is_not_blocked_while_the_block_ends(run: Run) -> None:
    async def main() -> None:
        longest, stop = 0.0, asyncio.Event()

        async def watch() -> None:
            nonlocal longest
            while not stop.is_set():
                before = time.perf_counter()
                await asyncio.sleep(0.001)
                longest = max(longest, time.perf_counter() - before)

        watcher = asyncio.create_task(watch())
        async with plait.scope("process", workers=1) as s:
            await s.submit(int, "3")
            s.submit(forever_in_thread)
            await asyncio.sleep(0.01)
            s.cancel()
        stop.set()
        await watcher
        assert longest < 1.0  # a machine that is busy with other things is not our doing

    run(main())


def test_submitting_after_the_end_is_refused(run: Run) -> None:
    async def main() -> None:
        async with plait.scope() as s:
            pass
        with pytest.raises(Closed):
            s.submit(double, 1)

    run(main())


def test_outside_of_a_task_there_is_no_async_with() -> None:
    async def enter() -> None:
        async with plait.scope():
            pass

    coroutine = enter()
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(UsageError, match="this waits in an event loop of asyncio, and none runs here"):
            coroutine.send(None)
        assert current_block.get(None) is None  # what comes next is not within a block that has not begun
    finally:
        coroutine.close()
        loop.close()
