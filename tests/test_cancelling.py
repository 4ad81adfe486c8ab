"""What stopping takes: every deed a task can be in the middle of, on every engine; and the waits that listen."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import importlib.util
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import plait
from plait._core.bell import Bell
from plait._core.cancelling import Block, Interruptible, cancellation_point, current_block, wait_until
from plait._core.current import Task, current_task
from plait.errors import Cancelled, StopTask

BENCH = Path(__file__).resolve().parent.parent / "bench"
PATIENCE = 20.0


def _bench() -> ModuleType:
    sys.path.insert(0, str(BENCH))
    try:
        spec = importlib.util.spec_from_file_location("cancelling", BENCH / "cancelling.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["cancelling"] = module  # whose functions cross to processes by value
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(BENCH))


bench = _bench()


@pytest.mark.parametrize(("engine", "deed"), bench.CASES, ids=lambda part: getattr(part, "__name__", part))
def test_a_cancelled_task_is_gone_and_leaves_nothing(engine: str, deed: Callable[[str], object]) -> None:
    found = bench.measure(engine, deed)
    assert not found.left
    if engine == "thread" and deed in (bench.sleep, bench.release_the_gil):
        assert found.left_behind <= 1  # none, if it ended by itself in that time
    else:
        assert not found.left_behind
    assert found.gone <= found.over < PATIENCE


# --- the mechanism


class Running(Task):
    """A task that can be cancelled by hand."""

    stopped = False

    @property
    def cancelled(self) -> bool:
        return self.stopped


def test_a_wait_ends_when_its_task_or_its_block_is_cancelled() -> None:
    for cancels in ("task", "block"):
        bell, task, block, ended = Bell(), Running(), Block(), []

        def wait(bell: Bell = bell, task: Running = task, block: Block = block, ended: list[object] = ended) -> None:
            current_task.set(task)
            current_block.set(block)
            try:
                wait_until(lambda: False, bell)
            except StopTask as error:
                ended.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        spin_until(lambda: block._wakes)
        if cancels == "task":
            task.stopped = True
            task.rouse()
        else:
            block.cancel()
        thread.join(PATIENCE)
        assert len(ended) == 1
        assert not block._wakes
        assert not task._wakes


def test_what_has_happened_is_told_although_the_wait_was_cancelled() -> None:
    block = Block()
    token = current_block.set(block)
    try:
        block.cancel()
        assert wait_until(lambda: True, Bell())
        with pytest.raises(StopTask):
            wait_until(lambda: False, Bell())
        with pytest.raises(StopTask):
            cancellation_point()
        block.end()
        cancellation_point()
        assert not wait_until(lambda: False, Bell(), 0.001)
    finally:
        current_block.reset(token)


def test_a_scope_that_is_over_cancels_nobody_who_is_in_a_copy_of_its_context() -> None:
    with plait.scope() as s:
        inside = contextvars.copy_context()
    s.cancel()
    inside.run(cancellation_point)

    async def main() -> None:
        async with plait.scope() as s:
            child = asyncio.create_task(later())
        s.cancel()
        go_on.set()
        await child

    async def later() -> None:
        await go_on.wait()
        cancellation_point()

    go_on = asyncio.Event()
    asyncio.run(main())


def test_a_block_that_ends_while_it_is_cancelled_is_not_cancelled_after_that() -> None:
    class Ends(Block):
        """Another thread ends it just before a certain step of `cancel`."""

        def __init__(self, step: int) -> None:
            self.left = step
            super().__init__()

        def __setattr__(self, name: str, value: object) -> None:
            if name == "cancelled" and value is True:
                self._come_to_a_step()
                super().__setattr__(name, value)
                self._come_to_a_step()
            else:
                super().__setattr__(name, value)

        def _come_to_a_step(self) -> None:
            self.left -= 1
            if self.left == 0:
                self.end()

    for step in (1, 2):
        block = Ends(step)
        block.cancel()
        assert block.left <= 0
        assert not block.cancelled


def test_a_destructor_may_leave_a_scope_while_a_task_begins_to_listen() -> None:
    class Leaves:
        def __init__(self) -> None:
            self.cycle = self

        def __del__(self) -> None:
            task.listen(gone.append)  # type: ignore[arg-type]  # it is not called
            task.unlisten(gone.append)  # type: ignore[arg-type]  # see above

    def wake() -> None: ...

    gone: list[object] = []
    thresholds = gc.get_threshold()
    try:
        for number in range(60):
            task = Running()
            gc.set_threshold(number % 6 + 1, 1, 1)  # so that it comes at each allocation
            Leaves()
            task.listen(wake)
            gc.set_threshold(*thresholds)
            assert task._wakes == [wake]
    finally:
        gc.set_threshold(*thresholds)


def test_a_false_alarm_does_not_end_a_wait() -> None:
    block, bell, happened = Block(), Bell(), []
    token = current_block.set(block)

    def alarm() -> None:
        spin_until(lambda: block._wakes)
        for _ in range(50):
            bell.ring()
        happened.append(True)
        bell.ring()

    thread = threading.Thread(target=alarm)
    thread.start()
    try:
        assert wait_until(lambda: happened, bell, PATIENCE)
    finally:
        current_block.reset(token)
        thread.join()


def test_outside_of_tasks_and_blocks_nothing_is_listened_to() -> None:
    with Interruptible(lambda: None) as wait:
        assert not wait.cancelled
        wait.check()
    cancellation_point()


def test_listening_from_several_threads_of_one_task() -> None:
    task, woken = Running(), []
    barrier = threading.Barrier(8)

    def listen(number: int) -> None:
        barrier.wait(PATIENCE)
        task.listen(lambda: woken.append(number))

    threads = [threading.Thread(target=listen, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    task.rouse()
    assert sorted(woken) == list(range(8))


@pytest.mark.usefixtures("nothing_left")
def test_no_thread_polls_while_tasks_run() -> None:
    """The thread that drives a scope sleeps until something happens."""
    gate = threading.Event()
    with plait.scope() as s:
        s.submit(gate.wait, PATIENCE)
        driver = s._crew._lanes[0].driver
        assert driver is not None
        spin_until(lambda: driver._job.snapshot())
        listens = count_calls(driver)
        time.sleep(0.1)
        assert listens() <= 2
        gate.set()


def count_calls(driver: object) -> Callable[[], int]:
    crew = driver._job.wake.__self__  # type: ignore[attr-defined]
    before = crew.listen
    calls = [0]

    def listen(seconds: float, quorum: int) -> float:
        calls[0] += 1
        return float(before(seconds, quorum))

    crew.listen = listen
    return lambda: calls[0]


def spin_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.0005)


class WaitsForNothing:
    """Its second item waits in plait until it is told to stop."""

    def __init__(self, how: str) -> None:
        self.how = how
        self.waits = threading.Event()

    def __call__(self, n: int) -> int:
        if n == 1:
            self.waits.set()
            if self.how == "channel":
                plait.channel(0).get()
            with plait.scope() as s:
                s.submit(plait.channel(0).get)
        return n

    def cancel(self, stream: plait.Stream[int]) -> None:
        assert self.waits.wait(PATIENCE)
        stream.cancel()


@pytest.mark.parametrize("how", ["channel", "scope"])
@pytest.mark.parametrize("values", [False, True])
@pytest.mark.parametrize("engine", ["inline", "thread"])
def test_an_item_that_waits_in_plait_when_the_map_is_cancelled_has_not_ended(
    engine: str, values: bool, how: str
) -> None:
    work = WaitsForNothing(how)
    stream = plait.map(work, range(3), engine=engine, workers=1)
    canceller = threading.Thread(target=work.cancel, args=(stream,))
    canceller.start()
    if values:
        with pytest.raises(Cancelled, match="cancelled|item 1"):
            list(stream)
    else:
        outcomes = list(stream.outcomes())
        assert outcomes[0].value == 0
        assert {type(outcome.error) for outcome in outcomes[1:]} == {Cancelled}
    canceller.join()


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("engine", ["inline", "thread", "process"])
def test_stop_task_that_a_function_raises_by_itself_is_its_failure(engine: str, timed: bool) -> None:
    def work(n: int) -> int:
        if n == 1:
            raise StopTask("mine")
        return n

    stream = plait.map(work, range(4), engine=engine, workers=1, timeout=PATIENCE if timed else None)
    first, second, *others = stream.outcomes()
    assert isinstance(second.error, StopTask)
    assert first.ended <= second.started <= second.ended <= others[0].started
    assert [outcome.value for outcome in (first, *others)] == [0, 2, 3]
