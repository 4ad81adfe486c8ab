"""Waiter: somebody who stands in line at a channel, a thread or a coroutine. Changed only under the channel's lock."""

from __future__ import annotations

import sys
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE
from opcode import opmap
from typing import TYPE_CHECKING

from plait._core.bell import Bell
from plait._core.errors import UsageError
from plait._core.loop_here import loop_here

if TYPE_CHECKING:
    import asyncio

WAITING, SERVED, CLOSED, EXPIRED = range(4)
_CACHE = 0  # what fills the places that CPython keeps for itself behind an instruction
_GET_AWAITABLE = opmap.get("GET_AWAITABLE", -1)


class Waiter:
    """Stands in line until its `state` is not WAITING any more.

    Attributes:
        item: what a putter brings, or what a getter was given.
        state: WAITING; SERVED: the item has changed hands; CLOSED: the channel was closed before; EXPIRED: it was taken
            out of the line.
    """

    __slots__ = ("item", "state")

    def __init__(self, item: object = None) -> None:
        self.item = item
        self.state = WAITING

    def wake(self, state: int, item: object) -> bool:
        """It need not wait any longer; `item` is what it has from now on. False when nobody is there any more."""
        raise NotImplementedError


class ThreadWaiter(Waiter):
    """Waits in a thread."""

    __slots__ = ("bell",)

    def __init__(self, item: object = None) -> None:
        super().__init__(item)
        self.bell = Bell()

    def wake(self, state: int, item: object) -> bool:
        self.item = item
        self.state = state
        self.bell.ring()
        return True

    def is_over(self) -> bool:
        """Whether it waits no longer."""
        return self.state != WAITING


class LoopWaiter(Waiter):
    """Waits in the event loop that is running, for `woken`."""

    __slots__ = ("loop", "woken")

    def __init__(self, item: object = None) -> None:
        from plait._run.running_loop import running_loop  # with asyncio: heavy, and loaded already where a loop runs

        super().__init__(item)
        self.loop = running_loop()
        self.woken: asyncio.Future[None] = self.loop.create_future()

    def wake(self, state: int, item: object) -> bool:
        if self.woken.done():  # cancelled, and about to leave the line
            self.state = EXPIRED
            return False
        before, self.item, self.state = self.item, item, state
        try:
            if loop_here() is self.loop:
                self.woken.set_result(None)
            else:
                self.loop.call_soon_threadsafe(self._wake)
        except RuntimeError:  # the loop is closed, and the coroutine gone with it
            self.item, self.state = before, EXPIRED
            return False
        return True

    def _wake(self) -> None:
        if not self.woken.done():
            self.woken.set_result(None)


def refuse_in_coroutine(what: str, instead: str) -> None:
    """Called by a thread that is about to wait as long as it takes.

    Raises:
        UsageError: a coroutine function of a running event loop has asked for it; nothing else in the loop would go on,
            and often what it waits for least of all.
    """
    if loop_here() is None:
        return
    frame = sys._getframe(1)
    while str(frame.f_globals.get("__name__")).startswith("plait._") and frame.f_back is not None:
        frame = frame.f_back
    code = frame.f_code
    if code.co_flags & (CO_COROUTINE | CO_ASYNC_GENERATOR) and code.co_name != "<module>":  # a notebook's cell may
        raise UsageError(
            f"{what} would wait in a coroutine, {code.co_qualname}(), and hold up its event loop; write {instead}"
        )


def refuse_awaited(what: str, instead: str) -> None:
    """Called by a method for threads that was called where an event loop runs.

    Raises:
        UsageError: what it returns would be awaited, which fails after the item has been put or taken.
    """
    frame = sys._getframe(2)
    code = frame.f_code
    if not code.co_flags & (CO_COROUTINE | CO_ASYNC_GENERATOR):
        return
    instructions, following = code.co_code, frame.f_lasti + 2
    while instructions[following] == _CACHE:
        following += 2
    if instructions[following] == _GET_AWAITABLE:
        raise UsageError(f"{what} is for threads, and nothing to await, as {code.co_qualname}() does; write {instead}")
