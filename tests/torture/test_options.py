"""Maps with random options over items that do random things: each item ends as it must, and nothing is left.

``PLAIT_TORTURE=2000 pytest tests/torture/test_options.py`` tries 2,000 maps on each engine instead of a few. What fails
names its seed: ``PLAIT_SEED=17 pytest tests/torture/test_options.py -k process`` tries that one map.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import plait
from plait.errors import Cancelled, NotTransferable, RemoteError, TaskTimeout, WorkerDied

ROUNDS = int(os.environ.get("PLAIT_TORTURE", "4"))
SEED = os.environ.get("PLAIT_SEED")
LOCK = threading.Lock()
LARGE = 100_000  # bytes: through shared memory
TIMEOUT = 3.0  # seconds: nothing else than what hangs takes so long, on however busy a machine
pytestmark = [pytest.mark.timeout(90 + ROUNDS), pytest.mark.usefixtures("nothing_left")]

Item = tuple[str, int]


class TwoArgumentsError(Exception):
    """Cannot be made from its args, as many errors of libraries."""

    def __init__(self, name: str, number: int) -> None:
        super().__init__(f"{name}: {number}")
        self.number = number


class EndsAllError(BaseException):
    """What `except Exception` does not catch."""


def fails_at_first(n: int) -> int:
    if plait.current().attempt == 1:
        raise ValueError(f"the first attempt of {n}")
    return 2 * n


def computes(n: int) -> int:
    end = time.perf_counter() + 0.002
    while time.perf_counter() < end:
        pass
    return 2 * n


def waits(n: int) -> int:
    time.sleep(0.003)
    return 2 * n


def hangs(n: int) -> int:
    for _ in range(400):
        time.sleep(0.05)
    return n


def raises(error: Callable[[int], BaseException]) -> Callable[[int], object]:
    def raising(n: int) -> object:
        raise error(n)

    return raising


def ends_by(number: int) -> Callable[[int], object]:
    return lambda _: os.kill(os.getpid(), number)


KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
GIVES: dict[str, tuple[Callable[[int], object], Callable[[int], object]]] = {  # what is called, and what it must give
    "doubles": (lambda n: 2 * n, lambda n: 2 * n),
    "computes": (computes, lambda n: 2 * n),
    "waits": (waits, lambda n: 2 * n),
    "knows its index": (lambda _: plait.current().index, lambda n: n),
    "large": (lambda n: bytes([n % 256]) * LARGE, lambda n: bytes([n % 256]) * LARGE),
    "nothing": (lambda _: None, lambda _: None),
    "maps": (lambda n: list(plait.map(abs, [-n, n], engine="thread")), lambda n: [n, n]),
}
FAILS: dict[str, tuple[Callable[[int], object], type[BaseException]]] = {
    "value": (raises(ValueError), ValueError),
    "two arguments": (raises(lambda n: TwoArgumentsError("number", n)), TwoArgumentsError),
    "exits": (raises(SystemExit), SystemExit),
    "ends all": (raises(EndsAllError), EndsAllError),
    "memory": (raises(MemoryError), MemoryError),
    "group": (raises(lambda n: ExceptionGroup("two", [ValueError(n), TypeError(n)])), ExceptionGroup),
}
ENDS: dict[str, tuple[Callable[[int], object], type[BaseException]]] = {  # on processes only
    "leaves": (lambda _: os._exit(3), WorkerDied),
    "is killed": (ends_by(KILL), WorkerDied),
    "crashes": (ends_by(signal.SIGSEGV), WorkerDied),
    "cannot cross": (lambda _: LOCK, NotTransferable),
}


DOES: dict[str, Callable[[int], object]] = {
    "hangs": hangs,
    "fails at first": fails_at_first,
    **{kind: does for kinds in (GIVES, FAILS, ENDS) for kind, (does, _) in kinds.items()},
}


def work(item: Item) -> object:
    kind, n = item
    return DOES[kind](n)


async def work_async(item: Item) -> object:
    kind, n = item
    if kind == "waits":
        await asyncio.sleep(0.003)
        return 2 * n
    return work(item)


class Case(NamedTuple):
    """One map, and how its outcomes are asked for."""

    items: list[Item]
    options: dict[str, Any]
    source: str
    way: str
    journal: bool

    @property
    def retries(self) -> int:
        retry = self.options["retry"]
        return retry.times if isinstance(retry, plait.Retry) else retry or 0


def draw(engine: str, rng: random.Random) -> Case:
    kinds = list(GIVES) * 2
    if rng.random() < 0.6:
        kinds += [*FAILS, "fails at first"]
    if ("process" in engine or engine == "portable") and sys.platform == "linux" and rng.random() < 0.4:
        kinds += ENDS
    if engine == "async":  # a map that blocks its event loop is another matter, and so is `current` in a loop
        kinds = [kind for kind in kinds if kind not in ("maps", "computes")]
    count = rng.choice([0, 1, 2, 7, 40, 200])
    timeout = rng.choice([None, None, TIMEOUT]) if engine not in ("inline", "async") else None
    items = [(rng.choice(kinds), n) for n in range(count)]
    if timeout and 0 < count <= 40:
        at = rng.randrange(count)
        items[at] = "hangs", at
    return Case(
        items=items,
        options={
            "workers": rng.choice([None, 1, 2, 5]),
            "order": rng.choice(["input", "completion"]),
            "retry": rng.choice([None, 1, 2, plait.Retry(2, backoff=0.01)]),
            "rate": rng.choice([None, None, None, 1000]),
            "timeout": timeout,
        },
        source=rng.choice(["list", "iterator", "fails"]),
        way=rng.choice(["outcomes", "groups", "async", "some", "turns", "stopped"]),
        journal=rng.random() < 0.2,
    )


def source_of(case: Case) -> Any:
    def failing() -> Iterator[Item]:
        yield from case.items
        raise OSError("the input failed")

    return {"list": case.items, "iterator": iter(case.items), "fails": failing()}[case.source]


def outcomes_of(stream: plait.Stream[Any], way: str, seen: list[plait.Outcome[Any]]) -> None:
    async def ask() -> None:
        async for outcome in stream.outcomes():
            seen.append(outcome)

    if way == "async":
        asyncio.run(ask())
    elif way == "turns":
        both = [iter(stream.outcomes()), iter(stream.outcomes())]
        while (outcome := next(both[0], None)) is not None:
            seen.append(outcome)
            both.reverse()
        seen += both[1]
    elif way == "groups":
        for group in stream.outcomes().groups():
            seen += group
    else:
        with stream:
            for outcome in stream.outcomes():
                seen.append(outcome)
                if way in ("some", "stopped") and len(seen) == 5:
                    break
        if way == "stopped":
            seen += stream.outcomes()


def judge(outcome: plait.Outcome[Any], case: Case) -> None:
    kind, n = outcome.input
    error = outcome.error
    if kind in GIVES:
        assert error is None
        assert outcome.value == GIVES[kind][1](n)
    elif kind == "fails at first":
        once = not case.retries or (
            case.way == "stopped" and outcome.attempts == 1
        )  # nothing is run again after a stop
        assert isinstance(error, ValueError) if once else (outcome.value == 2 * n and error is None)
    elif kind == "hangs":
        assert isinstance(error, TaskTimeout)
    else:
        assert isinstance(error, (FAILS | ENDS)[kind][1])
        assert not isinstance(error, TwoArgumentsError) or error.number == n
        assert not isinstance(error, RemoteError)


def try_one(engine: str, case: Case, journal: Path) -> None:
    seen: list[plait.Outcome[Any]] = []
    pool = plait.Pool(engine.removeprefix("pool of "), workers=case.options["workers"]) if "pool" in engine else None
    own = plait.engines.ProcessEngine(portable=True) if engine == "portable" else None
    raised: BaseException | None = None
    try:
        stream = plait.map(
            work_async if engine == "async" else work,
            source_of(case),
            engine=pool or own or engine,
            journal=journal if case.journal else None,
            **case.options,
        )
        try:
            outcomes_of(stream, case.way, seen)
        except OSError as error:
            raised = error
    finally:
        if pool is not None:
            pool.shutdown()
        if own is not None:
            own.close()
    indices = [outcome.index for outcome in seen]
    assert len(set(indices)) == len(indices)
    for outcome in seen:
        assert outcome.input == case.items[outcome.index]
        if not (case.way == "stopped" and isinstance(outcome.error, Cancelled)):
            judge(outcome, case)
    if case.way == "stopped" and len(seen) >= 5:
        return
    if case.options["order"] == "input":
        assert indices == list(range(len(indices)))
    if case.way == "some" and len(seen) == 5:
        return
    assert sorted(indices) == list(range(len(case.items)))
    assert (str(raised) == "the input failed") if case.source == "fails" else raised is None


@pytest.mark.parametrize(
    "engine", ["inline", "thread", "process", "portable", "auto", "async", "pool of thread", "pool of process"]
)
def test_every_item_ends_as_it_must_whatever_the_options(engine: str, tmp_path: Path) -> None:
    seeds = [int(SEED)] if SEED else range(ROUNDS)
    for seed in seeds:
        case = draw(engine, random.Random(f"{engine} {seed}"))
        try:
            try_one(engine, case, tmp_path / f"{seed}.journal")
        except BaseException as error:
            error.add_note(f"seed {seed} on {engine}: {case}")
            raise
