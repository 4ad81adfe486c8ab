"""Where a trace says that somebody waits: at the line of the program, not within the module that it has called."""

from __future__ import annotations

import logging
import sys
import threading
import time
from pathlib import Path
from types import FrameType

import pytest
from threads import run

import plait
from plait._core.trace import State
from plait._see.whereabouts import made_at, own_frame, place

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
            looks = looks + 1 if now == before and now[1].endswith("recorder_locks.py") else 0
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
    assert place(own_frame(found[0])).endswith("in test_a_frame_of_the_library_is_told_apart")
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
