"""PoolFuture: the future of a call of a pool, whose failure is logged when it is gone and nobody has asked for it."""

from __future__ import annotations

import logging
from concurrent.futures import InvalidStateError
from typing import TypeVar

from plait._core.errors import Cancelled, PoolBroken
from plait._run.future import Future

R = TypeVar("R")

LOGGER = logging.getLogger("plait")


class PoolFuture(Future[R]):
    """A `Future` that no block waits for: when it fails, nobody may ever hear of it.

    As asyncio's tasks do, it tells the log when it is let go of, and neither `result` nor `exception` was asked.
    """

    call: object = None  # what it is the future of, until it has failed
    _words = ""  # what that was called then
    _overlooked = False

    def _name(self) -> str:
        return self._words or repr(self.call)

    def _get_snapshot(self) -> tuple[bool, bool, R | None, BaseException | None]:
        """How asyncio asks from Python 3.15 on, for `asyncio.wrap_future` and so for ``loop.run_in_executor``."""
        found: tuple[bool, bool, R | None, BaseException | None]
        found = super()._get_snapshot()  # type: ignore[misc]  # it is there in the Pythons that call this
        self._unheard = self._unheard and not found[0]
        return found

    def set_failed(self, error: BaseException, words: str) -> None:
        """As `set_exception`, of a call that was called this; for those who run it."""
        self._words = words
        told = self._overlooked or isinstance(error, (Cancelled, PoolBroken))
        self._unheard = isinstance(error, Exception) and not told
        try:
            self.set_exception(error)
        except InvalidStateError:
            self._unheard = False
            raise

    def overlook(self) -> None:
        """Say nothing of a failure, now or later: whoever would ask has heard of another one, or wants no more."""
        self._overlooked = True
        self._unheard = False

    def __del__(self) -> None:
        if self._unheard:
            LOGGER.error("%s failed, and nobody asked for its result:", self._name(), exc_info=self._exception)
