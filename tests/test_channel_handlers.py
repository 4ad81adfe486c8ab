"""Channel, used by a destructor or a signal handler between any two steps of a thread that is just using it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

import plait
from plait._run import channel as channel_module
from plait._run import channel_waiter
from plait._run.channel_waiter import SERVED, ThreadWaiter
from plait.errors import Closed, WaitTimeout

pytestmark = pytest.mark.usefixtures("nothing_left")

OURS = {channel_module.__file__, channel_waiter.__file__}
LATER = 1.0  # seconds; nobody waits here, see `no_waits`

# How many it holds, what is in it, who stands in line, what a thread does, and what a handler does meanwhile.
CASES: list[tuple[int | None, str, str, tuple[Any, ...], tuple[Any, ...]]] = [
    (None, "", "", ("get", LATER), ("put", "n", 0)),
    (None, "", "", ("get", LATER), ("close",)),
    (1, "a", "", ("put", "b", LATER), ("get", 0)),
    (1, "a", "", ("put", "b", LATER), ("close",)),
    (0, "", "get", ("put", "b", LATER), ("close",)),
    (1, "a", "", ("get", 0), ("get", 0)),
    (1, "a", "put", ("get", 0), ("get", 0)),
    (0, "", "put", ("get", 0), ("close",)),
    (2, "a", "", ("get", 0), ("put", "b", 0)),
    (2, "", "get", ("put", "a", 0), ("put", "b", 0)),
    (None, "", "get", ("close",), ("put", "a", 0)),
    (1, "a", "put", ("close",), ("get", 0)),
    (1, "a", "put", ("close",), ("close",)),
]


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait is over at once, as if its time had passed."""

    def wait_until(over: Callable[[], bool], *_: object) -> bool:
        nobody_waits_for_what_is_there(used[0])
        return over()

    monkeypatch.setattr(channel_module, "wait_until", wait_until)


used: list[plait.channel[str]] = []


def nobody_waits_for_what_is_there(channel: plait.channel[str]) -> None:
    assert not channel._getters or not (channel._items or channel._putters or channel._closed)
    assert not channel._putters or (len(channel._items) >= channel._size and not channel._closed)


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize(("size", "held", "line", "op", "deed"), CASES)
def test_a_handler_may_use_it_at_any_step(
    size: int | None, held: str, line: str, op: tuple[Any, ...], deed: tuple[Any, ...]
) -> None:
    step, more = 0, True
    while more:
        channel: plait.channel[str] = plait.channel(size)
        used[:] = [channel]
        for item in held:
            channel.put(item)
        other = ThreadWaiter("of another thread" if line == "put" else None)
        if line:
            (channel._putters if line == "put" else channel._getters).append(other)
        put, got = list(held), list[str]()
        more = run_with_handler(step, lambda: perform(channel, op, put, got), lambda: perform(channel, deed, put, got))
        if other.state == SERVED:
            assert other.item is not None
            (put if line == "put" else got).append(str(other.item))
        assert sorted(put) == sorted([*got, *channel._items]), f"at step {step}"
        nobody_waits_for_what_is_there(channel)
        step += 1
    assert step > 20


def perform(channel: plait.channel[str], deed: tuple[Any, ...], put: list[str], got: list[str]) -> None:
    """Do it, and note what was put or got by it."""
    name, *arguments = deed
    try:
        found = getattr(channel, name)(*arguments)
    except (Closed, WaitTimeout):
        return
    if name == "put":
        put.append(arguments[0])
    elif name == "get":
        got.append(found)


def run_with_handler(step: int, run: Callable[[], None], handler: Callable[[], None]) -> bool:
    """Run it, and the handler before that step of it in our code; whether it has so many."""

    def trace(frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        nonlocal step
        if frame.f_code.co_filename not in OURS:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            step -= 1
            if step == -1:
                sys.settrace(None)
                handler()
        return trace

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # CPython 3.12 looks whether anybody wants to know before it begins
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return step < 0


def test_a_destructor_may_give_something_back() -> None:
    free: plait.channel[int] = plait.channel(None)

    class Lent:
        def __init__(self, number: int) -> None:
            self.number = number
            self.cycle = self

        def __del__(self) -> None:
            free.put(self.number)

    thresholds = gc.get_threshold()
    found: list[int] = []
    try:
        for number in range(200):
            gc.set_threshold(number % 20 + 1, 1, 1)  # so that it comes at each allocation of `get` once
            Lent(number)
            try:
                found.append(free.get(0.001))
            except WaitTimeout:
                continue
    finally:
        gc.set_threshold(*thresholds)
    gc.collect()
    free.close()
    assert sorted([*found, *free]) == list(range(200))
