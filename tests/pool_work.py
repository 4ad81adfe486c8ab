"""What tests of process pools have their workers do."""

from __future__ import annotations

import os
import time
from pathlib import Path

PATIENCE = 30.0


def where(_: object = None) -> int:
    return os.getpid()


def wait_for(path: str | Path) -> int:
    end = time.monotonic() + PATIENCE
    while not Path(path).exists() and time.monotonic() < end:
        time.sleep(0.001)
    return os.getpid()


class Marks:
    """Leaves a file when it is collected."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __del__(self) -> None:
        Path(self.path).touch()

    def __reduce__(self) -> tuple[type[Marks], tuple[str]]:
        return type(self), (f"{self.path}-there",)
