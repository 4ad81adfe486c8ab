"""A watchdog tells of threads and tasks that can never go on, while others of the program do."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LONG = 30.0  # seconds

THREADS = """
import threading, time, plait
a, b, both = threading.Lock(), threading.Lock(), threading.Barrier(2)
def one():
    with a:
        both.wait()
        with b: pass
def two():
    with b:
        both.wait()
        with a: pass
for each in (one, two): threading.Thread(target=each, name=each.__name__).start()
while True:
    sum(range(100_000))
    time.sleep(0.01)
"""
TASKS = """
import asyncio, plait
async def beat():
    while True:
        await asyncio.sleep(0.01)
        sum(range(10_000))
async def main():
    lock, beats = asyncio.Lock(), asyncio.ensure_future(beat())
    await lock.acquire()
    await lock.acquire()
asyncio.run(main())
"""
QUARREL = """
import threading, time, plait
gate, a, b = threading.Lock(), threading.Lock(), threading.Lock()
idle = threading.Event()
def one():
    while True:
        with gate, a:
            with b: sum(range(10_000))
def two():
    while True:
        with gate, b:
            with a: sum(range(10_000))
for each in (one, two, one, two, idle.wait): threading.Thread(target=each).start()
for turn in range(200):
    time.sleep(0.01)
print("ENOUGH", flush=True)
"""

UNSEEN = """
import plait, sys, threading, types
def run_forever(self):
    threading.Event().wait()
threading.Thread(target=run_forever, args=(1,), daemon=True).start()
sys.modules["asyncio"] = types.ModuleType("asyncio")
while True:
    sum(range(10_000))
"""

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the time that threads have run from /proc"),
    pytest.mark.usefixtures("nothing_left"),
]


@pytest.mark.parametrize(
    ("program", "title", "place"),
    [
        (THREADS, 'Deadlock: "one" and "two" wait for each other', "app.py:7"),
        (TASKS, "Task-1 (main) waits for itself", "app.py:10"),
    ],
    ids=["threads", "tasks"],
)
def test_who_can_never_go_on_is_told_once_though_others_do(
    tmp_path: Path, program: str, title: str, place: str
) -> None:
    said = _said(tmp_path, program, "all of process", more=10)
    finding, _, rest = said.partition("all of process")
    assert title in finding, said
    assert place in finding, said
    assert "have not moved for" in finding or "has moved for" in finding, said
    assert "plait:" not in rest, said


def test_who_waits_now_and_then_is_not_told(tmp_path: Path) -> None:
    said = _said(tmp_path, QUARREL, "ENOUGH")
    assert said.strip() == "ENOUGH", said


def test_that_looking_fails_again_and_again_is_said_once(tmp_path: Path) -> None:
    """As where asyncio is no module as it should be; standing still is another matter."""
    said = _said(tmp_path, UNSEEN, "AttributeError", more=10)
    assert said.count("the watchdog cannot see whether some can never go on") == 1, said


def _said(folder: Path, program: str, end: str, more: int = 0) -> str:
    """What a program and its watchdog say until there is an end, and within so many times of the watchdog after it."""
    seconds = 0.2
    file = folder / "app.py"
    file.write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PLAIT_WATCHDOG": str(seconds)}
    running = subprocess.Popen(
        [sys.executable, str(file)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert running.stdout is not None
    said, deadline = b"", time.monotonic() + LONG
    try:
        while (left := deadline - time.monotonic()) > 0:
            if select.select([running.stdout], [], [], left)[0]:
                said += os.read(running.stdout.fileno(), 1 << 16)
            if end.encode() in said and more:
                deadline, more = time.monotonic() + more * seconds, 0
            elif end.encode() in said and b"ENOUGH" in said:
                break
    finally:
        running.kill()
        running.wait()
        running.stdout.close()
    return said.decode()
