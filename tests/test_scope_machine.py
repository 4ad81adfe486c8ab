"""Scopes against a model: a state machine over blocks in blocks, and random programs in which no outcome may be lost."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import plait
from plait._engines import thread, timeouts
from plait.errors import Cancelled, StopTask, WaitTimeout

PATIENCE = 20.0


class Mine(Exception):
    """An error of a task or of a body."""


def spin_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.0002)


class Told:
    """A task that does what it is told, and nothing until then."""

    def __init__(self) -> None:
        self.orders: plait.channel[Any] = plait.channel(None)

    def __call__(self) -> object:
        order = self.orders.get()
        if isinstance(order, BaseException):
            raise order
        return order

    def tell(self, order: object) -> None:
        """From outside of the block, whatever has become of that."""
        contextvars.Context().run(self.orders.put, order)


class Block:
    """One open scope, and what the model says of it."""

    def __init__(self, scope: plait.Scope) -> None:
        self.scope = scope
        self.cancelled = False
        self.waiting: dict[plait.Future[object], Told] = {}
        self.values: dict[plait.Future[object], object] = {}
        self.errors: dict[plait.Future[object], Mine] = {}
        self.stopped: list[plait.Future[object]] = []

    def cancel(self) -> None:
        self.cancelled = True
        self.stopped += self.waiting
        self.waiting.clear()

    def settle(self) -> None:
        """Wait until what the model says is so."""
        spin_until(lambda: self.scope._life.cancelled == self.cancelled)
        spin_until(lambda: all(future.done() for future in [*self.values, *self.errors, *self.stopped]))


class ScopeMachine(RuleBasedStateMachine):
    """Blocks in blocks of one thread, with tasks that are told what to do; after each step it waits for the model."""

    def __init__(self) -> None:
        super().__init__()
        self.threads = set(threading.enumerate())
        self.blocks: list[Block] = []
        self.number = 0

    def cancel_from(self, block: Block) -> None:
        """A cancelled scope takes those inside along."""
        for one in self.blocks[self.blocks.index(block) :]:
            one.cancel()
        self.settle()

    def settle(self) -> None:
        for block in self.blocks:
            block.settle()

    def a_task(self, data: st.DataObject) -> tuple[Block, plait.Future[object], Told]:
        block = data.draw(st.sampled_from([block for block in self.blocks if block.waiting]))
        future = data.draw(st.sampled_from(list(block.waiting)))
        return block, future, block.waiting.pop(future)

    # --- what happens

    @precondition(lambda self: len(self.blocks) < 4)
    @rule(engine=st.sampled_from(["thread", "auto"]))
    def enter(self, engine: str) -> None:
        scope = plait.scope(engine)
        if self.blocks and self.blocks[-1].cancelled:
            with pytest.raises(StopTask):
                scope.__enter__()
        else:
            scope.__enter__()
            self.blocks.append(Block(scope))

    @precondition(lambda self: self.blocks)
    @rule(data=st.data())
    def submit(self, data: st.DataObject) -> None:
        block, told = data.draw(st.sampled_from(self.blocks)), Told()
        if block.cancelled:
            with pytest.raises(StopTask):
                block.scope.submit(told)
        else:
            block.waiting[block.scope.submit(told)] = told

    @precondition(lambda self: any(block.waiting for block in self.blocks))
    @rule(data=st.data())
    def a_task_returns(self, data: st.DataObject) -> None:
        block, future, told = self.a_task(data)
        self.number += 1
        block.values[future] = self.number
        told.tell(self.number)
        self.settle()

    @precondition(lambda self: any(block.waiting for block in self.blocks))
    @rule(data=st.data())
    def a_task_fails(self, data: st.DataObject) -> None:
        block, future, told = self.a_task(data)
        error = block.errors[future] = Mine()
        told.tell(error)
        self.cancel_from(block)

    @precondition(lambda self: any(block.waiting for block in self.blocks))
    @rule(data=st.data())
    def a_task_is_cancelled(self, data: st.DataObject) -> None:
        block, future, _ = self.a_task(data)
        block.stopped.append(future)
        assert future.cancel()
        self.settle()

    @precondition(lambda self: self.blocks)
    @rule(data=st.data())
    def a_scope_is_cancelled(self, data: st.DataObject) -> None:
        block = data.draw(st.sampled_from(self.blocks))
        block.scope.cancel()
        self.cancel_from(block)

    @precondition(lambda self: self.blocks)
    @rule(data=st.data())
    def the_body_asks_for_a_result(self, data: st.DataObject) -> None:
        block = data.draw(st.sampled_from(self.blocks))
        for future, value in block.values.items():
            assert future.result() == value
        for future, error in block.errors.items():
            assert future.exception() is error
        for future in block.stopped:
            with pytest.raises(StopTask if self.blocks[-1].cancelled else Cancelled):
                future.result()
        for future in block.waiting:
            with pytest.raises(StopTask if self.blocks[-1].cancelled else WaitTimeout):
                future.result(timeout=0)

    @precondition(lambda self: self.blocks)
    @rule(how=st.sampled_from(["end", "error", "stop"]))
    def leave(self, how: str) -> None:
        block = self.blocks[-1]
        outer = len(self.blocks) > 1 and self.blocks[-2].cancelled
        if how == "stop" and not block.cancelled:
            return
        body = {"end": None, "error": Mine("body"), "stop": StopTask()}[how]
        if how == "error":
            block.cancel()
        for future, told in block.waiting.items():
            block.values[future] = None
            told.tell(None)
        block.waiting.clear()
        stopped = block.cancelled and how != "error"
        raised: BaseException | None
        try:
            taken_away = block.scope.__exit__(type(body), body, None)
        except BaseException as error:
            raised = error
        else:
            raised = body if body is not None and not taken_away else None
        del self.blocks[-1]
        block.settle()
        self.check(raised, [*([body] if how == "error" else []), *block.errors.values()], outer and stopped)
        self.look_at(block)

    def check(self, raised: BaseException | None, expected: list[BaseException], stopped: bool) -> None:
        if len(expected) > 1:
            assert isinstance(raised, ExceptionGroup)
            assert [id(error) for error in raised.exceptions] == [id(error) for error in expected]
        elif expected:
            assert raised is expected[0]
        elif stopped:
            assert isinstance(raised, StopTask)
        else:
            assert raised is None

    # --- what holds at any time

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        for block in self.blocks:
            self.look_at(block)

    def look_at(self, block: Block) -> None:
        assert not any(future.done() for future in block.waiting)
        assert all(future.cancelled() for future in block.stopped)
        assert all(contextvars.Context().run(future.result) == value for future, value in block.values.items())
        assert all(contextvars.Context().run(future.exception) is error for future, error in block.errors.items())

    def teardown(self) -> None:
        while self.blocks:
            self.leave("end")
        spin_until(lambda: set(threading.enumerate()) <= self.threads)


TestScopeMachine = ScopeMachine.TestCase
TestScopeMachine.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)


# --- random programs

ops = st.deferred(
    lambda: st.one_of(
        st.tuples(st.just("submit"), tasks),
        st.tuples(st.just("submit"), tasks),
        st.tuples(st.sampled_from(["result", "cancel"]), st.integers(0, 3)),
        st.tuples(st.sampled_from(["nap", "fail", "cancel all"])),
    )
)
tasks = st.deferred(
    lambda: st.one_of(
        st.tuples(st.sampled_from(["return", "nap", "nap", "fail", "wait"])),
        st.tuples(st.sampled_from(["block", "loop"]), st.lists(ops, max_size=4)),
    )
)


class Program:
    """Runs a tree of scopes, and knows every error that was raised in it."""

    def __init__(self) -> None:
        self.raised: list[Mine] = []
        self.never: plait.channel[None] = plait.channel(0)

    def fail(self) -> None:
        error = Mine(len(self.raised))
        self.raised.append(error)
        raise error

    # --- in threads

    def block(self, body: list[Any]) -> None:
        futures: list[plait.Future[None]] = []
        try:
            with plait.scope() as s:
                for op in body:
                    self.step(s, futures, op)
        finally:
            assert all(future.done() for future in futures)

    def step(self, s: plait.Scope, futures: list[plait.Future[None]], op: Any) -> None:
        if op[0] == "submit":
            futures.append(s.submit(self.task, op[1]))
        elif op[0] in ("result", "cancel") and len(futures) > op[1]:
            try:
                futures[op[1]].cancel() if op[0] == "cancel" else futures[op[1]].result()
            except Cancelled:
                pass
        elif op[0] == "cancel all":
            s.cancel()
        else:
            self.task(op if op[0] == "fail" else ("nap",))

    def task(self, what: Any) -> None:
        if what[0] == "fail":
            self.fail()
        elif what[0] == "block":
            self.block(what[1])
        elif what[0] == "loop":
            asyncio.run(self.loop(what[1]))
        elif what[0] in ("nap", "wait"):
            try:
                self.never.get(timeout=0.002 if what[0] == "nap" else 0.02)
            except WaitTimeout:
                pass

    # --- in event loops

    async def loop(self, body: list[Any]) -> None:
        futures: list[plait.Future[None]] = []
        try:
            async with plait.scope() as s:
                for op in body:
                    await self.async_step(s, futures, op)
        finally:
            assert all(future.done() for future in futures)

    async def async_step(self, s: plait.Scope, futures: list[plait.Future[None]], op: Any) -> None:
        if op[0] == "submit" and op[1][0] == "block":
            futures.append(s.submit(self.task, op[1]))
        elif op[0] == "submit":
            futures.append(s.submit(self.async_task, op[1]))
        elif op[0] == "cancel" and len(futures) > op[1]:
            futures[op[1]].cancel()
        elif op[0] == "result" and len(futures) > op[1]:
            try:
                await futures[op[1]]
            except Cancelled:
                pass
        elif op[0] == "cancel all":
            s.cancel()
        else:
            await self.async_task(op if op[0] == "fail" else ("nap",))

    async def async_task(self, what: Any) -> None:
        if what[0] == "fail":
            self.fail()
        elif what[0] == "loop":
            await self.loop(what[1])
        elif what[0] in ("nap", "wait"):
            await asyncio.sleep(0.002 if what[0] == "nap" else 0.02)


def told(error: BaseException | None) -> Iterator[int]:
    """Every error that somebody who sees this one learns of."""
    pending = [error]
    seen = set()
    while pending:
        error = pending.pop()
        if error is not None and id(error) not in seen:
            seen.add(id(error))
            yield id(error)
            pending += [error.__cause__, error.__context__, *getattr(error, "exceptions", ())]


@pytest.mark.usefixtures("nothing_left")
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(kind=st.sampled_from(["block", "loop"]), body=st.lists(ops, min_size=1, max_size=5))
def test_whatever_the_program_every_error_is_raised_and_nothing_is_left(kind: str, body: list[Any]) -> None:
    program = Program()
    raised: BaseException | None = None
    with pytest.MonkeyPatch.context() as patch:
        for module in (thread, timeouts):  # waits end by themselves; what is slow is not interrupted
            patch.setattr(module, "GRACE", PATIENCE)
        try:
            program.task((kind, body))
        except (Mine, ExceptionGroup) as error:
            raised = error
    assert {id(error) for error in program.raised} <= set(told(raised))
    assert raised is None or program.raised
