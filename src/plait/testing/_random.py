"""The part of the contract about random numbers: ``plait.rng``."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import plait
from plait._core.rng import generator
from plait.testing._functions import fail_until
from plait.testing._support import ContractBase, raises


class RandomContract(ContractBase):
    """What a function draws depends on its seed and its item alone."""

    def test_random_numbers_depend_on_seed_and_index_alone(self) -> None:
        expected = [drawn_from(2024, index) for index in range(100)]
        with standard_generators(), self.engine() as engine:
            for workers, order in ((1, "input"), (self.workers, "input"), (self.workers, "completion")):
                found = dict(plait.map(draw, range(100), engine=engine, workers=workers, order=order))
                assert [found[index] for index in range(100)] == expected

    def test_random_numbers_do_not_depend_on_batches(self) -> None:
        with standard_generators(), self.engine() as engine:
            alone = list(plait.map(draw_slowly, range(6), engine=engine, workers=self.workers))
            together = list(plait.map(draw, range(3000), engine=engine, workers=self.workers))
            assert alone == together[:6] == [(index, drawn_from(2024, index)) for index in range(6)]
            assert len({numbers for _, numbers in together}) == 3000

    def test_an_item_that_is_run_again_has_the_same_random_numbers(self) -> None:
        with standard_generators(), self.folder() as folder, self.engine() as engine:
            items = [(f"{folder}/{n}", n % 3) for n in range(9)]
            found = list(plait.map(draw_then_fail, items, engine=engine, workers=self.workers, retry=2))
            assert found == [drawn_from(5, index) for index in range(9)]

    def test_a_seed_of_chance_is_in_the_report(self) -> None:
        with standard_generators(), self.engine() as engine:
            stream = plait.map(draw_by_chance, range(8), engine=engine, workers=self.workers)
            found = list(stream)
            assert len(set(found)) == 8
            assert found == [drawn_from(stream.report.seed, index) for index in range(8)]
            assert found != list(plait.map(draw_by_chance, range(8), engine=engine, workers=self.workers))

    def test_maps_inside_maps_have_random_numbers_of_their_own(self) -> None:
        with standard_generators(), self.engine() as engine:
            found = list(plait.map(draw_inside, range(4), engine=engine, workers=self.workers))
            for outer, (own, inner) in enumerate(found):
                assert own == drawn_from(2024, outer)
                assert inner == [(index, drawn_from(2024, outer, index)) for index in range(4)]

    def test_a_seed_that_is_no_seed_is_refused(self) -> None:
        with standard_generators(), self.engine() as engine, raises(plait.errors.UsageError):
            list(plait.map(draw_from_nonsense, [0], engine=engine))


# --- functions that are mapped


def draw(index: int) -> tuple[int, tuple[float, ...]]:
    """As `drawn_from`, in a task."""
    first = plait.rng(2024).random()
    assert plait.rng(2024) is plait.rng(2024)
    return index, (first, plait.rng(2024).random())


def draw_slowly(index: int) -> tuple[int, tuple[float, ...]]:
    time.sleep(0.003)
    return draw(index)


def draw_then_fail(item: tuple[str, int]) -> tuple[float, ...]:
    found = plait.rng(5).random(), plait.rng(5).random()
    fail_until(item)
    return found


def draw_by_chance(_: int) -> tuple[float, ...]:
    return plait.rng().random(), plait.rng().random()


def draw_inside(_: int) -> tuple[tuple[float, ...], list[tuple[int, tuple[float, ...]]]]:
    first = plait.rng(2024).random()
    inner = list(plait.map(draw, range(4), engine="thread", workers=2))
    return (first, plait.rng(2024).random()), inner


def draw_from_nonsense(_: int) -> object:
    return plait.rng(-1)


# --- what is found out about them


@contextmanager
def standard_generators() -> Iterator[None]:
    """As if NumPy had not been imported, which not every kind of worker can."""
    numpy = sys.modules.pop("numpy", None)
    try:
        yield
    finally:
        if numpy is not None:
            sys.modules["numpy"] = numpy


def drawn_from(seed: int, *path: int) -> tuple[float, ...]:
    """The first two numbers of a stream."""
    made = generator(seed, path, numpy=False)
    return made.random(), made.random()
