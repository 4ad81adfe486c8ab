"""A trace is not seen by the program: no thread to join or to count, nothing that a forked child does for its parent."""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import plait
from plait._see.sampler import life as sampler_life
from plait._see.sampler.life import Aside
from plait._see.unseen_thread import UnseenThread

pytestmark = pytest.mark.usefixtures("nothing_left")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing looks")


def test_nobody_counts_or_joins_a_thread_of_the_trace() -> None:
    seen = []

    async def main() -> None:
        seen.append(set(threading.enumerate()))
        time.sleep(0.06)  # noqa: ASYNC251  long enough to be looked at
        seen.append(set(threading.enumerate()))

    before = set(threading.enumerate())
    with plait.trace() as trace:
        seen.append(set(threading.enumerate()))
        asyncio.run(main())
        seen.append(set(threading.enumerate()))
    assert seen == [before] * 4
    assert not any("watch" in lane.name for lane in trace.lanes)


FORKS = """
import asyncio, os, plait, subprocess, sys

def fork():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)

async def main():
    await asyncio.sleep(0)
    fork()
    await asyncio.sleep(0)

with plait.trace():
    for _ in range(3):
        fork()
        asyncio.run(main())
    subprocess.run([sys.executable, "-c", ""], check=True, preexec_fn=fork)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_program_of_one_thread_may_fork() -> None:
    """Python 3.12 and later warn of a fork where the system counts more threads than one."""
    words = [sys.executable, "-W", "always:This process:DeprecationWarning", "-c", FORKS]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stderr == ""


SIGNALS = """
import os, signal, time, plait
with plait.trace():
    time.sleep(0.1)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    for _ in range(3):
        os.kill(os.getpid(), signal.SIGUSR1)
        assert signal.sigwait({signal.SIGUSR1}) == signal.SIGUSR1
print("waited")
"""


@pytest.mark.skipif(not hasattr(signal, "sigwait"), reason="there is no sigwait")
def test_signals_that_a_program_waits_for_are_its_own() -> None:
    """A thread that does not block them would be killed by them, and the program with it."""
    ended = subprocess.run([sys.executable, "-c", SIGNALS], capture_output=True, text=True, check=True)
    assert ended.stdout == "waited\n"


WAITS = """
import os, plait
with plait.trace() as trace:
    for status in range(3):
        if os.fork() == 0:
            os._exit(status)
    ended = []
    while True:
        try:
            ended.append(os.waitstatus_to_exitcode(os.wait()[1]))
        except ChildProcessError:
            break
print(sorted(ended), trace.missing)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_program_may_wait_for_all_its_children() -> None:
    done = subprocess.run([sys.executable, "-c", WAITS], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[0, 1, 2] []\n"


@on_linux
def test_what_looks_and_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler_life, "_PATIENCE", 0.05)
    aside = Aside("import time; print('ready', flush=True); time.sleep(1000)", [], [])
    assert aside.stdout.readline() == b"ready\n"
    aside.end()
    with pytest.raises(OSError, match="No such"):
        _stat(aside.pid)


@on_linux
def test_what_cannot_look_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with plait.trace() as trace:
        pass
    assert "the sampler could not start: the process ended before it had begun" in trace.missing[-1]


def _stat(pid: int) -> None:
    """Raises an error for a process that is gone, or that only waits for its parent to ask how it ended."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        if file.read().rpartition(")")[2].split()[0] == "Z":
            raise ProcessLookupError(3, "No such process")


MADE = {
    "Lock": lambda: threading.Lock(),
    "RLock": lambda: threading.RLock(),
    "Condition": lambda: threading.Condition(),
    "Semaphore": lambda: threading.Semaphore(),
    "Event": lambda: threading.Event(),
    "SimpleQueue": lambda: queue.SimpleQueue(),
}


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("carry", [pickle.dumps, copy.deepcopy])
def test_what_cannot_be_pickled_says_so_in_the_same_words(name: str, carry: Callable[[object], object]) -> None:
    with pytest.raises(TypeError) as plain:
        carry(MADE[name]())
    with plait.trace(), pytest.raises(TypeError) as traced:
        carry(MADE[name]())
    assert str(traced.value) == str(plain.value)


def test_a_lock_is_no_base() -> None:
    with plait.trace(), pytest.raises(TypeError, match="not an acceptable base type"):
        type("Own", (threading.Lock,), {})


def test_what_an_rlock_is_may_be_a_base() -> None:
    """As loky has it: ``class LokyRLock(type(threading.RLock()))``."""
    with plait.trace():
        kind = type(threading.RLock())

        class Own(kind):  # type: ignore[misc, valid-type]  # what it is, is known when it runs
            def twice(self) -> bool:
                return bool(super().acquire() and super().acquire())

        lock = Own()
        assert isinstance(lock, kind)
        assert issubclass(Own, kind)
        assert not isinstance(threading.Lock(), kind)
    assert lock.twice()
    lock.release()
    lock.release()


@pytest.mark.parametrize("name", ["Lock", "RLock"])
@pytest.mark.parametrize("words", [{"timeout": "x"}, {"timeout": -3}, {"blocking": False, "timeout": 1}])
def test_wrong_arguments_are_so_for_a_free_lock(name: str, words: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)) as plain:
        getattr(threading, name)().acquire(**words)
    with plait.trace(), pytest.raises((TypeError, ValueError)) as traced:
        getattr(threading, name)().acquire(**words)
    assert str(traced.value) == str(plain.value)


def test_an_unseen_thread_begins_and_ends_again() -> None:
    looked = threading.Event()
    thread = UnseenThread(looked.set, 0.001)
    thread.stop()
    for _ in range(3):
        looked.clear()
        thread.start()
        thread.start()
        assert looked.wait(10)
        thread.stop()
    looked.clear()
    thread.stop()
    assert not looked.is_set()
