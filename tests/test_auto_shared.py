"""engine="auto" never moves a function that shares state, however it does: each leaves behind what a loop would."""

from __future__ import annotations

import collections
import functools
import io
import itertools
import os
import random
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import plait
from plait._engines.choosing import auto_pilot
from plait._engines.choosing.choice import Choice
from plait._engines.choosing.seen import Seen

pytestmark = pytest.mark.usefixtures("nothing_left", "eager")
ITEMS = 60
_MAPS = 20  # on a busy machine some are over before the thread that looks at them has had a core
LOG: list[int] = []
COUNTS: collections.Counter[int] = collections.Counter()
STATE = {"n": 0}
BUFFER = io.StringIO()


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever was measured, the rule wants processes, after the first call."""
    monkeypatch.setattr(auto_pilot, "choose", lambda _: Choice("process", "processes: for the test"))
    monkeypatch.setattr(auto_pilot, "_CHANCES", 0)
    monkeypatch.setattr(auto_pilot, "BRIEF", 0.0)
    monkeypatch.setattr(auto_pilot, "_HEARD", 0.0)
    monkeypatch.setattr(Seen, "enough", True)
    yield
    for shared in (LOG, COUNTS, Bag.made):
        shared.clear()
    STATE["n"] = Bag.total = 0
    Bag.mark = None
    BUFFER.seek(0)
    BUFFER.truncate()
    os.environ.pop("PLAIT_TEST_AUTO", None)


def burn() -> int:
    return sum(range(20_000))  # long enough for the map to be looked at before it is over


class Bag:
    total = 0
    mark: int | None = None
    made: list[int] = []

    def __init__(self) -> None:
        self.items: list[int] = []

    def add(self, x: int) -> None:
        burn()
        self.items.append(x)

    def __call__(self, x: int) -> None:
        self.add(x)

    @classmethod
    def tick(cls, x: int) -> None:
        burn()
        cls.total += 1

    @staticmethod
    def make(x: int) -> None:
        burn()
        Bag.made.append(x)


def appends(x: int) -> None:
    burn()
    LOG.append(x)


def by_another_name(x: int) -> None:
    burn()
    counts = COUNTS
    counts[x % 3] += 1


def in_a_dict(x: int) -> None:
    burn()
    STATE["n"] += 1


def by_default(x: int, seen: list[int] = []) -> int:
    burn()
    seen.append(x)
    return len(seen)


def in_a_buffer(x: int) -> None:
    burn()
    BUFFER.write("x")


def note(x: int) -> None:
    LOG.append(x)


def through_a_helper(x: int) -> None:
    burn()
    note(x)


def in_the_environment(x: int) -> None:
    burn()
    os.environ["PLAIT_TEST_AUTO"] = str(x)


def by_setattr(x: int) -> None:
    burn()
    setattr(Bag, "mark", x)  # this is what people write when they do not want it to be seen


def through_sys_modules(x: int) -> None:
    burn()
    sys.modules[__name__].LOG.append(x)


def in_a_closure() -> tuple[Callable[[int], None], list[int]]:
    box: list[int] = []

    def inner(x: int) -> None:
        burn()
        box.append(x)

    return inner, box


def by_nonlocal() -> tuple[Callable[[int], None], Callable[[], int]]:
    n = 0

    def count(x: int) -> None:
        nonlocal n
        burn()
        n += 1

    return count, lambda: n


def bound(out: list[int], x: int) -> None:
    burn()
    out.append(x)


def run(function: Callable[..., Any], items: Any = range(ITEMS)) -> list[Any]:
    """The results of a map that was looked at before it was over, and of those before it that were not."""
    results: list[Any] = []
    for _ in range(_MAPS):
        with plait.map(function, items() if callable(items) else items, engine="auto", workers=2) as stream:
            results += stream
        assert stream.report.engine == "thread"
        if any(reason.startswith("threads, although it holds the GIL: ") for reason in stream.report.why):
            return results
    raise AssertionError(f"{_MAPS} maps were over before they were looked at: {stream.report.why}")


@pytest.mark.parametrize(
    ("function", "left_behind"),
    [
        (appends, lambda: len(LOG)),
        (by_another_name, COUNTS.total),
        (in_a_buffer, lambda: len(BUFFER.getvalue())),
        (through_a_helper, lambda: len(LOG)),
        (through_sys_modules, lambda: len(LOG)),
        (Bag.make, lambda: len(Bag.made)),
    ],
)
def test_each_item_leaves_something_in_shared_memory(
    function: Callable[[int], None], left_behind: Callable[[], int]
) -> None:
    done = len(run(function))
    assert left_behind() == done


@pytest.mark.parametrize(
    ("function", "left_behind"),
    [
        (in_a_dict, lambda: STATE["n"]),
        (Bag.tick, lambda: Bag.total),
        (in_the_environment, lambda: int(os.environ["PLAIT_TEST_AUTO"])),
        (by_setattr, lambda: Bag.mark),
    ],
)
def test_what_is_assigned_is_seen(function: Callable[[int], None], left_behind: Callable[[], int]) -> None:
    run(function)
    assert left_behind()


def test_default_arguments_and_captured_names():
    results = run(by_default)
    assert max(results) == len(results)
    inner, box = in_a_closure()
    done = len(run(inner))
    assert len(box) == done
    count, counted = by_nonlocal()
    done = len(run(count))
    assert counted() == done


@functools.cache
def keeps(x: int) -> int:
    return burn() + x


def draws(_: int) -> float:
    burn()
    return random.random()


def test_caches_are_filled_here() -> None:
    keeps.cache_clear()
    fresh = itertools.count()  # what is cached already is over at once
    results = run(keeps, lambda: [next(fresh) for _ in range(ITEMS)])
    assert keeps.cache_info().currsize == len(set(results)) == len(results)


def test_random_numbers_are_those_of_the_seed() -> None:
    before = random.getstate()
    try:
        random.seed(1)
        drawn = run(draws)
        random.seed(1)
        assert sorted(drawn) == sorted(random.random() for _ in drawn)
    finally:
        random.setstate(before)


def test_objects_with_state():
    bag = Bag()
    done = len(run(bag.add))
    assert len(bag.items) == done
    done += len(run(bag))
    assert len(bag.items) == done
    out: list[int] = []
    done = len(run(functools.partial(bound, out)))
    assert len(out) == done


def test_arguments_that_are_changed():
    items = [[0] for _ in range(ITEMS)]

    def change(item: list[int]) -> None:
        burn()
        item[0] = 1

    run(change, items)
    assert all(item == [1] for item in items)


class Odd(types.ModuleType):
    """A module that nobody can pickle."""


def test_a_function_that_cannot_be_sent_stays() -> None:
    odd = Odd("odd")

    def uses(_: int) -> str:
        burn()
        return odd.__name__

    said: list[str] = []
    while not any("the function cannot be sent to a process" in reason for reason in said):
        assert len(said) < _MAPS
        with plait.map(uses, range(ITEMS), engine="auto", workers=2) as stream:
            assert list(stream) == ["odd"] * ITEMS
        assert stream.report.engine == "thread"
        said += stream.report.why[:1]


class Level:
    now = 0


def set_level(kind: type[Level], x: int) -> None:
    kind.now = x


def test_what_a_helper_changes_in_a_class_is_changed_here() -> None:
    """The code does not show it: that is seen while processes start, or when they have what was before."""

    def work(x: int) -> None:
        burn()
        set_level(Level, x)

    said: list[str] = []
    with plait.map(work, range(100_000), engine="auto", workers=2) as stream:
        for _ in stream:
            said = [reason for reason in stream.report.why if '"Level.now" was changed meanwhile' in reason]
            if said:
                break
    assert said
    assert stream.report.engine != "process"
