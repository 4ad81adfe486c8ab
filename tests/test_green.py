"""Programs whose threads gevent or eventlet has made green: nothing waits by means that keep the others from running."""

from __future__ import annotations

import importlib.util
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import plait
from plait._core.green import are_green, own_clock, waiting_line
from plait._engines.choosing.measuring_helpers import Helpers
from plait._engines.polling import SelectPoll, poller

SOURCE = Path(__file__).parents[1] / "src"
PATCHES = {
    "gevent": "from gevent import monkey; monkey.patch_all()",
    "eventlet": "import eventlet; eventlet.monkey_patch()",
}
PROGRAM = """
import asyncio, time, plait
def slow(n): time.sleep(0.01); return n
async def also(n): await asyncio.sleep(0.01); return n
def stuck(n): time.sleep(600)
wanted = list(range(20))
for engine in ("inline", "thread", "process", "async", "auto"):
    work = also if engine == "async" else slow
    assert list(plait.map(work, wanted, engine=engine, workers=4)) == wanted, engine
    with plait.Pool(engine if engine != "auto" else "thread", workers=4) as pool:
        assert [call.result() for call in [pool.submit(work, n) for n in wanted]] == wanted, engine
    if engine not in ("inline", "auto"):
        with plait.scope(engine) as scope:
            tasks = [scope.submit(work, n) for n in wanted]
        assert [task.result() for task in tasks] == wanted, engine
with plait.scope() as scope:
    line = plait.channel(1)
    scope.submit(lambda: [line.put(n) for n in wanted] and line.close())
    assert list(line) == wanted
(outcome,) = plait.map(stuck, [1], engine="process", timeout=0.2).outcomes()
assert type(outcome.error).__name__ == "TaskTimeout"
"""


@pytest.fixture
def as_if_patched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        sys.modules, "gevent.monkey", SimpleNamespace(is_module_patched=lambda name: name == "threading")
    )


@pytest.mark.parametrize("library", sorted(PATCHES))
def test_maps_pools_and_scopes_of_green_threads(library: str) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCE), *filter(None, sys.path)])}
    command = [sys.executable, "-W", "ignore", "-c", PATCHES[library] + PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("as_if_patched", "nothing_left")
def test_green_threads_wait_by_what_is_built_of_the_primitives_of_threading() -> None:
    assert are_green()
    assert type(waiting_line()).__module__ == "queue"
    assert list(plait.map(abs, range(-1000, 0), engine="thread", workers=4)) == list(range(1000, 0, -1))


@pytest.mark.usefixtures("as_if_patched")
def test_a_green_thread_has_no_clock_of_its_own() -> None:
    assert own_clock() is None


def test_threads_as_they_are() -> None:
    assert not are_green()
    assert type(waiting_line()).__module__ == "_queue"
    if (clock := own_clock()) is not None:
        assert time.clock_gettime(clock) > 0


@pytest.mark.usefixtures("nothing_left")
def test_where_there_is_no_poll_select_stands_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "poll", raising=False)
    assert isinstance(poller(), SelectPoll)
    assert list(plait.map(abs, [-1, -2, -3], engine="process", workers=2)) == [1, 2, 3]


def test_registered_for_nothing_it_tells_that_the_other_end_has_closed() -> None:
    read, write = os.pipe()
    poll = SelectPoll()
    poll.register(read, 0)
    assert not poll.poll(0)
    os.close(write)
    assert poll.poll(0)
    os.close(read)


def test_threads_that_do_not_know_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the one that eventlet puts in the place of the main thread."""
    monkeypatch.setattr(threading, "enumerate", lambda: [SimpleNamespace(name="MainThread")])
    assert Helpers().cores() >= 0
