"""What the items of `test_faults` do, apart from it: every worker imports what is here, and there are hundreds."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from executions import Executions

import plait


class Odd(BaseException):
    """Not an Exception."""


class Unbuildable(Exception):
    """Its pickle cannot be rebuilt: ``__init__`` wants more than ``args``, and refuses."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.lock = threading.Lock()


class UnpickledWrongly(Exception):
    """Pickles as something that is no exception."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("5",)


class ExplodingText(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def spend(seconds: float) -> None:
    end = time.perf_counter() + seconds
    if seconds >= 1e-3:
        time.sleep(seconds)
    while time.perf_counter() < end:
        pass


def recurse(depth: int) -> int:
    return recurse(depth + 1) + 1


def raise_(error: BaseException) -> None:
    raise error


def segfault() -> None:
    ctypes.string_at(0)


DEEDS: dict[str, Callable[[], object]] = {
    "raises": lambda: raise_(ValueError("bad item")),
    "SystemExit": lambda: sys.exit(3),
    "GeneratorExit": lambda: raise_(GeneratorExit("g")),
    "StopIteration": lambda: raise_(StopIteration("s")),
    "StopAsyncIteration": lambda: raise_(StopAsyncIteration("s")),
    "KeyboardInterrupt": lambda: raise_(KeyboardInterrupt("k")),
    "Odd": lambda: raise_(Odd("odd")),
    "RecursionError": lambda: recurse(0),
    "MemoryError": lambda: bytearray(1 << 62),
    "group": lambda: raise_(BaseExceptionGroup("two", [ValueError("a"), Odd("b")])),
    "unbuildable": lambda: raise_(Unbuildable(7, "no way back")),
    "wrong pickle": lambda: raise_(UnpickledWrongly("x")),
    "no text": lambda: raise_(ExplodingText("x")),
    "os._exit": lambda: os._exit(5),
    "os._exit(0)": lambda: os._exit(0),
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "SIGTERM": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "SIGABRT": os.abort,
    "segfault": segfault,
}


def work(mark: Executions, deed: str, at: int, seconds: float, index: int) -> int:
    mark(index)
    if index == at:
        DEEDS[deed]()
    if seconds:
        spend(seconds)
    return index * 3


def many(mark: Executions, culprits: set[int], seconds: float, index: int) -> int:
    mark(index)
    if index in culprits:
        os._exit(9)
    if seconds:
        spend(seconds)
    return index


def endless_loop() -> None:
    while True:
        pass


def endless_sleep() -> None:
    time.sleep(1000)


def hold_the_gil() -> None:
    ctypes.PyDLL(None).sleep(1000)


ENDLESS: dict[str, Callable[[], None]] = {"loop": endless_loop, "sleep": endless_sleep, "C": hold_the_gil}


def hang(mark: Executions, how: str, at: int, index: int) -> int:
    mark(index)
    if index == at:
        ENDLESS[how]()
    return index * 3


class Refuses:
    """An argument that cannot be pickled."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.lock = threading.Lock()


def index_of(item: Any) -> int:
    return 3 * (item if isinstance(item, int) else item.index)


class KillsSlowly:
    """An argument whose unpickling takes a while and then ends the process."""

    def __init__(self, mark: Executions, index: int) -> None:
        self.mark = mark
        self.index = index

    def __reduce__(self) -> Any:
        return kill_slowly, (self.mark, self.index)


def kill_slowly(mark: Executions, index: int) -> None:
    mark(index)
    time.sleep(0.03)  # long enough for its worker to count as stalled
    os.kill(os.getpid(), signal.SIGKILL)


def odd_result(mark: Executions, at: int, index: int) -> Any:
    mark(index)
    return threading.Lock() if index == at else index * 3


def big_result(index: int) -> Any:
    return b"\x05" * 100_000_000 if index == 5 else index * 3


def big_then_dies(mark: Executions, index: int) -> Any:
    mark(index)
    if index == 6:
        os._exit(1)
    return [str(index)] * 300_000 if index % 2 else index


def eat(index: int) -> int:
    hoard = []
    if index == 3:
        while True:
            hoard.append(bytearray(os.urandom(1 << 20)))
            time.sleep(0.001)
    return index * 3


def fail_at_700(n: int) -> int:
    if n == 700:
        raise KeyError(n)
    return n


def maps_what_fails(n: int) -> list[int]:
    return list(plait.map(fail_at_700, [0, 10 * n], engine="thread", workers=1))


def closes_all(path: str) -> None:
    """As what makes a daemon of itself does: its link and its lifeline are gone, and it goes on."""
    os.closerange(3, 256)
    with open(path, "w") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(60)
