"""Channels against a model, a list: a state machine in one event loop, and random plans on threads."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import plait
from plait._engines import thread, timeouts
from plait.errors import Closed, WaitTimeout

PATIENCE = 20.0


class ChannelMachine(RuleBasedStateMachine):
    """Puts and gets that do not wait, coroutines that do, cancellations and the end, in any order.

    The model knows who stands in line and what is in the buffer. After each step the loop runs until nothing happens
    any more, so at any time it is known who should have got what.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.number = 0
        self.items: list[int] = []
        self.getters: list[asyncio.Task[int]] = []
        self.putters: list[tuple[asyncio.Task[None], int]] = []
        self.expected: dict[asyncio.Task[int], int] = {}
        self.accepted: list[asyncio.Task[None]] = []
        self.over: list[asyncio.Task[object]] = []
        self.cancelled: list[asyncio.Task[object]] = []
        self.closed = False

    @initialize(size=st.sampled_from([0, 1, 2, 3, None]))
    def open(self, size: int | None) -> None:
        self.size = 10**9 if size is None else size
        self.channel: plait.channel[int] = plait.channel(size)

    # --- the model

    def model_put(self, item: int) -> bool:
        if self.getters:
            self.expected[self.getters.pop(0)] = item
        elif len(self.items) < self.size:
            self.items.append(item)
        else:
            return False
        return True

    def model_get(self) -> int | None:
        if self.items:
            item = self.items.pop(0)
            while self.putters and len(self.items) < self.size:
                task, waiting = self.putters.pop(0)
                self.accepted.append(task)
                self.items.append(waiting)
            return item
        if self.putters:
            task, item = self.putters.pop(0)
            self.accepted.append(task)
            return item
        return None

    def settle(self) -> None:
        for _ in range(4):
            self.loop.run_until_complete(asyncio.sleep(0))

    # --- what happens

    @rule()
    def put_now(self) -> None:
        self.number += 1
        try:
            self.channel.put(self.number, timeout=0)
        except Closed:
            assert self.closed
        except WaitTimeout:
            assert not self.closed
            assert not self.model_put(self.number)
        else:
            assert not self.closed
            assert self.model_put(self.number)
        self.settle()

    @rule()
    def get_now(self) -> None:
        expected = self.model_get()
        try:
            assert self.channel.get(timeout=0) == expected
        except Closed:
            assert self.closed
            assert expected is None
        except WaitTimeout:
            assert not self.closed
            assert expected is None
        self.settle()

    @rule()
    def a_coroutine_gets(self) -> None:
        task = self.loop.create_task(self.channel.aget())
        expected = self.model_get()
        if expected is not None:
            self.expected[task] = expected
        elif self.closed:
            self.over.append(task)
        else:
            self.getters.append(task)
        self.settle()

    @rule()
    def a_coroutine_puts(self) -> None:
        self.number += 1
        task = self.loop.create_task(self.channel.aput(self.number))
        if self.closed:
            self.over.append(task)
        elif self.model_put(self.number):
            self.accepted.append(task)
        else:
            self.putters.append((task, self.number))
        self.settle()

    @precondition(lambda self: self.getters)
    @rule(data=st.data())
    def a_getter_is_cancelled(self, data: st.DataObject) -> None:
        task = self.getters.pop(data.draw(st.integers(0, len(self.getters) - 1)))
        task.cancel()
        self.cancelled.append(task)
        self.settle()

    @precondition(lambda self: self.getters and not self.closed)
    @rule(others=st.integers(0, 2))
    def getters_are_cancelled_with_their_items_in_hand(self, others: int) -> None:
        """The first in line is given an item and cancelled before it runs: somebody else gets it, or it stays first."""
        self.number += 1
        self.channel.put(self.number)
        doomed = [self.getters.pop(0)]
        doomed += self.getters[:others]
        del self.getters[:others]
        for task in doomed:
            task.cancel()
            self.cancelled.append(task)
        if self.getters:
            self.expected[self.getters.pop(0)] = self.number
        else:
            self.items.insert(0, self.number)
        self.settle()

    @precondition(lambda self: self.putters)
    @rule(data=st.data())
    def a_putter_is_cancelled(self, data: st.DataObject) -> None:
        task, _ = self.putters.pop(data.draw(st.integers(0, len(self.putters) - 1)))
        task.cancel()
        self.cancelled.append(task)
        self.settle()

    @rule()
    def close(self) -> None:
        self.channel.close()
        self.over += [*self.getters, *(task for task, _ in self.putters)]
        self.getters, self.putters, self.closed = [], [], True
        self.settle()

    # --- what holds at any time

    @invariant()
    def everybody_has_what_the_model_says(self) -> None:
        for task, item in self.expected.items():
            assert task.result() == item
        for task in self.accepted:
            assert task.done()
            assert task.exception() is None
        for task in self.over:
            assert isinstance(task.exception(), Closed)
        assert all(task.cancelled() for task in self.cancelled)
        assert not any(task.done() for task in [*self.getters, *(task for task, _ in self.putters)])

    @invariant()
    def the_channel_holds_what_the_model_says(self) -> None:
        if hasattr(self, "channel"):
            assert list(self.channel._items) == self.items
            assert len(self.channel._getters) == len(self.getters)
            assert [waiter.item for waiter in self.channel._putters] == [item for _, item in self.putters]
            assert self.channel.closed == self.closed

    def teardown(self) -> None:
        for task in [*self.getters, *(task for task, _ in self.putters)]:
            task.cancel()
        self.settle()
        self.loop.close()


