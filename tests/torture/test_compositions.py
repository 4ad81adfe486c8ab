"""Several maps at once, on shared pools, fed by one another, left in all ways: each item ends as it must, once.

``PLAIT_TORTURE=2000 pytest tests/torture/test_compositions.py`` tries 2,000 compositions instead of a few. What fails
names its seed: ``PLAIT_SEED=17 pytest tests/torture/test_compositions.py`` tries that one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import pytest

import plait
from plait.errors import Cancelled, Closed

ROUNDS = 3 * int(os.environ.get("PLAIT_TORTURE", "4"))
SEED = os.environ.get("PLAIT_SEED")
ENGINES = ["inline", "thread", "process", "portable", "async", "auto"]
POOLS = ["thread", "process", "portable", "async"]
pytestmark = [pytest.mark.timeout(90 + ROUNDS), pytest.mark.usefixtures("nothing_left")]


class Failed(Exception):
    """What one in some items raises."""


def double(n: int) -> int:
    if n % 13 == 5:
        raise Failed(n)
    if n % 17 == 3:
        assert list(plait.map(abs, [-n, n], engine="thread")) == [n, n]
    return 2 * n


async def double_async(n: int) -> int:
    if n % 3 == 0:
        await asyncio.sleep(0)
    if n % 13 == 5:
        raise Failed(n)
    return 2 * n


def same(n: int) -> int:
    return n


class Part(NamedTuple):
    """One map of a composition."""

    engine: str
    workers: int | None
    order: str
    count: int
    source: str
    way: str
    at: int


def draw(rng: random.Random) -> list[Part]:
    return [
        Part(
            engine=rng.choice([*ENGINES, *(f"pool of {name}" for name in POOLS)]),
            workers=rng.choice([None, 1, 2, 3]),
            order=rng.choice(["input", "completion"]),
            count=rng.choice([0, 1, 5, 40, 300]),
            source=rng.choice(list(SOURCES)),
            way=rng.choice(list(WAYS)),
            at=rng.choice([1, 2, 7, 30]),
        )
        for _ in range(rng.choice([1, 2, 3]))
    ]


# --- where items come from


async def arriving(count: int) -> AsyncIterator[int]:
    for n in range(count):
        if n % 5 == 0:
            await asyncio.sleep(0)
        yield n


def handed_over(count: int) -> plait.channel[int]:
    channel: plait.channel[int] = plait.channel(2)

    def produce() -> None:
        try:
            for n in range(count):
                channel.put(n)
        except Closed:  # whoever took the items was left
            return
        channel.close()

    threading.Thread(target=produce).start()
    return channel


SOURCES: dict[str, Callable[[int], Any]] = {
    "list": lambda count: list(range(count)),
    "iterator": lambda count: iter(range(count)),
    "async iterator": arriving,
    "stream": lambda count: plait.map(same, iter(range(count)), engine="thread", workers=2),
    "stream of a stream": lambda count: plait.map(
        same, plait.map(same, range(count), engine="inline"), engine="thread"
    ),
    "channel": handed_over,
}


# --- how results are asked for: what was given, by index, and whether it was left before the end


class Given:
    """What a consumer has got: values by their order, outcomes by their index."""

    def __init__(self) -> None:
        self.values: list[int] = []
        self.outcomes: list[plait.Outcome[int]] = []
        self.raised: BaseException | None = None
        self.left = False


def all_outcomes(stream: plait.Stream[int], given: Given, at: int) -> None:
    given.outcomes += stream.outcomes()


def values_then_outcomes(stream: plait.Stream[int], given: Given, at: int) -> None:
    try:
        for value in itertools.islice(stream, at):
            given.values.append(value)
    except Failed as error:
        given.raised, given.left = error, True
    given.outcomes += stream.outcomes()


def left(stream: plait.Stream[int], given: Given, at: int) -> None:
    with stream:
        for outcome in itertools.islice(stream.outcomes(), at):
            given.outcomes.append(outcome)
    given.left = True
    given.outcomes += stream.outcomes()


def dropped(stream: plait.Stream[int], given: Given, at: int) -> None:
    """Whoever iterated it lost interest, and nobody says so."""
    given.left = True
    outcomes = iter(stream.outcomes())
    del stream
    given.outcomes += itertools.islice(outcomes, at)


def raised_in_the_body(stream: plait.Stream[int], given: Given, at: int) -> None:
    given.left = True
    with contextlib.suppress(OSError), stream:
        for outcome in stream.outcomes():
            given.outcomes.append(outcome)
            if len(given.outcomes) == at:
                raise OSError("the disk is full")
    given.outcomes += stream.outcomes()


def stopped_by(stop: Callable[[plait.Stream[int]], None]) -> Callable[[plait.Stream[int], Given, int], None]:
    def consume(stream: plait.Stream[int], given: Given, at: int) -> None:
        stopper = threading.Thread(target=stop, args=(stream,))
        given.left = True
        for outcome in stream.outcomes():
            given.outcomes.append(outcome)
            if len(given.outcomes) == at:
                stopper.start()
        if stopper.ident is not None:
            stopper.join()

    return consume


def awaited(stream: plait.Stream[int], given: Given, at: int) -> None:
    async def ask() -> None:
        async for outcome in stream.outcomes():
            given.outcomes.append(outcome)

    asyncio.run(ask())


def awaited_and_left(stream: plait.Stream[int], given: Given, at: int) -> None:
    async def ask() -> None:
        async for outcome in stream.outcomes():
            given.outcomes.append(outcome)
            if len(given.outcomes) == at:
                break
        given.left = True
        async for outcome in stream.outcomes():  # while the first is on its way out
            given.outcomes.append(outcome)

    asyncio.run(ask())


def in_two_threads(stream: plait.Stream[int], given: Given, at: int) -> None:
    lock, outcomes = threading.Lock(), iter(stream.outcomes())

    def take() -> None:
        while True:
            with lock:
                if (outcome := next(outcomes, None)) is None:
                    return
                given.outcomes.append(outcome)

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


WAYS: dict[str, Callable[[plait.Stream[int], Given, int], None]] = {
    "outcomes": all_outcomes,
    "values, then outcomes": values_then_outcomes,
    "left": left,
    "dropped": dropped,
    "raised in the body": raised_in_the_body,
    "cancelled": stopped_by(lambda stream: stream.cancel()),
    "closed": stopped_by(lambda stream: stream.close()),
    "awaited": awaited,
    "awaited and left": awaited_and_left,
    "in two threads": in_two_threads,
}


# --- the trial


def try_part(part: Part, pools: dict[str, plait.Pool], given: Given) -> None:
    source = SOURCES[part.source](part.count)
    fn: Callable[[int], Any] = double_async if "async" in part.engine else double
    own = plait.engines.ProcessEngine(portable=True) if part.engine == "portable" else None
    engine = pools[part.engine.removeprefix("pool of ")] if "pool" in part.engine else own or part.engine
    try:
        WAYS[part.way](plait.map(fn, source, engine=engine, workers=part.workers, order=part.order), given, part.at)
    finally:
        if own is not None:
            own.close()
        if part.source == "channel":
            source.close()


def judge(part: Part, given: Given) -> None:
    indices = [outcome.index for outcome in given.outcomes]
    for outcome in given.outcomes:
        assert outcome.input == outcome.index
        if given.left and isinstance(outcome.error, Cancelled):
            continue
        assert outcome.value == 2 * outcome.index if outcome.error is None else isinstance(outcome.error, Failed)
        assert outcome.ok or outcome.index % 13 == 5
    raised = plait.errors.outcome_of(given.raised) if given.raised is not None else None
    indices += [value // 2 for value in given.values] + ([raised.index] if raised is not None else [])
    assert max(Counter(indices).values(), default=1) == 1, "given twice"
    assert given.left or sorted(indices) == list(range(part.count))
    assert (
        part.order == "completion"
        or given.raised is not None
        or given.left
        or indices[: len(given.outcomes)] == sorted(indices[: len(given.outcomes)])
    )


def test_every_item_ends_once_whatever_goes_on_beside_it() -> None:
    for seed in [int(SEED)] if SEED else range(ROUNDS):
        parts = draw(random.Random(f"compositions {seed}"))
        results = [Given() for _ in parts]
        portable = plait.engines.ProcessEngine(portable=True)
        pools = {name: plait.Pool(portable if name == "portable" else name, workers=2) for name in POOLS}
        try:
            with plait.scope() as s:
                for part, given in zip(parts, results, strict=True):
                    s.submit(try_part, part, pools, given)
            for part, given in zip(parts, results, strict=True):
                judge(part, given)
        except BaseException as error:
            error.add_note(f"seed {seed}: {parts}")
            raise
        finally:
            for pool in pools.values():
                pool.shutdown()
            portable.close()
