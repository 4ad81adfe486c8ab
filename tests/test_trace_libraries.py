"""Programs that use packages, in a trace: locks pass for those in C, waits are told at the program's own line."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import LifoQueue
from types import FrameType

import pytest
from threads import run

import plait
from plait._core.trace import Lane, State, Trace, Wait
from plait._see.recorder.waits import RETURNED
from plait._see.summary.summarise import summarise
from plait._see.whereabouts import lacks_work, line_of

PACKAGE = """
import queue
import sys
import threading


class Pool:
    def __init__(self, connections):
        self.free = queue.LifoQueue()
        for one in connections:
            self.free.put(one)

    def get(self):
        return self.free.get()

    def put(self, one):
        self.free.put(one)


class Service(threading.Thread):
    def __init__(self, wait):
        super().__init__(name="service")
        self.wait = wait

    def run(self):
        serve(self.wait)


def serve(wait):
    wait()


def looks(found):
    found.append(sys._getframe())


async def awaits(future):
    return await future


def calls(function, *arguments):
    return function(*arguments)
"""

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], object]]:
    """Install a package of a name, and import it."""
    installed = tmp_path / "site-packages"
    installed.mkdir()
    monkeypatch.syspath_prepend(str(installed))
    names = []

    def make(name: str) -> object:
        (installed / name).mkdir()
        (installed / name / "__init__.py").write_text("")
        (installed / name / "core.py").write_text(PACKAGE)
        names.append(name)
        __import__(f"{name}.core")
        return sys.modules[f"{name}.core"]

    yield make
    for name in names:
        del sys.modules[name], sys.modules[f"{name}.core"]


def test_locks_pass_for_those_in_c() -> None:
    """trio asserts that its lock is of the module `_thread`; others ask with isinstance."""
    lock, rlock = type(threading.Lock()), type(threading.RLock())
    with plait.trace():
        one, two = threading.Lock(), threading.RLock()
        assert one.__class__ is lock
        assert two.__class__ is rlock
        assert isinstance(one, lock)
        assert isinstance(two, rlock)
        assert not isinstance(one, rlock)


def test_trio_runs_in_a_trace() -> None:
    trio = pytest.importorskip("trio")

    async def main() -> int:
        await trio.sleep(0.01)
        return 3

    with plait.trace():
        assert trio.run(main) == 3


def test_a_wait_in_a_package_is_told_at_the_line_that_called_it(made: Callable[[str], object]) -> None:
    found: list[FrameType] = []
    made("inner").looks(found)  # type: ignore[attr-defined]
    said = line_of(found[0])
    assert said.startswith("test_trace_libraries.py:")
    assert said.partition(" (")[0].endswith("in test_a_wait_in_a_package_is_told_at_the_line_that_called_it")
    assert said.endswith("in looks)")
    assert " (core.py:" in said


def test_who_puts_back_what_it_takes_shares_a_pool(made: Callable[[str], object]) -> None:
    with plait.trace() as trace:
        pool = made("pools").Pool([1])  # type: ignore[attr-defined]

        def first() -> None:
            pool.put(pool.get())
            pool.get()
            taken.set()
            while not pool.free.not_empty._waiters:
                time.sleep(0.001)
            pool.put(1)

        def second() -> None:
            taken.wait()
            pool.put(2)
            assert {pool.get(), pool.get()} == {1, 2}  # the second time it waits

        taken = threading.Event()
        run(first, second)
    wait = [one for one in trace.waits if one.name.startswith("LifoQueue.get")][-1]
    assert wait.name == f"LifoQueue.get{RETURNED}"
    assert "in second (core.py:" in wait.where


def test_who_waits_once_for_what_others_put_back_lacks_a_connection_too() -> None:
    """Those that have one often take it again before anybody else can."""
    with plait.trace() as trace:
        pool: queue.Queue[int] = queue.Queue()
        pool.put(1)
        has = threading.Event()

        def first() -> None:
            for _ in range(3):
                pool.put(pool.get())
            one = pool.get()
            has.set()
            while not pool.not_empty._waiters:  # type: ignore[attr-defined]
                time.sleep(0.001)
            pool.put(one)

        def second() -> None:
            has.wait()
            pool.get()

        run(first, second)
    wait = [one for one in trace.waits if one.name.startswith("Queue.get")][-1]
    assert wait.name == f"Queue.get{RETURNED}"


def test_who_passes_on_the_end_puts_nothing_back() -> None:
    with plait.trace() as trace:
        items: queue.Queue[int | None] = queue.Queue()
        for item in (1, 2, 3, None):
            items.put(item)
        last = threading.Event()

        def first() -> None:
            while items.get() is not None:
                pass
            last.set()
            while not items.not_empty._waiters:  # type: ignore[attr-defined]
                time.sleep(0.001)
            items.put(None)

        def second() -> None:
            last.wait()
            items.get()

        run(first, second)
    wait = [one for one in trace.waits if one.name.startswith("Queue.get")][-1]
    assert wait.name == "Queue.get"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("", "", ""), "whoever puts into it is slower"),
        (("", RETURNED, RETURNED), "as a connection of a pool: there are fewer than threads that want one"),
    ],
)
def test_what_a_queue_lacks_is_told(names: tuple[str, ...], said: str) -> None:
    """The first time it has put nothing back yet."""
    trace = Trace("app.py", 0.0, 1_000_000)
    lane = Lane("takes", "thread", 1, 1)
    lane.add(0, State.QUEUE)
    trace.lanes.append(lane)
    for at, name in enumerate(names):
        began = at * 300_000
        wait = Wait(0, began, began + 300_000, State.QUEUE, f"Queue.get{name}", "app.py:3 in f")
        trace.waits.append(wait)
    (found,) = (finding for finding in summarise(trace, [], [], 2) if "an item of a queue" in finding)
    assert found.startswith("takes waited 0.90 s for an item of a queue, most at app.py:3 in f: ")
    assert found.endswith(said)


def test_a_thread_that_a_package_has_for_itself_lacks_work(made: Callable[[str], object]) -> None:
    event = threading.Event()
    with plait.trace() as trace:
        service = made("service").Service(event.wait)  # type: ignore[attr-defined]
        service.start()
        while not event._cond._waiters:  # type: ignore[attr-defined]
            time.sleep(0.001)
        time.sleep(0.05)
        event.set()
        service.join()
    times = trace.times(next(at for at, lane in enumerate(trace.lanes) if lane.name == "service"))
    assert times[State.IDLE] > 0
    assert State.EVENT not in times


def test_what_a_package_does_for_somebody_is_no_lack_of_work(made: Callable[[str], object]) -> None:
    one, two = made("one"), made("two")
    found: list[FrameType] = []
    call: Callable[..., object] = one.calls  # type: ignore[attr-defined]
    with ThreadPoolExecutor(1) as pool:  # whoever has submitted it waits for it
        pool.submit(one.looks, found).result()  # type: ignore[attr-defined]
    for begins in (
        (call, two.looks, found),  # type: ignore[attr-defined]  # one package runs what it was given
        (lambda: one.looks(found),),  # type: ignore[attr-defined]
        (two.looks, found),  # type: ignore[attr-defined]  # its own
    ):
        thread = threading.Thread(target=begins[0], args=begins[1:])
        thread.start()
        thread.join()
    assert [lacks_work(frame) for frame in found] == [False, False, False, True]


def test_sleep_that_is_not_the_programs_own_is_told() -> None:
    trace = Trace("app.py", 0.0, 1_000_000, texts=["", "C code, not time.sleep"])
    lane = Lane("writer", "thread", 1, 1)
    lane.add(0, State.SLEEP)
    lane.add(400_000, State.SLEEP, 1)
    trace.lanes.append(lane)
    assert any(one.startswith("0.60 s of sleeping were in C code") for one in summarise(trace, [], [], 2))
    lane.details[1] = 0
    assert not any("C code" in one for one in summarise(trace, [], [], 2))


@pytest.mark.skipif(sys.platform != "linux", reason="read in /proc")
def test_who_waits_for_a_database_sleeps_in_c(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    first = sqlite3.connect(path, check_same_thread=False)
    first.execute("create table orders(n)")
    first.commit()
    with plait.trace() as trace:
        first.execute("insert into orders values(1)")

        def commits() -> None:
            time.sleep(0.6)
            first.commit()

        def writes() -> None:
            with sqlite3.connect(path, timeout=60) as second:
                second.execute("insert into orders values(2)")
            second.close()

        run(commits, writes)
    first.close()
    names = {lane.name: lane for lane in trace.lanes}
    asleep = {
        name: {
            trace.texts[detail]
            for _, _, state, detail in names[name].stretches(trace.microseconds)
            if state is State.SLEEP
        }
        for name in ("commits", "writes")
    }
    assert asleep == {"commits": {""}, "writes": {"C code, not time.sleep"}}


def test_where_tasks_spend_their_time_is_told(made: Callable[[str], object]) -> None:
    """As for a connection of a pool: threads hardly notice."""
    package = made("aio")

    async def one(free: asyncio.Future[None]) -> None:
        await package.awaits(free)  # type: ignore[attr-defined]

    async def main() -> None:
        free = asyncio.get_running_loop().create_future()
        tasks = [asyncio.create_task(one(free)) for _ in range(5)]
        await asyncio.sleep(0.05)
        free.set_result(None)
        await asyncio.gather(*tasks)

    with plait.trace() as trace:
        asyncio.run(main())
    (said,) = (finding for finding in trace.summary if " tasks took " in finding)
    first = said.partition(": ")[2].partition(", ")[0]
    assert "% waiting for a result at test_trace_libraries.py:" in first
    assert " in one (core.py:" in first
    assert first.endswith(" in awaits)")


def test_that_green_threads_are_not_seen_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with plait.trace() as trace:
        pass
    assert not any(one.startswith("green threads") for one in trace.missing)
    monkeypatch.setitem(sys.modules, "gevent", sys)
    with plait.trace() as trace:
        pass
    assert any(one.startswith("green threads") for one in trace.missing)


def test_child_processes_are_counted_when_they_have_ended() -> None:
    with plait.trace() as trace:
        subprocess.run([sys.executable, "-c", "sum(range(10_000_000))"], check=True)
    assert trace.facts["children"] > 0.01
    assert "with child processes that have ended" in trace.summary[1]


def test_semaphores_of_tasks_have_no_one_holder() -> None:
    """How many have one nobody tells."""
    trace = Trace("app.py", 0.0, 1_000_000)
    main = Lane("MainThread", "thread", 1, 1)
    main.add(0, State.PYTHON)
    trace.lanes.append(main)
    for at in range(8):
        lane = Lane(f"one {at}", "task", 0, 0)
        lane.add(0, State.SEMAPHORE)
        trace.lanes.append(lane)
        trace.waits.append(Wait(at + 1, 0, 100_000 * (at + 1), State.SEMAPHORE, "sem", "app.py:9 in one", permits=0))
    (said,) = (one for one in summarise(trace, [], [], 2) if one.startswith("sem"))
    assert said.startswith("sem: 3.60 s of waiting in 8 waits of 8 tasks; waited for at app.py:9 in one. More permits")


def test_who_starts_a_thread_waits_for_no_event() -> None:
    """It waits until the new thread has had the GIL."""
    with plait.trace() as trace:
        for _ in range(20):
            run(lambda: None)
    assert not any(wait.state is State.EVENT for wait in trace.waits)


def test_a_queue_that_is_hashed_by_its_items_is_used_as_ever() -> None:
    class Odd(LifoQueue):  # type: ignore[type-arg]  # of anything
        __hash__ = None  # type: ignore[assignment]  # as of a class that compares by value

    with plait.trace():
        odd = Odd()
        odd.put(3)
        assert odd.get() == 3
