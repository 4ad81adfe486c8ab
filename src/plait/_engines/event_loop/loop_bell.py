"""LoopBell: wakes the coroutines that wait in an event loop; a ring that nobody waits for is kept."""

from __future__ import annotations

import threading
from asyncio import AbstractEventLoop, Future, sleep


class LoopBell:
    """What `Bell` is for threads: usually one coroutine waits, and another one while the run is being stopped.

    `ring` may be called from any thread, from a signal handler, and when the loop is closed already.
    """

    __slots__ = ("_loop", "_rung", "_thread", "_waiting")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = threading.get_ident()
        self._rung = False
        self._waiting: list[Future[None]] = []

    def ring(self) -> None:
        """Let those return who wait, or else the next one."""
        self._rung = True
        if threading.get_ident() == self._thread:
            self._answer()
            return
        try:
            self._loop.call_soon_threadsafe(self._answer)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    async def wait(self) -> None:
        """Return when the bell has been rung since the last `wait`; the loop's other work has its turn in any case."""
        if self._rung:
            self._rung = False
            await sleep(0)
            return
        waiting = self._loop.create_future()
        self._waiting.append(waiting)
        await waiting

    def _answer(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)
                self._rung = False
