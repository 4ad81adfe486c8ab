"""``plait why`` shows what would end a wait where a thread does that only after its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from told import EITHER_WAY, said_of

from plait._see.why import source as why_source
from plait._see.why.source import Held

JOINS = """
import threading
class Loop:
    def __init__(self):
        self.stop = threading.Event()
        self.thread = threading.Thread(target=lambda: self.stop.wait(), name="loop")
    def close(self):
        self.thread.join()
        self.stop.set()
loop = Loop()
loop.thread.start()
loop.close()
"""
FILLS = """
import queue
def main(jobs):
    for job in range(100): jobs.put(job)
    while True: jobs.get()
main(queue.Queue(10))
"""

LEAVES = """
import asyncio
async def serve(stop): await stop.wait()
async def main():
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(stop))
    stop.set()
asyncio.run(main())
"""
NO_END = """
import queue
from concurrent.futures import ThreadPoolExecutor
def take(jobs):
    while jobs.get() is not None: pass
def main(jobs):
    with ThreadPoolExecutor(2) as pool:
        pool.submit(take, jobs)
        jobs.put(1)
main(queue.Queue())
"""

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc"),
    pytest.mark.usefixtures("nothing_left"),
]


@EITHER_WAY
@pytest.mark.parametrize(
    ("program", "title", "place", "call"),
    [
        (JOINS, "Nobody sets self.stop\n", "app.py:10", "self.stop.set()"),
        (FILLS, "Nobody takes from jobs\n", "app.py:6", "jobs.get()"),
    ],
    ids=["joins", "fills"],
)
def test_what_comes_too_late_is_shown(
    tmp_path: Path, watchdog: str, program: str, title: str, place: str, call: str
) -> None:
    said = said_of(tmp_path, watchdog + program, title)
    assert f"would end that wait, but only afterwards, at {place}\n" in said, said
    assert f"cure: Have {call} come before that wait, or in another thread." in said, said


@EITHER_WAY
def test_what_a_task_does_when_it_has_left_a_group_comes_too_late(tmp_path: Path, watchdog: str) -> None:
    said = said_of(tmp_path, watchdog + LEAVES, "Task-2 (serve) waits for stop.wait()", ("cure: Have stop.set() come",))
    assert "would end that wait, but only afterwards, at app.py:9\n" in said, said


@EITHER_WAY
def test_what_has_been_called_within_a_block_does_not_come_at_its_end(tmp_path: Path, watchdog: str) -> None:
    said = said_of(tmp_path, watchdog + NO_END, "Nothing will come: jobs", ("waits for the end of thread",))
    assert "afterwards" not in said, said
    assert "cure: Put one sentinel for each consumer" in said, said


def test_who_leaves_a_block_has_all_of_it_behind(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text("with (\n  a() as b,\n  c(),\n):\n  d()\n  e()\nf()\n")
    assert [why_source.left_at(str(file), line) for line in (1, 2, 3, 5, 7)] == [6, 6, 6, 5, 7]


def test_what_is_called_later_in_a_function(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text(
        "def f(self, a):\n a.stop.set()\n wait()\n a.go.set()\n self.stop.set()\n def g(): stop.set()\nstop.set()\n"
    )
    later = [why_source.called_later(str(file), line, "stop", ("set",)) for line in (1, 3, 5)]
    first, second = Held("a.stop.set()", 2), Held("self.stop.set()", 5)
    assert later == [(first, second), (second,), ()]
