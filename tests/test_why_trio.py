"""``plait why`` on the tasks of trio: from inside each with its line, from outside that it is an event loop."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from told import said_of

from plait._see.why.diagnosis import diagnose
from plait._see.why.dump import Dump, Frame, Thing, Thread
from plait._see.why.inside import stack_of
from plait._see.why.trio import trio_tasks

TRIO = """
import plait, trio
async def move(first, second):
    async with first:
        await trio.sleep(0.1)
        async with second: pass
async def main():
    a, b = trio.Lock(), trio.Lock()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(move, a, b, name="one")
        nursery.start_soon(move, b, a, name="two")
trio.run(main)
"""
RUNS = """
def run(runner, look):
    return look()
"""

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc"),
    pytest.mark.usefixtures("nothing_left"),
]


async def waits(event: Any) -> None:
    await event


class Pending:
    def __await__(self) -> Iterator[None]:
        yield


def test_the_tasks_of_trio_are_those_of_its_runner() -> None:
    class Task:
        __slots__ = ("coro", "name")

    class Runner:
        def __init__(self) -> None:
            self.tasks: set[Task] = set()

    runner, task = Runner(), Task()
    task.coro, task.name = waits(Pending()), "app.waits"  # type: ignore[attr-defined]
    task.coro.send(None)  # type: ignore[attr-defined]
    runner.tasks.add(task)
    space: dict[str, Callable[..., Any]] = {}
    exec(compile(RUNS, "/lib/trio/_core/_run.py", "exec"), space)
    (found,) = space["run"](runner, lambda: trio_tasks(stack_of(sys._getframe())))
    assert (found.name, [frame.f_code.co_name for frame in found.frames]) == ("waits", ["__await__", "waits"])
    assert space["run"](object(), lambda: trio_tasks(stack_of(sys._getframe()))) == []
    task.coro.close()  # type: ignore[attr-defined]


def test_what_a_task_of_trio_waits_for_is_said_in_words_of_trio() -> None:
    loop = Thread("MainThread", 1, 1, (Frame("/lib/site-packages/trio/_core/_run.py", 9, "run"),))
    parks = Frame("/lib/site-packages/trio/_sync.py", 7, "Event.wait")
    task = Thread("main", 0, 0, (parks, Frame("/home/app.py", 1, "main")), task=True)
    found = diagnose(Dump(1, (loop, task)))
    assert found is not None
    assert "trio.fail_after(...)" in found.cure
    assert "the library" not in found.cure
    waits = Frame("/usr/lib/python3.13/threading.py", 1, "Event.wait", {"self": Thing("Event", 5)})
    blocked = diagnose(Dump(1, (loop._replace(frames=(waits, Frame("/home/app.py", 1, "main"), *loop.frames)),)))
    assert blocked is not None
    assert "trio.to_thread.run_sync" in blocked.cure


def test_a_deadlock_of_tasks_of_trio(tmp_path: Path) -> None:
    pytest.importorskip("trio")
    said = said_of(tmp_path, TRIO, 'Deadlock: "')
    assert "app.py:6" in said.partition("cure:")[0], said
