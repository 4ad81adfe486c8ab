"""What tests have executors and clusters do, apart from the tests: their workers import what is here."""

from __future__ import annotations

import os
import time
from pathlib import Path

PATIENCE = 30.0


def double(x: int) -> int:
    return 2 * x


def wait_for(path: Path) -> str:
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.002)
    return path.name


def mark_and_wait(paths: tuple[Path, Path]) -> str:
    paths[0].touch()
    return wait_for(paths[1])


def die_at_two(x: int) -> int:
    if x == 2:
        os._exit(7)
    return x


def spin(seconds: float) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return "done"
