"""Runs gates side by side, on more lanes than there are cores, and prints what one has said, whole, when it has ended.

Tests wait for a third of their time or more, so that two lanes more keep the cores busy. A lane takes the next gate
when its last one has ended. What a gate leaves running is ended and makes it red (with_orphans.py).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from typing import IO, NamedTuple

from pythons import ROOT, Python
from with_orphans import LEFT

_LIMIT = 1800  # seconds for one gate: a gate that hangs is red, not endless
_HIDDEN = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")  # variables that change what runs, or how fast


class Gate(NamedTuple):
    """One command that must succeed, in the environment of a Python with `extras` installed."""

    name: str
    about: str
    command: list[str]
    python: Python
    extras: tuple[str, ...]


class Result(NamedTuple):
    """How a gate ended: ``passed``, ``FAILED`` or ``skipped``."""

    name: str
    state: str
    about: str
    seconds: float = 0.0


class Lanes:
    """Two lanes more than the machine has cores; `run` returns when every gate has ended."""

    def __init__(self, gates: list[Gate]) -> None:
        self._waiting = deque(gates)
        self._lanes = max(1, min(len(gates), _cores() + 2))
        self._results: list[Result] = []
        self._printing = threading.Lock()
        self._making = {gate.python.command: threading.Lock() for gate in gates}
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(self) -> list[Result]:
        """How each gate ended. Ctrl-C ends what runs, starts nothing more and is raised."""
        lanes = [threading.Thread(target=self._work, name=f"lane-{number}") for number in range(self._lanes)]
        for lane in lanes:
            lane.start()
        try:
            for lane in lanes:
                lane.join()
        except BaseException:
            self._stopped = True
            while any(lane.is_alive() for lane in lanes):
                for process in list(self._running):
                    process.terminate()
                time.sleep(0.05)
            raise
        return self._results

    # --- in a lane

    def _work(self) -> None:
        while not self._stopped:
            try:
                gate = self._waiting.popleft()
            except IndexError:
                return
            self._results.append(self._judge(gate))

    def _judge(self, gate: Gate) -> Result:
        began = time.monotonic()
        self._say(f"--- {gate.name} begins")
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            status, about = self._prepare(gate, output)
            if not status:
                print("   ", *gate.command, file=output, flush=True)
                status, about = self._execute(gate.command, output)
            result = Result(gate.name, "FAILED" if status else "passed", about or gate.about, time.monotonic() - began)
            output.seek(0)
            self._say(f"\n=== {gate.name}: {gate.about}\n{output.read()}=== {gate.name} {result.state}: {result.about}")
        return result

    def _prepare(self, gate: Gate, output: IO[str]) -> tuple[int, str]:
        """Make the environment, once, whoever needs it first."""
        with self._making[gate.python.command]:
            command = [sys.executable, "scripts/environments.py", ",".join(gate.extras), *gate.python.command]
            return self._execute(command, output)

    def _execute(self, command: list[str], output: IO[str]) -> tuple[int, str]:
        """Exit status, and what is wrong in words."""
        variables = {key: value for key, value in os.environ.items() if key not in _HIDDEN}
        process = subprocess.Popen(
            [sys.executable, "scripts/with_orphans.py", *command],
            cwd=ROOT,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for us, and we tell it
        )
        self._running.add(process)
        try:
            status = process.wait(_LIMIT)
        except subprocess.TimeoutExpired:
            process.terminate()
            status = process.wait()
            return status, f"did not end within {_LIMIT} s"
        finally:
            self._running.discard(process)
        words = "left processes behind, named above" if status == LEFT else f"exit status {status}"
        return status, words if status else ""

    def _say(self, text: str) -> None:
        with self._printing:
            print(text, flush=True)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
