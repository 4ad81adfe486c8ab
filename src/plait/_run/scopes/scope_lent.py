"""LentDriver: runs the calls of a scope among those of a pool, on the pool's workers and no others."""

from __future__ import annotations

import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from plait._core.job import Running
from plait._run.scopes.scope_call import ScopeCall

if TYPE_CHECKING:
    from concurrent.futures import Future

    from plait._run.pool_driver import PoolDriver

UNINTERRUPTIBLE = True  # see `cancelling`


class LentDriver:
    """Nothing is made for such a scope, so there may be one for each request of a server.

    Args:
        pool: the pool's driver.
        workers: how many calls of this scope the pool is given at the same time; None: all of them.
    """

    def __init__(self, pool: PoolDriver, workers: int | None) -> None:
        self._pool = pool
        self._workers = workers
        self._lock = threading.RLock()  # a call may be cancelled by a destructor that runs while this is held
        self._given: set[ScopeCall] = set()
        self._waiting: deque[ScopeCall] = deque()

    def put(self, item: ScopeCall) -> None:
        future = item.future
        if future is None:
            return
        item.scope = self
        future._stop = partial(self._revoke, item)
        future.add_done_callback(partial(self._ended, item))
        with self._lock:
            if self._workers is not None and len(self._given) >= self._workers:
                self._waiting.append(item)
                return
            self._given.add(item)
        self._give(item)

    def stop(self) -> None:
        with self._lock:
            items = [*self._waiting, *self._given]
            self._waiting.clear()
        for item in items:
            future = item.future
            if future is not None:
                future.cancel()

    def end(self) -> None:
        """The pool goes on, and every call of the scope has ended by now."""

    def running(self) -> list[Running]:
        return [one for one in self._pool.running() if self._is_mine(one.item)]

    def abandoned(self) -> list[Running]:
        return [one for one in self._pool.abandoned() if self._is_mine(one.item)]

    def mishaps(self) -> list[str]:
        """None: workers end with the pool, which says what went wrong then."""
        return []

    def _is_mine(self, item: object) -> bool:
        return isinstance(item, ScopeCall) and item.scope is self

    def _give(self, item: ScopeCall) -> None:
        try:
            self._pool.put(item)
        except Exception as error:  # the pool was shut down, or is broken
            item.fail(error)

    def _revoke(self, item: ScopeCall) -> None:
        self._pool.revoke(item)

    def _ended(self, item: ScopeCall, _: Future[Any]) -> None:
        following = None
        with self._lock:
            self._given.discard(item)
            while self._waiting and following is None:
                following = self._waiting.popleft()
                if following.future is None or following.future.done():
                    following = None
            if following is not None:
                self._given.add(following)
        if following is not None:
            self._give(following)
