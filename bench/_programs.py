"""Programs that benchmarks start, hit with a signal, and look for afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_PROGRAM = """
import time
def work(x):
    time.sleep(0.05)
    return x
if __name__ == "__main__":
    {imports}
    print("ready", flush=True)
    {call}
"""

CONTENDERS = {
    "plait, process": ("import plait", "list(plait.map(work, range(1000), engine='process', workers=2))"),
    "plait, thread": ("import plait", "list(plait.map(work, range(10000), engine='thread', workers=2))"),
    "ProcessPoolExecutor": (
        "from concurrent.futures import ProcessPoolExecutor",
        "list(ProcessPoolExecutor(2).map(work, range(400)))",
    ),
    "ThreadPoolExecutor": (
        "from concurrent.futures import ThreadPoolExecutor",
        "list(ThreadPoolExecutor(2).map(work, range(400)))",
    ),
    "multiprocessing.Pool": ("from multiprocessing import Pool", "Pool(2).map(work, range(400))"),
    "joblib": ("from joblib import Parallel, delayed", "Parallel(n_jobs=2)(delayed(work)(x) for x in range(400))"),
}


class Program:
    """A contender in the middle of its work, in a session of its own."""

    def __init__(self, name: str) -> None:
        imports, call = CONTENDERS[name]
        self._mark = f"plait-bench-{time.time_ns()}".encode()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM.format(imports=imports, call=call)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PLAIT_BENCH": self._mark.decode()},
        )
        assert self.process.stdout is not None
        self.process.stdout.readline()
        time.sleep(0.7)  # well into the work; this is a measurement, not a test

    def left(self) -> list[int]:
        """The processes of this program that exist, itself included while it is there."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    if self._mark in (folder / "environ").read_bytes():
                        found.append(int(folder.name))
                except OSError:
                    continue
        return found

    def clear(self) -> int:
        """Kill what is left; how many there were."""
        left = self.left()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        self.process.communicate()
        return len(left)
