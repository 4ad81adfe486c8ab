"""Where a trace says that somebody waits: at the line of the program, not within the module that it has called."""

from __future__ import annotations

import asyncio
import logging
import logging.handlers
import queue
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

import pytest
from threads import run

import plait
from plait._core.trace import State
from plait._see.recorder.steps import Steps
from plait._see.whereabouts import line_of, made_at, place

pytestmark = pytest.mark.usefixtures("nothing_left")
LONG = 30.0  # seconds
LOOKS = 20


class Holds(logging.Handler):
    """Keeps its lock until the other thread stands still in order to get it."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.other: list[int] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.entered.set()
        deadline, looks, before = time.monotonic() + LONG, 0, (0, "")
        while self.other[0] != threading.get_ident() and looks < LOOKS and time.monotonic() < deadline:
            frame = sys._current_frames()[self.other[0]]
            now = frame.f_lasti, frame.f_code.co_filename
            looks = looks + 1 if now == before and now[1].endswith("recorder/locks.py") else 0
            before = now
            time.sleep(0.001)  # lets the other one run; what is waited for is counted


def test_a_lock_of_logging_is_waited_for_at_the_line_that_logs() -> None:
    log = logging.getLogger("of a test")
    with plait.trace() as trace:
        log.addHandler(handler := Holds())

        def second() -> None:
            handler.other.append(threading.get_ident())
            begun.set()
            handler.entered.wait()
            log.warning("two")

        def first() -> None:
            begun.wait()
            log.warning("one")

        begun = threading.Event()
        run(first, second)
    log.removeHandler(handler)
    wait = next(one for one in trace.waits if one.state is State.LOCK and trace.lanes[one.lane].name == "second")
    assert wait.where.startswith("test_trace_places.py:")
    assert wait.where.endswith("in second")
    assert wait.name.startswith("self.lock (logging/__init__.py:")
    assert wait.held_at.endswith("in emit")


def test_a_frame_of_the_library_is_told_apart() -> None:
    found: list[FrameType] = []

    class Looks(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            found.append(sys._getframe(1))
            return False

    filters = logging.Filterer()
    filters.addFilter(Looks())
    filters.filter(logging.makeLogRecord({}))
    assert place(found[0]).startswith("logging/__init__.py:")
    assert made_at(found[0]).partition(" (")[2].startswith("logging/__init__.py:")
    assert line_of(found[0]).endswith("in test_a_frame_of_the_library_is_told_apart")
    assert place(None) == ""


NAMES = {
    "first = Lock(); second = Lock()": ["first", "second"],
    "a, b = Lock(), Lock()": ["a", "b"],
    "a, b = (Lock() for _ in 'ab')": ["lock", "lock"],
    "locks = [Lock() for _ in 'ab']": ["locks", "locks"],
    "box.lock: object = Lock()": ["box.lock"],
    "if 1: boxes['a'] = Lock()": ["boxes['a']"],
    "(a := Lock())": ["lock"],
    "a = (Lock(\n    ))": ["a"],
}


@pytest.mark.parametrize("source", NAMES)
def test_what_is_made_is_called_by_what_it_is_assigned_to(source: str, tmp_path: Path) -> None:
    names: list[str] = []

    def lock() -> None:
        names.append(made_at(sys._getframe(1)).partition(" (")[0])

    file = tmp_path / "app.py"
    file.write_text(f"if True:\n    {source}\n")
    space = {"Lock": lock, "box": threading.local(), "boxes": {}}
    exec(compile(file.read_text(), str(file), "exec"), space)
    assert names == NAMES[source]


def test_what_blocks_a_loop_within_the_library_is_told_at_the_line_that_called_it() -> None:
    with plait.trace() as trace:

        async def fetches() -> None:
            await asyncio.sleep(0)
            subprocess.run([sys.executable, "-c", "import time; time.sleep(0.3)"], check=True)  # noqa: ASYNC221  it blocks

        asyncio.run(fetches())
    told = next(finding for finding in trace.summary if "event loop was blocked" in finding)
    assert " at test_trace_places.py:" in told
    assert " in fetches" in told


def test_the_line_of_a_step_is_the_one_at_which_it_was_seen_most_often() -> None:
    """Not the last: a thread that computes lets others look most easily where it calls the system at the end."""
    recorder, thread = Steps(), threading.get_ident()
    recorder._running[thread] = 0, compile("", "none", "exec")

    for times, line in ((3, "computes"), (1, "sends")):
        looks = [threading.Thread(target=recorder._look) for _ in range(times)]
        text = f"def {line}():\n    for one in looks: one.start(), one.join()\n{line}()"
        exec(compile(text, f"{line}.py", "exec"), {"looks": looks})
    assert recorder._seen_in(thread, 0) == "computes.py:2 in computes"
    assert recorder._seen_in(thread, 1) == ""


def test_of_a_loop_in_c_what_blocks_it_is_seen(tmp_path: Path) -> None:
    pytest.importorskip("uvloop")
    app = "import asyncio, time, uvloop\nasync def main():\n    await asyncio.sleep(0.1)\n    time.sleep(0.3)\nuvloop.run(main())\n"
    (tmp_path / "app.py").write_text(app)
    words = [sys.executable, "-m", "plait", "trace", "app.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert re.search(r"the event loop was blocked for 0\.\d+ s by a step at app\.py:4 in main", done.stderr), (
        done.stderr
    )
    assert "not seen: the tasks of uvloop.Loop, but for what blocked it" in done.stderr
    assert "no other task was ready" not in done.stderr


def test_a_loop_in_c_that_is_closed_is_asked_no_more() -> None:
    class Closed:
        def call_soon_threadsafe(self, *_: object) -> None:
            raise RuntimeError("Event loop is closed")

    steps = Steps()
    steps._in_c[threading.get_ident()] = Closed(), compile("", "none", "exec")
    steps._ask()
    assert not steps._running


def test_what_a_loop_runs_of_the_library_alone_is_not_told_at_the_line_that_runs_the_loop() -> None:
    with plait.trace() as trace:

        async def waits() -> None:
            asyncio.get_running_loop().call_soon(time.sleep, 0.3)
            await asyncio.sleep(0.4)

        asyncio.run(waits())
    told = next(finding for finding in trace.summary if "event loop was blocked" in finding)
    assert "test_trace_places.py" not in told


def test_an_asyncio_lock_has_the_name_by_which_its_line_enters_it() -> None:
    class Table:
        def __init__(self) -> None:
            self.guard = asyncio.Lock()

    async def both(table: Table) -> None:
        async def one() -> None:
            async with table.guard:
                await asyncio.sleep(0.01)

        await asyncio.gather(one(), one())

    with plait.trace() as trace:
        asyncio.run(both(Table()))
    assert "table.guard (asyncio.Lock)" in {wait.name for wait in trace.waits}


def test_a_thread_of_the_library_that_lacks_work_is_idle() -> None:
    records: queue.Queue[logging.LogRecord] = queue.Queue()
    done = threading.Event()

    class Last(logging.NullHandler):
        def handle(self, record: logging.LogRecord) -> bool:
            done.set()
            return True

    with plait.trace() as trace:
        listener = logging.handlers.QueueListener(records, Last())
        listener.start()
        time.sleep(0.1)  # in which it has nothing to do
        records.put(logging.makeLogRecord({}))
        assert done.wait(LONG)
        listener.stop()
    its = [wait for wait in trace.waits if "_monitor" in trace.lanes[wait.lane].name]
    assert {wait.state for wait in its} == {State.IDLE}
    assert not any("queue" in finding for finding in trace.summary)
