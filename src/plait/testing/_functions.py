"""Functions the contract maps, at module level so that they cross to any worker, and the files they talk through."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from contextvars import ContextVar

import plait
from plait.testing._awaiting import NAP as NAP
from plait.testing._awaiting import awaited, napping

PATIENCE = 30.0  # seconds after which something that should happen counts as not happening
SLOW = 0.05  # seconds, many times what an engine waits before it has others run the items of a worker that stalls


class OddError(Exception):
    """An exception that cannot be rebuilt from its `args`."""

    def __init__(self, code: int, *, reason: str) -> None:
        super().__init__(f"{reason} ({code})")
        self.code = code


class SilentError(Exception):
    """An exception that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class Abort(BaseException):
    """Not an Exception."""


class SlowToLoad:
    """Takes a while to unpickle, and adds a byte to a file when it is."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return _load_slowly, (self.path,)


def _load_slowly(path: str) -> str:
    mark(path)
    time.sleep(SLOW)
    return path


variable: ContextVar[str] = ContextVar("plait_contract_variable", default="unset")


def double(x: int) -> int:
    return 2 * x


def same(x: object) -> object:
    return x


def is_there(x: object) -> bool:
    return x is not None


def fail_at_three(x: int) -> int:
    if x == 3:
        raise ValueError(f"no {x}")
    return x


def raise_kind(kind: str) -> object:
    """Raise an error of the kind, or return the kind when it is none."""
    if kind == "recursion":
        return raise_kind(kind)
    makers: dict[str, Callable[[], BaseException]] = {
        "exit": lambda: SystemExit(3),
        "stop": lambda: StopIteration("mine"),
        "generator-exit": GeneratorExit,
        "abort": lambda: Abort("out"),
        "odd": lambda: OddError(7, reason="odd"),
        "silent": SilentError,
        "group": lambda: ExceptionGroup("both", [ValueError("a"), KeyError("b")]),
        "timeout": lambda: TimeoutError("mine"),
        "cancelled": lambda: plait.errors.Cancelled("mine"),
    }
    if kind in makers:
        raise makers[kind]()
    return kind


def caused(x: int) -> int:
    try:
        return fail_at_three(x)
    except ValueError as error:
        raise KeyError(x) from error


def mark(path: str) -> str:
    """Add a byte to the file."""
    with open(path, "ab") as file:
        file.write(b".")
    return path


def marks(path: str) -> int:
    """How many bytes the file has; 0 when there is none."""
    return os.stat(path).st_size if os.path.exists(path) else 0


def alone(path: str) -> bool:
    """Raise FileExistsError where another call is in here."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    os.unlink(path)
    return True


@napping
def wait_for(path: str) -> Generator[None, None, str]:
    """Return when the file exists."""
    end = time.monotonic() + PATIENCE
    while not os.path.exists(path):
        if time.monotonic() > end:
            raise AssertionError(f"{path} did not appear within {PATIENCE} seconds")
        yield
    return path


@napping
def wait_unless_plain(item: tuple[str, str]) -> Generator[None, None, str]:
    """Items are ("value", anything), ("wait", a file to wait for) and ("nap", how often)."""
    kind, what = item
    for _ in range(int(what) if kind == "nap" else 0):
        yield
    return (yield from wait_for.steps(what)) if kind == "wait" else what


@napping
def meet(item: tuple[str, int, int]) -> Generator[None, None, int]:
    """Return when `parties` items run this at the same time: (folder, my number, parties)."""
    folder, number, parties = item
    mark(f"{folder}/met-{number}")
    for other in range(parties):
        yield from wait_for.steps(f"{folder}/met-{other}")
    return number


@napping
def mark_or_meet(item: tuple[str, int, int]) -> Generator[None, None, int]:
    """As `meet`, except for those whose number is below 0, who meet nobody."""
    if item[1] >= 0:
        return (yield from meet.steps(item))
    return item[1]


def fail_until(item: tuple[str, int]) -> int:
    """Fail so many times: (file that counts the attempts, failures); returns the attempt that succeeds."""
    path, failures = item
    attempt = marks(mark(path))
    if attempt <= failures:
        raise ConnectionError(f"attempt {attempt}")
    return plait.current().attempt


def began(x: int) -> float:
    """When this item began, in seconds since the epoch."""
    return time.time()


@napping
def forever(item: tuple[str, str]) -> Generator[None, None, str]:
    """Items are ("value", anything) and ("forever", file to mark at the start): run until told to stop."""
    if item[0] != "forever":
        return item[1]
    mark(item[1])
    end = time.monotonic() + PATIENCE
    while not plait.current().cancelled:
        if time.monotonic() > end:
            raise AssertionError(f"nobody stopped this task within {PATIENCE} seconds")
        yield
    return "told to stop"


@napping
def forever_or_wait(item: tuple[str, str, str]) -> Generator[None, None, str]:
    """As `forever` for ("forever", mark, _); mark the file and wait for the other one for ("wait", mark, other)."""
    if item[0] == "forever":
        return (yield from forever.steps(item[:2]))
    mark(item[1])
    return (yield from wait_for.steps(item[2]))


def where(x: int) -> tuple[int, int, str, int]:
    task = plait.current()
    return task.index, task.attempt, task.worker, os.getpid()


def read_variable(x: int) -> str:
    found = variable.get()
    variable.set(f"changed by {x}")
    return found


def inner_sum(item: tuple[str, int]) -> int:
    """A map inside a map: (engine, items)."""
    return sum(plait.map(double, range(item[1]), engine=item[0], workers=2))


async def _inner_sum(item: tuple[str, int]) -> int:
    double_awaited = awaited(double)
    return sum([value async for value in plait.map(double_awaited, range(item[1]), engine=item[0], workers=2)])


inner_sum.awaited = _inner_sum  # type: ignore[attr-defined]  # functions have room for more


def returns_lambda(x: int) -> object:
    return (lambda: x) if x == 1 else x