TestChannelMachine = ChannelMachine.TestCase
TestChannelMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


class Plan:
    """Producers on threads, consumers on threads and in a loop, of which some are cancelled after so many items."""

    def __init__(self, size: int | None, doomed: dict[int, int]) -> None:
        self.channel: plait.channel[tuple[int, int]] = plait.channel(size)
        self.got: list[tuple[int, int]] = []
        self.consumers: list[plait.Future[None]] = []
        self.doomed = doomed

    def note(self, item: tuple[int, int]) -> None:
        self.got.append(item)
        for number, limit in self.doomed.items():
            if len(self.got) == limit and number < len(self.consumers) - 1:  # the last one is never cancelled
                self.consumers[number].cancel()

    def consume(self) -> None:
        for item in self.channel:
            self.note(item)

    async def consume_in_loop(self) -> None:
        async for item in self.channel:
            self.note(item)

    def produce(self, number: int, items: int) -> None:
        for n in range(items):
            self.channel.put((number, n))

    async def run(self, producers: list[int], kinds: list[str]) -> None:
        async with plait.scope() as s:
            for kind in [*kinds, "thread"]:
                self.consumers.append(s.submit(self.consume if kind == "thread" else self.consume_in_loop))
            async with plait.scope() as producing:
                for number, items in enumerate(producers):
                    producing.submit(self.produce, number, items)
            self.channel.close()


@pytest.mark.usefixtures("nothing_left")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.sampled_from([0, 1, 3, None]),
    producers=st.lists(st.integers(0, 30), min_size=1, max_size=4),
    kinds=st.lists(st.sampled_from(["thread", "coroutine"]), min_size=1, max_size=5),
    doomed=st.dictionaries(st.integers(0, 5), st.integers(0, 60), max_size=4),
)
def test_whatever_the_plan_nothing_is_lost_or_doubled(
    size: int | None, producers: list[int], kinds: list[str], doomed: dict[int, int]
) -> None:
    plan = Plan(size, doomed)
    with pytest.MonkeyPatch.context() as patch:
        for module in (thread, timeouts):  # a consumer ends at its next get; one that is slow is not interrupted
            patch.setattr(module, "GRACE", PATIENCE)
        asyncio.run(plan.run(producers, kinds))
    put = [(number, n) for number, items in enumerate(producers) for n in range(items)]
    assert Counter(plan.got) == Counter(put)
