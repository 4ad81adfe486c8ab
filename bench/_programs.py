"""Programs that benchmarks start, hit with a signal, and look for afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_PROGRAM = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is started with it ignored
def work(x):
    time.sleep(0.05)
    return x
def keep(a):
    time.sleep(0.05)
    return a
if __name__ == "__main__":
    {imports}
    print("ready", flush=True)
    {call}
"""

_WORK = {
    "plait, process": ("import plait", "list(plait.map(work, range(1000), engine='process', workers=2))"),
    "plait, thread": ("import plait", "list(plait.map(work, range(1000), engine='thread', workers=2))"),
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
    "mpire": ("from mpire import WorkerPool", "WorkerPool(n_jobs=2).map(work, range(400))"),
    "pebble": ("from pebble import ProcessPool", "list(ProcessPool(2).map(work, range(400)).result())"),
}
_ARRAYS = {
    "plait, arrays": (
        "import numpy, plait",
        "list(plait.map(keep, [numpy.ones(1 << 20) for _ in range(64)], engine='process', workers=2))",
    ),
    "joblib, arrays": (
        "import numpy; from joblib import Parallel, delayed",
        "Parallel(n_jobs=2)(delayed(keep)(numpy.ones(1 << 20)) for _ in range(64))",
    ),
    "multiprocessing.shared_memory": (
        "from multiprocessing import shared_memory",
        "kept = [shared_memory.SharedMemory(create=True, size=1 << 23) for _ in range(16)]; time.sleep(10)",
    ),
}
COMPUTING = tuple(_WORK)
PROCESSES = tuple(name for name in _WORK if not name.lower().startswith(("thread", "plait, thread")))
SHARING = tuple(_ARRAYS)


class Program:
    """A contender in the middle of its work, in a session of its own.

    Raises:
        RuntimeError: it did not get that far, as when its package is missing.
    """

    def __init__(self, name: str) -> None:
        imports, call = (_WORK | _ARRAYS)[name]
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
        if not self.process.stdout.readline():
            said = self.process.communicate()[1].splitlines()
            raise RuntimeError(said[-1] if said else "it ended without a word")
        time.sleep(1.0)  # well into the work; this is a measurement, not a test

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

    def kill_all(self) -> int:
        """Kill what is left; how many there were."""
        left = self.left()
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.communicate()
        return len(left)
