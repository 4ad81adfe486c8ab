"""Traces: states and waits against programs with known ones, items of maps, files that are read back."""

from __future__ import annotations

import asyncio
import json
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from threads import run

import plait
from plait._core.trace import State, Trace

pytestmark = pytest.mark.usefixtures("nothing_left")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="states are sampled on Linux")


def lane_of(trace: Trace, name: str) -> int:
    return next(at for at, lane in enumerate(trace.lanes) if lane.name == name)


def most_of(times: dict[State, float]) -> State:
    """What takes most of a thread's time; others may keep the cores from it as long as they like."""
    return max(times.keys() - {State.CORE}, key=lambda state: times[state])


def test_a_trace_a_report_and_an_advice_are_short_where_they_are_only_mentioned() -> None:
    class Printer:
        shown = ""

        def text(self, text: str) -> None:
            self.shown = text

    with plait.trace() as trace:
        stream = plait.map(abs, range(1000), engine="thread", workers=2)
        list(stream)
    assert len(repr(trace)) < 120 + len(trace.title)
    assert repr(trace).startswith(f"<plait.Trace of {trace.title}: ")
    for thing in (trace, stream.report, plait.advise(abs, range(3), seconds=0.1)):
        printer = Printer()
        thing._repr_pretty_(printer, False)  # IPython's protocol
        assert printer.shown == str(thing)


@on_linux
@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_a_lock_its_holder_and_the_lines(kind: str) -> None:
    with plait.trace() as trace:
        lock = getattr(threading, kind)()
        held = threading.Event()

        def holder() -> None:
            with lock:
                held.set()
                time.sleep(0.2)

        def waiter() -> None:
            held.wait()
            with lock:
                pass

        run(holder, waiter)
    wait = next(one for one in trace.waits if one.state is State.LOCK and trace.lanes[one.lane].name == "waiter")
    assert wait.name.startswith("lock (test_trace.py:")
    assert wait.where.endswith("in waiter")
    assert trace.lanes[wait.holder].name == "holder"
    assert wait.held_at.endswith("in holder")
    times = trace.times(lane_of(trace, "waiter"))
    assert most_of(times) is State.LOCK
    times = trace.times(lane_of(trace, "holder"))
    assert most_of(times) is State.SLEEP
    assert any(finding.startswith(wait.name) and "held by holder" in finding for finding in trace.summary)


@on_linux
@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="there is no GIL to wait for")
def test_two_that_compute_wait_for_the_gil() -> None:
    """What they neither ran nor were without a core, by their own clocks, is what the trace says of the GIL.

    At three times at the most: a core that others take between two looks at a thread seems to be the GIL.
    """
    tries = (of_two_that_compute() for _ in range(3))
    trace, apart = next((each for each in tries if not each[1]), (None, "three times"))
    assert trace is not None, apart
    assert any("waits for the GIL" in finding for finding in trace.summary)
    assert trace.facts["forecast"] <= trace.seconds


def of_two_that_compute() -> tuple[plait.Trace, str]:
    """A trace of them, and what it has that is not as their own clocks have it."""
    waited: dict[int, float] = {}
    with plait.trace() as trace:

        def compute() -> None:
            began, tid = time.perf_counter(), threading.get_native_id()
            while time.thread_time() < 0.25:
                sum(range(1000))
            queued = int(Path(f"/proc/self/task/{tid}/schedstat").read_text().split()[1]) / 1e9
            waited[tid] = time.perf_counter() - began - 0.25 - queued

        run(compute, compute)
    for at, lane in enumerate(trace.lanes):
        if lane.name == "compute":
            times = trace.times(at)
            near = pytest.approx(waited[lane.tid], abs=0.05 * sum(times.values()) + 0.02)
            computed = times[State.PYTHON] + times.get(State.NATIVE, 0.0)
            if times[State.GIL] != near or computed != pytest.approx(0.25, abs=0.02):
                return trace, f"{times}, and it waited {waited[lane.tid]} s"
    return trace, ""


def test_queues_events_joins_and_futures() -> None:
    with plait.trace() as trace:
        line: queue.Queue[int] = queue.Queue()
        event = threading.Event()

        def take() -> None:
            line.get()
            event.set()

        thread = threading.Thread(target=take)
        thread.start()
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(time.sleep, 0.03)
            future.result()
            line.put(1)
        event.wait()
        thread.join()
    seen = {wait.state for wait in trace.waits}
    assert {State.QUEUE, State.FUTURE} <= seen
    assert all(wait.ended >= wait.began >= 0 for wait in trace.waits)


def test_everything_is_as_it_was_afterwards() -> None:
    before = threading.Lock, threading.RLock, queue.Queue.get, threading.Thread.join, queue.SimpleQueue
    with pytest.raises(KeyError), plait.trace() as trace:
        lock, condition = threading.RLock(), threading.Condition()
        raise KeyError
    assert (threading.Lock, threading.RLock, queue.Queue.get, threading.Thread.join, queue.SimpleQueue) == before
    assert trace.summary
    with lock, lock, condition:
        condition.notify()
        assert not condition.wait(0.001)


@pytest.mark.parametrize("engine", ["thread", "process"])
def test_a_lane_for_each_worker_and_a_slice_for_each_item(engine: str) -> None:
    with plait.trace() as trace:
        assert list(plait.map(_slow, range(8), engine=engine, workers=2)) == list(range(8))
    assert [one.name for one in sorted(trace.slices)] != []
    assert sorted(one.name for one in trace.slices) == [f"_slow, item {n}" for n in range(8)]
    assert {trace.lanes[one.lane].kind for one in trace.slices} == {"worker"}
    assert all(0 <= one.began < one.ended <= trace.microseconds for one in trace.slices)
    assert any("_slow, item 5 took" in finding for finding in trace.summary)


