"""The order of delivery: nothing is lost before it has been marked as delivered, and nothing comes twice."""

from __future__ import annotations

import random

import pytest

from plait._core.batch import Batch
from plait._run.ordering import CompletionOrder, InputOrder


def batch(base: int, length: int = 1) -> Batch:
    return Batch(base, range(base, base + length))


def test_input_order_waits_for_what_is_missing() -> None:
    order = InputOrder()
    late, first = batch(2), batch(0, 2)
    order.add(late)
    assert order.ready() is None
    order.add(first)
    assert order.ready() is first
    assert order.ready() is first  # whoever was interrupted asks again
    first.delivered = True
    assert order.ready() is late
    assert order.rest() == [late]
    late.delivered = True
    assert order.rest() == []


def test_what_lies_behind_a_gap_is_kept() -> None:
    order = InputOrder()
    first, second, behind = batch(0, 2), batch(2), batch(5)
    for each in (behind, second, first):
        order.add(each)
    assert order.rest(gapless=True) == [first, second]
    first.delivered = True
    assert order.rest(gapless=True) == [second]
    second.delivered = True
    assert order.rest(gapless=True) == []
    assert order.rest() == [behind]


@pytest.mark.parametrize("order", [InputOrder, CompletionOrder])
def test_a_failure_that_is_given_before_its_turn_does_not_come_again(order: type[InputOrder | CompletionOrder]) -> None:
    waiting, failed = order(), batch(3, 4)
    failed.values, failed.failures = [0, None, 2, None], {1: ValueError(), 3: KeyError()}
    waiting.add(failed)
    early = waiting.surface(failed)
    assert (early.base, len(early.items), early.failures) == (4, 1, {0: failed.failures[1]})
    around = waiting.rest()
    assert [(piece.base, piece.end, piece.failures) for piece in around] == [
        (3, 4, {}),
        (5, 7, {1: failed.failures[3]}),
    ]


def test_completion_order_waits_for_nothing() -> None:
    order = CompletionOrder()
    one, two = batch(5), batch(1)
    order.add(one)
    order.add(two)
    assert order.ready() is one
    one.delivered = True
    assert order.rest() == [two]


@pytest.mark.parametrize("order", [InputOrder, CompletionOrder])
def test_every_batch_once_wherever_the_consumer_stops(order: type[InputOrder | CompletionOrder]) -> None:
    for seed in range(50):
        dice = random.Random(seed)
        batches = [batch(3 * n, 3) for n in range(12)]
        found, tried = order(), []
        for one in dice.sample(batches, len(batches)):
            found.add(one)
            while dice.random() < 0.8 and (ready := found.ready()) is not None:
                ready.delivered = True
                tried.append(ready.base)
        tried += [one.base for one in found.rest()]
        assert sorted(tried) == [one.base for one in batches]
