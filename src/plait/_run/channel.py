"""``plait.channel``: items from those who put to those who get, between threads and coroutines, until it is closed.

1. What is put goes to a getter that waits, else into the buffer while there is room; else the putter waits in line.
2. Whoever takes an item from the buffer lets the first putter in line have its place. Without a buffer (``size=0``) the
   item is taken from the putter itself, so a put ends when its item has been got.
3. Those who wait stand in line as `Waiter`. Who serves one gives it the item, under the lock, and wakes it. A getter
   that is not wanted any more when it wakes up gives the item back: to the next in line, or to the front of the buffer.
4. A destructor or a signal handler may put, get and close between any two steps of the thread that has the lock, which
   it can take, too. So lines and buffer are taken from by one step, and who has lined up looks once more (`_catch_up`).
"""

from __future__ import annotations

from _collections_abc import AsyncIterator, Iterator
from collections import deque
from math import inf
from threading import RLock
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from plait._core.cancelling import cancellation_point, wait_until
from plait._core.errors import Closed, NotTransferable, UsageError, WaitTimeout
from plait._core.loop_here import loop_here
from plait._core.mistaken import known_options, no_attribute
from plait._run.channel_waiter import (
    CLOSED,
    EXPIRED,
    SERVED,
    WAITING,
    LoopWaiter,
    ThreadWaiter,
    Waiter,
    refuse_awaited,
    refuse_in_coroutine,
)

T = TypeVar("T")

UNINTERRUPTIBLE = True  # see `cancelling`

_WANTS = "how many items it holds at most, 0 to hand each over directly, or None for any number"


