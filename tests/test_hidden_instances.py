"""Methods of a package's own object go by their name; of generators that are copied to each worker it is warned."""

from __future__ import annotations

import calendar
import pickle
import random
import warnings
from collections.abc import Callable, Generator
from functools import partial
from random import random as draw
from typing import Any

import pytest

import plait
from plait._core.batch import Batch
from plait._core.star import Star
from plait._engines.copied_generators import copied_generator, watch_generators
from plait._engines.pickling.codec import pickled
from plait._engines.pickling.hidden_instances import reduce_method

dice = random.Random(6)
secret = random.SystemRandom()
__name__ = "__main__"  # as in a script: what is below goes by value


def draws(_: int) -> float:
    return draw()


def by_default(_: int, take: Callable[[], float] = random.random) -> float:
    return take()


def prints_a_month(_: int) -> str:
    return show(2024, 1)


show = calendar.month


def in_a_closure() -> Callable[[int], float]:
    take = random.gauss
    return lambda n: take(n, 1)


@pytest.mark.parametrize(
    ("function", "method_of"),
    [
        (draws, lambda got: got.__globals__["draw"]),
        (by_default, lambda got: got.__defaults__[0]),
        (prints_a_month, lambda got: got.__globals__["show"]),
        (in_a_closure(), lambda got: got.__closure__[0].cell_contents),
        (partial(random.gauss, 0), lambda got: got.func),
    ],
)
def test_a_method_arrives_as_the_one_of_its_module(function: object, method_of: Callable[[Any], Any]) -> None:
    arrived = method_of(pickle.loads(pickled(function)))
    assert any(arrived is method for method in (random.random, random.gauss, calendar.month))


@pytest.mark.parametrize("method", [dice.random, "".join, [].append, len, calendar.TextCalendar().formatmonth])
def test_others_go_as_they_always_did(method: Callable[..., object]) -> None:
    assert reduce_method(method) is NotImplemented


def test_workers_draw_numbers_of_their_own() -> None:
    state = random.getstate()
    (drawn,) = plait.map(random.uniform, [0], [1], engine="process", workers=1)
    (again,) = plait.map(partial(random.uniform, 0), [1], engine="process", workers=1)
    random.setstate(state)
    assert random.uniform(0, 1) not in (drawn, again)
    with plait.Pool("process", workers=1) as pool:
        assert len({pool.submit(each).result() for each in [random.random, partial(random.random)] * 2}) == 4


def test_numpy_draws_by_name_too() -> None:
    numpy = pytest.importorskip("numpy")
    rand = numpy.random.rand
    assert pickle.loads(pickled(lambda: rand())).__closure__[0].cell_contents is rand


# --- copies


class Player:
    def __init__(self) -> None:
        self.own = random.Random(1)

    def plays(self, _: int) -> float:
        return self.own.random()

    def __call__(self, _: int) -> float:
        return self.own.random()


def throws(_: int) -> float:
    return dice.random()


def calls_what_throws(n: int) -> float:
    return throws(n)


def seeds_it(n: int) -> float:
    dice.seed(n)
    return dice.random()


def has_its_own(n: int) -> float:
    dice = random.Random(n)
    return dice.random()


def asks_the_system(_: int) -> float:
    return secret.random()


def draws_from(_: int, source: random.Random = dice) -> float:
    return source.random()


class Table:
    dice = 3


def has_an_attribute_of_that_name(n: int) -> int:
    return Table.dice + n


def captures() -> Callable[[int], float]:
    own = random.Random(2)
    return lambda _: own.random()


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (throws, "dice"), (calls_what_throws, "dice"), (captures(), "own"), (Player().plays, "self.own"), (Player(), "self.own"),
        (draws_from, "source"), (partial(draws_from, source=dice), "source"), (Star(partial(throws)), "dice"), (dice.gauss, "Random.gauss"),
        (seeds_it, ""), (has_its_own, ""), (asks_the_system, ""), (has_an_attribute_of_that_name, ""), (draws, ""),
        (random.gauss, ""), (random.random, ""), (len, ""), (print, ""),
    ],
)  # fmt: skip
def test_a_generator_that_travels_is_found(function: object, name: str) -> None:
    assert copied_generator(function) == name


def test_what_workers_import_they_make_themselves() -> None:
    throws.__module__, before = "test_hidden_instances_elsewhere", throws.__module__
    try:
        assert copied_generator(throws) == "dice"  # it is not found there
    finally:
        throws.__module__ = before


def batches(*workers: str) -> Generator[Batch, None, None]:
    for index, worker in enumerate(workers):
        batch = Batch(index, [0])
        batch.worker = worker
        yield batch


def test_several_workers_are_warned_of_and_one_is_not() -> None:
    with pytest.warns(RuntimeWarning, match=r'2 workers drew the same random numbers, from its own copy of "dice"'):
        assert len(list(watch_generators(batches("process-1", "process-2", "process-1"), throws))) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(watch_generators(batches("process-1", "process-1"), throws))) == 2
        assert len(list(watch_generators(batches("process-1", "process-2"), seeds_it))) == 2
