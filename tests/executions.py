"""Executions: counts how often each item ran, in whatever process, without slowing a microsecond's function down much."""

from __future__ import annotations

import os
import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_WIDTH = 4
_OPENING = threading.Lock()


class Executions:
    """Called with an item's index it adds one record to a file, by one ``write`` that no crash can undo."""

    def __init__(self, folder: Path, name: str = "executions") -> None:
        self.path = str(folder / name)
        self._fd = -1
        open(self.path, "ab").close()

    def __getstate__(self) -> str:
        return self.path

    def __setstate__(self, path: str) -> None:
        self.path = path
        self._fd = -1

    def __call__(self, index: int) -> None:
        if self._fd < 0:
            with _OPENING:  # two threads that find it closed would open it twice and close one of them
                if self._fd < 0:
                    self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        os.write(self._fd, index.to_bytes(_WIDTH, "little"))

    def close(self) -> None:
        """Close the file, if this copy has opened it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        self.close()

    def counts(self) -> Counter[int]:
        """How often each index was run so far."""
        with open(self.path, "rb") as file:
            data = file.read()
        return Counter(int.from_bytes(data[at : at + _WIDTH], "little") for at in range(0, len(data), _WIDTH))

    def twice(self) -> list[int]:
        """The indices that were run more than once."""
        return sorted(index for index, times in self.counts().items() if times > 1)
