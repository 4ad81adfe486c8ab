"""What the measuring examples share: memory of this program and its workers, and a table."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil


def memory_bytes() -> int:
    """The memory of this process and of all below it; what several share is counted once in all (PSS, Linux)."""
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(_of(process) for process in processes)


def _of(process: psutil.Process) -> int:
    try:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        return sum(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
    except (OSError, ProcessLookupError):  # not Linux, or it has just ended
        return int(process.memory_info().rss) if process.is_running() else 0


def engines() -> list[str]:
    """The engines this Python has."""
    return ["inline", "thread", "process", *(["interpreter"] if sys.version_info >= (3, 14) else [])]


def show(title: str, rows: list[tuple[str, float, str]]) -> None:
    """A table of engines with seconds, how many times as fast as the first that is, and a remark."""
    first = rows[0][1]
    print(f"\n{title}\n{'':<14}{'seconds':>8}{'speed-up':>10}")
    for name, seconds, remark in rows:
        print(f"{name:<14}{seconds:8.2f}{first / seconds:9.1f}x  {remark}".rstrip())
