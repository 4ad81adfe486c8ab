"""Programs with windows of Tk under check: in real windows, on a screen that nobody sees."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECK = """
import sys
from plait._check.explore import explore_script
result = explore_script(sys.argv[1], runs=int(sys.argv[2]), seconds=60)
failure = result.record.failure if result.record is not None else None
print(result.verdict.word, "·", failure.summary if failure is not None else result.verdict.reason)
"""
COUNTS = """
import contextlib, threading, time, tkinter

class Window:
    def __init__(self, root, lock):
        self.root, self.lock, self.total = root, lock, 0
        self.label = tkinter.Label(root)
        self.label.pack()
        self.workers = [threading.Thread(target=self.work) for _ in range(2)]
        for worker in self.workers:
            worker.start()
        root.after(5, self.poll)

    def work(self):
        for turn in range(2):
            time.sleep(0.01)
            with self.lock:
                self.total = self.total + len(str(turn))

    def poll(self):
        self.label["text"] = self.total
        if any(worker.is_alive() for worker in self.workers):
            self.root.after(5, self.poll)
        else:
            assert self.total == 4, self.total
            self.root.destroy()

root = tkinter.Tk()
Window(root, LOCK)
root.mainloop()
"""
SHOWS = """
import threading, tkinter
root = tkinter.Tk()
text = tkinter.StringVar(root, "nothing yet")
tkinter.Label(root, textvariable=text).pack()

def work():
    for step in range(3):
        text.set(f"step {step}")  # which the thread of the window does for it
    root.after(0, root.destroy)

worker = threading.Thread(target=work)
worker.start()
root.mainloop()
worker.join()
"""


@pytest.mark.parametrize(
    ("source", "runs", "said"),
    [
        (COUNTS.replace("LOCK", "contextlib.nullcontext()"), 60, "failed · AssertionError: 3 in MainThread"),
        (COUNTS.replace("LOCK", "threading.Lock()"), 4, "passed · 4 schedules, not a proof"),
        (SHOWS, 6, "passed · 6 schedules, not a proof"),
    ],
    ids=["a callback fails", "a right one", "a thread that shows something"],
)
def test_a_program_with_a_window_is_performed_again_and_again(
    tmp_path: Path, display: str, source: str, runs: int, said: str
) -> None:
    file = tmp_path / "window.py"
    file.write_text(source)
    command = [sys.executable, "-c", CHECK, str(file), str(runs)]
    environment = {**os.environ, "DISPLAY": display}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert (result.stdout.strip(), result.stderr) == (said, "")