def _slow(n: int) -> int:
    time.sleep(1.0 if n == 5 else 0.01)  # a tenth of what a map takes on a machine that is very busy
    return n


@pytest.mark.parametrize("suffix", ["html", "json"])
def test_a_file_is_read_back(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"run.{suffix}"
    with plait.trace(file) as trace:
        list(plait.map(_slow, range(2), engine="thread"))
    for form in ("text", "html", "perfetto"):
        assert plait.show(file, form) == plait.show(trace, form)
    events = json.loads(plait.show(file, "perfetto"))["traceEvents"]
    assert {event["ph"] for event in events} >= {"M", "X"}


def test_calls_of_a_scope_are_slices() -> None:
    with plait.trace() as trace, plait.scope() as tasks:
        for n in range(2):
            tasks.submit(_slow, n)
    assert sorted(one.name for one in trace.slices) == ["_slow(0)", "_slow(1)"]
    assert {trace.lanes[one.lane].kind for one in trace.slices} == {"worker"}


@on_linux
def test_other_children_where_asked() -> None:
    code = "import time; print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with plait.trace() as plain:
            pass
        with plait.trace(children=True) as trace:
            subprocess.run([sys.executable, "-c", ""])
        child.kill()
    assert child.pid not in {lane.pid for lane in plain.lanes}
    found = next(at for at, lane in enumerate(trace.lanes) if lane.pid == child.pid)
    assert trace.lanes[found].name.startswith(f"pid {child.pid}: python")
    assert State.SLEEP in trace.times(found)


@on_linux
def test_children_that_compute_and_are_not_shown_are_told() -> None:
    code = "import time\nwhile time.process_time() < 0.3: pass"
    with plait.trace() as trace:
        subprocess.run([sys.executable, "-c", code], check=True)
    (told,) = [text for text in trace.missing if "other process" in text]
    assert re.match(r"1 other process, which computed for 0\.\d\d s: `plait trace --children` or ", told)
    with plait.trace(children=True) as trace:
        subprocess.run([sys.executable, "-c", code], check=True)
    assert not any("other process" in text for text in trace.missing)


@on_linux
def test_the_holder_of_an_asyncio_lock() -> None:
    async def holder(lock: asyncio.Lock) -> None:
        async with lock:
            await asyncio.sleep(0.05)

    async def waiter(lock: asyncio.Lock) -> None:
        async with lock:
            pass

    async def main() -> None:
        lock = asyncio.Lock()
        await asyncio.gather(*(asyncio.create_task(work(lock), name=work.__name__) for work in (holder, waiter)))

    with plait.trace() as trace:
        asyncio.run(main())
    wait = next(one for one in trace.waits if one.state is State.LOCK)
    assert wait.name == "lock (asyncio.Lock)"
    assert trace.lanes[wait.lane].name == "waiter"
    assert trace.lanes[wait.holder].name == "holder"
    assert "in waiter" in wait.where


@on_linux
def test_what_is_awaited_within_an_asynchronous_generator() -> None:
    async def rows(ready: asyncio.Event) -> AsyncIterator[int]:
        await ready.wait()
        yield 1

    async def reader(ready: asyncio.Event) -> None:
        async for _ in rows(ready):
            pass

    async def main() -> None:
        ready = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, ready.set)
        await asyncio.create_task(reader(ready), name="reader")

    with plait.trace() as trace:
        asyncio.run(main())
    wait = next(one for one in trace.waits if one.state is State.EVENT)
    assert wait.name == "ready (asyncio.Event)"
    assert "in rows" in wait.where


def test_a_file_that_is_no_text_is_no_trace(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_bytes(b"\x89PNG\xf0\x00\xff")
    with pytest.raises(plait.errors.UsageError, match="not a trace"):
        plait.show(tmp_path / "other.json")


def test_what_cannot_be_meant(tmp_path: Path) -> None:
    with pytest.raises(plait.errors.UsageError, match=r"ends in \.html"):
        plait.trace("run.svg")
    with pytest.raises(plait.errors.UsageError, match="recorded already"), plait.trace():
        with plait.trace():
            pass
    (tmp_path / "other.html").write_text("<p>nothing</p>")
    with pytest.raises(plait.errors.UsageError, match="not a trace"):
        plait.show(tmp_path / "other.html")
    with pytest.raises(plait.errors.UsageError, match="expected"):
        plait.show(tmp_path / "other.html", "svg")


def test_a_lane_for_each_task_and_the_line_that_blocks_the_loop() -> None:
    async def blocker() -> None:
        await asyncio.sleep(0.01)
        time.sleep(0.15)  # noqa: ASYNC251  what is to be found

    async def sleeper() -> None:
        await asyncio.sleep(0.1)

    async def main() -> None:
        tasks = [asyncio.create_task(work(), name=work.__name__) for work in (blocker, sleeper)]
        await asyncio.gather(*tasks)

    with plait.trace() as trace:
        asyncio.run(main())
    times = trace.times(lane_of(trace, "sleeper"))
    assert most_of(times) is State.SLEEP
    assert trace.times(lane_of(trace, "blocker"))[State.PYTHON] > 0.14
    blocked = next(finding for finding in trace.summary if "event loop was blocked" in finding)
    assert "s by blocker at test_trace.py:" in blocked
    assert "; 1 task was ready meanwhile and had to wait" in blocked
    assert trace.times(lane_of(trace, "sleeper"))[State.READY] > 0.03
