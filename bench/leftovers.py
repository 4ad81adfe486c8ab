"""The program is killed (SIGKILL) in the middle of a map: how long do its workers live on, and what stays in /dev/shm?

Run: python bench/leftovers.py
"""

from __future__ import annotations

import os
import time

from _programs import PROCESSES, SHARING, Program
from _table import Table, spread

ROUNDS = 3
PATIENCE = 1.5


def main() -> None:
    table = Table("SIGKILL in the middle of a map")
    for name in PROCESSES:
        ours = name.startswith("plait")
        try:
            seconds = [kill_parent(name) for _ in range(ROUNDS if ours else 1)]
        except RuntimeError as error:
            table.add_fact("parent killed: workers gone after", name, f"not measured: {error}")
            continue
        found = spread(seconds) if max(seconds) < PATIENCE else f"still there after {PATIENCE:g} s"
        met = sorted(seconds)[ROUNDS // 2] <= 0.010 if ours else None
        table.add_fact("parent killed: workers gone after", name, found, "10 ms", met=met)
    for name in SHARING:
        try:
            files = kill_all(name)
        except RuntimeError as error:
            table.add_fact("all killed: files in /dev/shm", name, f"not measured: {error}")
            continue
        met = not files if name.startswith("plait") else None
        table.add_fact("all killed: files in /dev/shm", name, str(files), "0", met=met)
    table.show()


def kill_parent(name: str) -> float:
    """Seconds until no process of the program was left, at most `PATIENCE`."""
    program = Program(name)
    others = [pid for pid in program.left() if pid != program.process.pid]
    program.process.kill()
    began = time.perf_counter()
    program.process.wait()
    while any(map(_lives, others)) and time.perf_counter() - began < PATIENCE:
        time.sleep(0.0005)
    seconds = time.perf_counter() - began
    program.kill_all()
    return seconds


def kill_all(name: str) -> int:
    """Files in /dev/shm that nobody removes when every process of the program is killed."""
    before = set(os.listdir("/dev/shm"))
    program = Program(name)
    program.kill_all()
    time.sleep(0.5)
    files = set(os.listdir("/dev/shm")) - before
    count = len(files)
    for file in files:
        _remove(os.path.join("/dev/shm", file))
    return count


def _lives(pid: int) -> bool:
    """Whether it still runs; a zombie waits for its parent only."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def _remove(path: str) -> None:
    """What the measurement itself has left behind."""
    import shutil

    try:
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    except OSError:
        pass


if __name__ == "__main__":
    main()