class Channel(Generic[T]):
    """Hands items from producers to consumers; any number of both, on threads and in coroutines.

    Promises:
     * items arrive in the order in which they were put, each at one consumer, also when consumers are cancelled;
     * after `close` consumers get what is left, then loops over the channel end and `get` raises `Closed`;
     * waits end at once, by raising ``StopTask``, when the task or the block that waits is cancelled; every `put` and
       `get` of a cancelled task ends so, also one that would not have to wait.

    It lives in one process: threads and coroutines share it, worker processes cannot.

    Args:
        size: how many items it holds; 0: each put waits for its get; None: any number, so nothing ever waits to put.

    Raises:
        UsageError: a size that cannot mean anything.

    >>> import plait
    >>> def produce(lines):
    ...     with lines:  # closes the channel, which ends the loop below
    ...         for number in range(3):
    ...             lines.put(f"line {number}")
    >>> with plait.scope() as s:
    ...     lines = plait.channel(2)
    ...     task = s.submit(produce, lines)
    ...     print(*lines, sep=", ")
    line 0, line 1, line 2
    """

    STAYS_HERE = (
        "plait.channel, which lives in one process; pass items to worker processes with plait.map, or keep what uses "
        "it on threads"
    )

    @known_options("plait.channel", wants=_WANTS)
    def __init__(self, size: int | None) -> None:
        if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 0):
            raise UsageError(f"plait.channel({size!r}): expected {_WANTS}")
        self._size = inf if size is None else size
        self._lock = RLock()
        self._items: deque[T] = deque()
        self._getters: deque[Waiter] = deque()
        self._putters: deque[Waiter] = deque()
        self._closed = False

    # --- from threads

    def put(self, item: T, timeout: float | None = None) -> None:
        """Give the item to a consumer, or to the buffer; waits while there is no room.

        Args:
            item: anything.
            timeout: seconds to wait at most; 0: do not wait.

        Raises:
            Closed: the channel is closed, before or while this waits; the item was not taken.
            WaitTimeout: there was no room in time.
            UsageError: a timeout that is no number of seconds; a coroutine awaits it, or has it wait without a timeout.
        """
        cancellation_point()
        if timeout is not None:
            _check(timeout)
        if loop_here() is not None:
            refuse_awaited(*_PUT)
        with self._lock:
            if self._accept(item):
                return
            waiter = ThreadWaiter(item)
            self._line_up_to_put(waiter, timeout)
        self._stand(waiter, self._putters, timeout)

    def get(self, timeout: float | None = None) -> T:
        """The next item; waits for it.

        Args:
            timeout: seconds to wait at most; 0: do not wait.

        Raises:
            Closed: the channel is closed and every item has been got.
            WaitTimeout: nothing came in time.
            UsageError: a timeout that is no number of seconds; a coroutine awaits it, or has it wait without a timeout.
        """
        cancellation_point()
        if timeout is not None:
            _check(timeout)
        with self._lock:
            if self._items or self._putters:
                if loop_here() is not None and not hasattr(self._first, "__await__"):
                    refuse_awaited(*_GET)
                item = self._take()
                if item is not _NOTHING:
                    return cast("T", item)
            waiter = ThreadWaiter()
            self._line_up_to_get(waiter, timeout)
        self._stand(waiter, self._getters, timeout)
        return cast("T", waiter.item)

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        try:
            return self.get()
        except Closed:
            raise StopIteration from None

    # --- from coroutines

    async def aput(self, item: T) -> None:
        """As `put`, for coroutines; ``asyncio.timeout`` limits the wait.

        When it is cancelled while it waits, the item may have been taken already, or it was not.
        """
        with self._lock:
            if self._accept(item):
                return
            waiter = LoopWaiter(item)
            self._line_up_to_put(waiter, None)
        await self._stand_in_loop(waiter, self._putters)

    async def aget(self) -> T:
        """As `get`, for coroutines; ``asyncio.timeout`` limits the wait."""
        with self._lock:
            if self._items or self._putters:
                item = self._take()
                if item is not _NOTHING:
                    return cast("T", item)
            waiter = LoopWaiter()
            self._line_up_to_get(waiter, None)
        await self._stand_in_loop(waiter, self._getters)
        return cast("T", waiter.item)

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        try:
            return await self.aget()
        except Closed:
            raise StopAsyncIteration from None

    # --- the end

    def close(self) -> None:
        """Nothing more will be put: consumers get what is left. Whoever waits to put gets `Closed`. May be repeated."""
        with self._lock:
            self._closed = True
            self._dismiss()

    @property
    def closed(self) -> bool:
        """Whether nothing can be put any more; items may be left."""
        return self._closed

    def __enter__(self) -> Channel[T]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    async def __aenter__(self) -> Channel[T]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    if not TYPE_CHECKING:  # else type checkers would take every name for one that it has

        def __getattr__(self, name: str) -> object:
            raise no_attribute(self, "Channel", name)

    def __repr__(self) -> str:
        held = "any number" if self._size == inf else self._size
        waiting = "".join(
            f", {len(line)} waiting to {what}"
            for what, line in (("put", self._putters), ("get", self._getters))
            if line
        )
        return f"<plait.channel, {len(self._items)} of {held} items{waiting}{', closed' if self._closed else ''}>"

    def __reduce__(self) -> str:
        raise NotTransferable(f"this is a {self.STAYS_HERE}")

    # --- with the lock held

    def _accept(self, item: T) -> bool:
        """Give the item to whoever waits for one, or to the buffer; False when there is no room."""
        if self._closed:
            raise self._over(self._putters)
        if self._getters and self._serve(item):
            return True
        if len(self._items) < self._size:
            self._items.append(item)
            return True
        return False

    @property
    def _first(self) -> object:
        """What `_take` would give, of what there is."""
        return self._items[0] if self._items else self._putters[0].item if self._putters else _NOTHING

    def _take(self) -> object:
        """The first item of the buffer, or without a buffer of a putter; `_NOTHING` if its putters are gone."""
        try:
            item: object = self._items.popleft()
        except IndexError:
            return self._of_putter()
        if self._putters:
            self._let_in()
        return item

    def _of_putter(self) -> object:
        """The item of the first putter in line that is still there, or `_NOTHING`."""
        while (putter := _next(self._putters)) is not None:
            if putter.wake(SERVED, putter.item):
                return putter.item
        return _NOTHING

    def _let_in(self) -> None:
        """The first putters in line have the room that there is."""
        while len(self._items) < self._size and (item := self._of_putter()) is not _NOTHING:
            self._items.append(cast("T", item))

    def _serve(self, item: T) -> bool:
        """Give the item to the first getter in line that is still there; False when nobody is."""
        while (getter := _next(self._getters)) is not None:
            if getter.wake(SERVED, item):
                return True
        return False

    def _give_back(self, item: T) -> None:
        """An item was taken by somebody who is not wanted any more: the next in line gets it, or it is first again."""
        if not self._serve(item):
            self._items.appendleft(item)

    def _dismiss(self) -> None:
        """It is closed: nobody need wait any longer."""
        for line in (self._getters, self._putters):
            while (waiter := _next(line)) is not None:
                waiter.wake(CLOSED, None)

    def _catch_up(self) -> None:
        """Somebody has lined up, for what a destructor or a signal handler may have changed just before."""
        while self._getters and (self._items or self._putters) and (item := self._take()) is not _NOTHING:
            self._give_back(cast("T", item))
        self._let_in()
        if self._closed:
            self._dismiss()

    def _line_up_to_put(self, waiter: Waiter, timeout: float | None) -> None:
        if timeout is not None and timeout <= 0:
            raise self._too_late(self._putters, 0)
        if timeout is None and isinstance(waiter, ThreadWaiter):
            refuse_in_coroutine(*_PUT)
        self._putters.append(waiter)
        self._catch_up()

    def _line_up_to_get(self, waiter: Waiter, timeout: float | None) -> None:
        if self._closed:
            raise self._over(self._getters)
        if timeout is not None and timeout <= 0:
            raise self._too_late(self._getters, 0)
        if timeout is None and isinstance(waiter, ThreadWaiter):
            refuse_in_coroutine(*_GET)
        self._getters.append(waiter)
        self._catch_up()

    # --- waiting

    def _stand(self, waiter: ThreadWaiter, line: deque[Waiter], timeout: float | None) -> None:
        """Wait in a thread until the waiter has been served."""
        try:
            wait_until(waiter.is_over, waiter.bell, timeout)
        except BaseException:
            self._step_out(waiter, line, unwanted=True)
            raise
        self._step_out(waiter, line)
        if waiter.state == EXPIRED:
            raise self._too_late(line, timeout)
        if waiter.state == CLOSED:
            raise self._over(line)

    async def _stand_in_loop(self, waiter: LoopWaiter, line: deque[Waiter]) -> None:
        """Wait in an event loop until the waiter has been served."""
        try:
            await waiter.woken
        except BaseException:
            self._step_out(waiter, line, unwanted=True)
            raise
        if waiter.state == CLOSED:
            raise self._over(line)

    def _step_out(self, waiter: Waiter, line: deque[Waiter], *, unwanted: bool = False) -> None:
        """Wait no longer. What an `unwanted` getter has been given meanwhile goes to somebody else."""
        with self._lock:
            if waiter.state == WAITING and _left(line, waiter):
                waiter.state = EXPIRED
            elif waiter.state == SERVED and unwanted and line is self._getters:
                self._give_back(cast("T", waiter.item))

    def _too_late(self, line: deque[Waiter], timeout: float | None) -> WaitTimeout:
        what = "no room for another item" if line is self._putters else "nothing to get"
        return WaitTimeout(f"{self!r} had {what} within {timeout} s")

    def _over(self, line: deque[Waiter]) -> Closed:
        if line is self._putters:
            return Closed(
                "the channel is closed, so nothing can be put any more; close it after the last put, for example at "
                "the end of the scope in which its producers run"
            )
        return Closed("the channel is closed and empty; a loop over it, `for item in channel`, ends when that happens")


def _check(timeout: float) -> None:
    if not isinstance(timeout, (int, float)) or isinstance(timeout, bool) or not timeout < inf:
        raise UsageError(f"timeout={timeout!r}: expected how many seconds to wait at most, or None for no limit")


def _next(line: deque[Waiter]) -> Waiter | None:
    """Whoever is first in line, and is so no more."""
    try:
        return line.popleft()
    except IndexError:
        return None


def _left(line: deque[Waiter], waiter: Waiter) -> bool:
    """Whether it was in line, and is so no more."""
    try:
        line.remove(waiter)
    except ValueError:  # it has been woken just now
        return False
    return True


_NOTHING = object()
_PUT = "channel.put(item)", "await channel.aput(item)"
_GET = "channel.get()", "await channel.aget(), or `async for item in channel`"

channel = Channel  # as users write it, also in annotations: `lines: plait.channel[str]`
