"""The race that every search must find first: a checker that misses it would pass anything."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

from plait._check.fresh import Rewrite, with_sites

FILE: Final = str(Path(__file__).with_name("<canary>"))
SOURCE: Final = """\
import threading

class Counter:
    def __init__(self):
        self.value = 0

    def add(self):
        value = self.value
        self.value = value + 1

counter = Counter()
threads = [threading.Thread(target=counter.add) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert counter.value == 2
"""


class Canary:
    """The program; it goes through the same rewriter, hooks, threads and scheduler as the user's."""

    name = "canary"

    def __init__(self, rewrite: Rewrite) -> None:
        self._code = _rewritten(rewrite)

    def main(self) -> object:
        module = ModuleType("__main__")
        exec(self._code, module.__dict__)
        return None


@cache
def _rewritten(rewrite: Rewrite) -> CodeType:
    """Once for all searches of a process: tests may make hundreds."""
    return with_sites(rewrite(SOURCE, FILE))
