"""After a stop the values in order end where one is missing, and `outcomes` gives everything else exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import plait
from plait import Stream, errors
from plait._engines.inline import InlineEngine
from plait.engines import Batch, Job
from plait.errors import Cancelled

TAKEN = 7


class ScriptedEngine(InlineEngine):
    """Takes seven items, finishes the first, and when it is stopped has finished those it was told, in this order."""

    def __init__(self, *ended: int, failing: int | None = None) -> None:
        super().__init__()
        self._ended = ended
        self._failing = failing

    def run(self, job: Job) -> Generator[Batch, None, None]:
        job.feed.window = TAKEN
        taken = [batch for _ in range(TAKEN) if (batch := job.feed.take(1)) is not None]
        try:
            yield self._finished(taken[0])
        finally:
            job.unfetched += [self._finished(taken[each]) for each in self._ended]

    def _finished(self, batch: Batch) -> Batch:
        batch.values = list(batch.items)
        if batch.base == self._failing:
            batch.values, batch.failures = [None], {0: ValueError(batch.base)}
        return batch


def stopped(
    stop: Callable[[Stream[int]], None], *ended: int, failing: int | None = None, order: str = "input"
) -> tuple[list[int], BaseException | None, Stream[int]]:
    """The values before and after the stop, what the loop then raised, and the stream."""
    stream = plait.map(int, list(range(100)), engine=ScriptedEngine(*ended, failing=failing), order=order)
    values: list[int] = []
    try:
        for value in stream:
            values.append(value)
            if value == 0:
                stop(stream)
    except (Cancelled, ValueError) as error:
        return values, error, stream
    return values, None, stream


def rest(outcomes: Iterator[plait.Outcome[int]]) -> tuple[list[int], list[int]]:
    """Which items have an outcome of their own, and which were cancelled, as they came."""
    all_of_them = list(outcomes)
    cancelled = [each.index for each in all_of_them if isinstance(each.error, Cancelled)]
    return [each.index for each in all_of_them if each.index not in cancelled], cancelled


@pytest.mark.parametrize("stop", [Stream.cancel, Stream.close])
def test_values_in_order_end_before_a_gap(stop: Callable[[Stream[int]], None]) -> None:
    values, error, stream = stopped(stop, 6, 4, 1, 2)
    assert values == [0, 1, 2]
    assert isinstance(error, Cancelled)
    assert "item 3" in str(error)
    assert rest(iter(stream.outcomes())) == ([4, 6], [5])
    assert rest(iter(stream.outcomes())) == ([], [])


@pytest.mark.parametrize("stop", [Stream.cancel, Stream.close])
def test_values_as_completed_know_no_gap(stop: Callable[[Stream[int]], None]) -> None:
    values, error, stream = stopped(stop, 6, 4, 1, 2, order="completion")
    assert values == [0, 6, 4, 1, 2]
    assert isinstance(error, Cancelled)
    assert rest(iter(stream.outcomes())) == ([], [5])


@pytest.mark.parametrize(
    ("order", "before", "behind"), [("input", [0, 1], [3, 4, 6]), ("completion", [0, 6], [4, 1, 3])]
)
def test_what_lies_behind_a_failure_is_not_lost(order: str, before: list[int], behind: list[int]) -> None:
    values, error, stream = stopped(Stream.cancel, 6, 2, 4, 1, 3, failing=2, order=order)
    assert values == before
    assert isinstance(error, ValueError)
    assert rest(iter(stream.outcomes())) == (behind, [5])


class TogetherEngine(InlineEngine):
    """Finishes seven items as one batch, of which some failed."""

    def run(self, job: Job) -> Generator[Batch, None, None]:
        job.feed.window = TAKEN
        batch = job.feed.take(TAKEN)
        assert batch is not None
        batch.values = list(batch.items)
        batch.failures = {1: OSError(1), 3: ValueError(3), 5: OSError(5)}
        yield batch


@pytest.mark.parametrize(("order", "before"), [("input", [0]), ("completion", [0, 2])])
def test_what_ended_together_with_a_failure_is_not_lost(order: str, before: list[int]) -> None:
    again = plait.Retry(1, on=OSError)  # tears the batch into pieces, of which several can be delivered at once
    stream = plait.map(int, list(range(100)), engine=TogetherEngine(), order=order, retry=again)
    values = []
    with pytest.raises(ValueError, match="3"):
        for value in stream:
            values.append(value)
    assert values == before
    ended, cancelled = rest(iter(stream.outcomes()))
    assert sorted({*ended, 3}) == sorted({0, 2, 3, 4, 6} - {*before})
    assert cancelled == [1, 5]


def test_async_values_in_order_end_before_a_gap() -> None:
    async def main() -> None:
        stream = plait.map(int, list(range(100)), engine=ScriptedEngine(6, 4, 1, 2))
        values = []
        with pytest.raises(Cancelled, match="item 3"):
            async for value in stream:
                values.append(value)
                stream.cancel()
        assert values == [0, 1, 2]
        left = [outcome.index async for outcome in stream.outcomes()]
        assert left == [4, 6, 5]

    asyncio.run(main())


class ShuffledEngine(ScriptedEngine):
    """Yields what it is told, failures among it, and has the others finished when it is stopped."""

    def __init__(self, yielded: list[int], ended: list[int], failing: set[int]) -> None:
        super().__init__(*ended)
        self._yielded = yielded
        self._fails = failing

    def run(self, job: Job) -> Generator[Batch, None, None]:
        job.feed.window = TAKEN
        taken = [batch for _ in range(TAKEN) if (batch := job.feed.take(1)) is not None]
        to_yield = iter(self._yielded)
        try:
            yield from (self._finished(taken[each]) for each in to_yield)
            job.cancel()
        finally:
            job.unfetched += [self._finished(taken[each]) for each in (*to_yield, *self._ended)]

    def _finished(self, batch: Batch) -> Batch:
        self._failing = batch.base if batch.base in self._fails else None
        return super()._finished(batch)


@settings(max_examples=200, deadline=None)
@given(
    finished=st.permutations(range(TAKEN)),
    first=st.integers(0, TAKEN),
    lost=st.integers(0, 3),
    failing=st.sets(st.integers(0, TAKEN - 1), max_size=3),
    order=st.sampled_from(["input", "completion"]),
    stop_after=st.integers(1, TAKEN),
    stop=st.sampled_from([Stream.cancel, Stream.close]),
)
def test_every_item_once_whatever_the_stop_meets(
    finished: list[int],
    first: int,
    lost: int,
    failing: set[int],
    order: str,
    stop_after: int,
    stop: Callable[[Stream[int]], None],
) -> None:
    engine = ShuffledEngine(finished[:first], finished[first : TAKEN - lost], failing)
    unended = set(finished[max(first, TAKEN - lost) :])
    stream = plait.map(int, list(range(100)), engine=engine, order=order)
    values: list[int] = []
    raised = None
    try:
        for value in stream:
            values.append(value)
            if len(values) == stop_after:
                stop(stream)
    except (Cancelled, ValueError) as error:
        raised = errors.outcome_of(error)
    if order == "input":
        assert values == list(range(len(values)))
    outcomes = list(stream.outcomes())
    indices = [outcome.index for outcome in outcomes]
    assert len(set(indices)) == len(indices)
    assert not set(indices) & set(values)
    assert {*values, *indices, *([raised.index] if raised else [])} == set(range(TAKEN))
    for outcome in outcomes:
        kind = Cancelled if outcome.index in unended else ValueError if outcome.index in failing else type(None)
        assert isinstance(outcome.error, kind)


TO_GO_ON = "had not ended when the failure of item 1 stopped the work; to go on after failures, loop over .outcomes()"


def test_who_asks_for_the_next_value_after_a_failure_learns_of_outcomes() -> None:
    stream = plait.map(int, list(range(100)), engine=ShuffledEngine([1], [], {1}))
    with pytest.raises(ValueError, match="1"):
        next(stream)
    for index in (0, 2):
        with pytest.raises(Cancelled) as caught:
            next(stream)
        assert str(caught.value) == f"item {index}, {index}, {TO_GO_ON}"
        assert not hasattr(caught.value, "__notes__")  # no worker ever had it
    for index in range(3, TAKEN):
        with pytest.raises(Cancelled, match=f"item {index}"):
            next(stream)
    with pytest.raises(Cancelled, match="1 item had ended when the failure of item 1 stopped the work; .*outcomes"):
        next(stream)


def test_so_does_a_coroutine() -> None:
    async def work(number: int) -> None:
        if number == 1:
            raise ValueError(number)
        await asyncio.Event().wait()

    async def main() -> None:
        stream = plait.map(work, range(3))
        for kind, said in ((ValueError, "1"), (Cancelled, TO_GO_ON)):
            with pytest.raises(kind, match=said):
                await anext(aiter(stream))

    asyncio.run(main())


def test_a_failure_that_comes_after_the_stop_is_not_said_to_have_stopped_it() -> None:
    _, error, stream = stopped(Stream.cancel, 1, failing=1)
    assert isinstance(error, ValueError)
    with pytest.raises(Cancelled, match="item 2, 2, had not ended when the work was stopped$"):
        next(stream)
