"""The progress bar on a real pseudo-terminal, and what is left when the interpreter ends in the middle."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading

import plait
from plait._run.progress_display import DisplayMeter, write_whole

PROGRAM = """
import time, plait
def work(x):
    time.sleep(0.01)
    return x
for outcome in plait.map(work, range(60), engine="inline", progress=True).outcomes():
    if outcome.index % 20 == 0:
        print("result", outcome.index, flush=True)
print("after")
"""

OPEN_AT_EXIT = """
import plait
stream = plait.map(str, iter(int, 1), engine="inline", progress=True)
print(next(stream))
"""


def run_on_terminal(program: str) -> tuple[int, str]:
    """Exit status of a Python program and everything it sent to its terminal."""
    parent, child = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=child, stdout=child, stderr=child, env=environment
    )
    os.close(child)
    received = b""
    try:
        while chunk := os.read(parent, 65536):
            received += chunk
    except OSError:  # Linux says EIO when the last writer of a terminal is gone
        pass
    finally:
        os.close(parent)
    return process.wait(), received.decode()


def test_the_bar_on_a_real_terminal():
    status, sent = run_on_terminal(PROGRAM)
    assert status == 0
    assert "of 60 (" in sent
    shown = [line.rpartition("\x1b[K")[2] for line in sent.split("\r\n")]
    assert shown[:3] == ["result 0", "result 20", "result 40"]
    assert shown[3].startswith("work: 60 items in ")
    assert "inline engine, 1 worker" in shown[3]
    assert shown[4:] == ["after", ""]


PRINTING = """
import sys, time, plait
def work(x):
    print("out", x)
    print("err", x, file=sys.stderr)
    return x
def slow(items):
    for item in items:
        yield item
        time.sleep(0.15)  # so that the bar is drawn in between
with plait.Pool("process", workers=1) as pool:
    list(plait.map(work, [0], engine=pool))
    list(plait.map(work, slow(range(1, 4)), engine=pool, progress=True))
    list(plait.map(work, [4], engine=pool))
"""


def test_what_workers_print_passes_above_the_bar():
    status, sent = run_on_terminal(PRINTING)
    assert status == 0
    shown = [line.rpartition("\x1b[K")[2] for line in sent.split("\r\n")]
    words = [f"{name} {number}" for number in range(5) for name in ("out", "err")]
    assert [line for line in shown if not line.startswith("work: ")] == [*words, ""]


def test_a_map_that_is_open_when_the_interpreter_ends():
    status, sent = run_on_terminal(OPEN_AT_EXIT)
    assert status == 0
    assert "Fatal" not in sent
    assert "Traceback" not in sent
    assert sent.rstrip().rpartition("\x1b[K")[2].startswith("str: ")


def test_a_map_that_is_open_when_the_interpreter_ends_without_a_terminal():
    ended = subprocess.run(
        [sys.executable, "-c", OPEN_AT_EXIT], capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 0
    assert ended.stdout == "0\n"
    assert "Traceback" not in ended.stderr
    assert ended.stderr.startswith("str: ")


def two_maps_begin() -> None:
    bars = []

    class Bar:
        def open(self):
            bars.append(self)

        def show(self, progress):
            return 10.0

        def close(self, progress, report):
            pass

    class Lines(Bar):
        def open(self):
            pass

    meters = [DisplayMeter(lambda: Lines() if bars else Bar(), None, "f") for _ in range(2)]
    threads = [threading.Thread(target=meter.start) for meter in meters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bars) == 1


def test_of_two_maps_that_begin_at_once_in_two_threads_one_has_the_bar():
    plait.check(two_maps_begin, runs=20, seconds=None)


def test_what_the_terminal_cannot_show_is_shown_in_ascii(tmp_path):
    with open(tmp_path / "terminal", "w", encoding="ascii") as terminal:
        write_whole(terminal, "f ━ 16 done · 12/s…")
    assert (tmp_path / "terminal").read_text() == "f \\u2501 16 done . 12/s."
