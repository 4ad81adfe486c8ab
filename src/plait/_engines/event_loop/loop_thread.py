"""LoopThread: an event loop of our own in a thread, for callers that have none or whose loop must not wait."""

from __future__ import annotations

import asyncio
import os
import selectors
import socket
import threading
import warnings
from _collections_abc import Callable

from plait._core.errors import PlaitError, StopTask
from plait._core.job import Job
from plait._engines.line_output import LineThread
from plait._engines.scarcity import scarcity

_FAREWELL = 0.3  # seconds that what is left in the loop may take to end before it is named and left behind


class LoopThread:
    """A running event loop. When it ends, so does all that was started in it.

    Raises:
        PlaitError: the system has nothing to give that a loop could be made of.

    Attributes:
        loop: the loop; give it work with ``call_soon_threadsafe``.
        thread: the thread that runs it; what its functions print comes in whole lines.
        burdened: whether something in it does not end, and has been named.
        jobs: those that are run in it. A loop knows its tasks by weak references only, so one that waits for its crew
            would go as garbage together with it, and asyncio say that it was pending.
    """

    def __init__(self, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None) -> None:
        self._factory = loop_factory
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._ending = False
        self.burdened = False
        self.jobs: set[Job] = set()
        self._pid = os.getpid()
        self.loop: asyncio.AbstractEventLoop
        self.thread = LineThread(target=self._run, name="plait-loop")
        try:
            self.thread.start()
            self._ready.wait()
        except BaseException:  # Ctrl-C
            self._ending = True
            if self._ready.is_set():
                self.loop.call_soon_threadsafe(self.loop.stop)
            raise
        if self._error is not None:
            self.thread.join()
            if isinstance(self._error, OSError):
                raise PlaitError(f"no event loop could be started: {scarcity(self._error)}") from self._error
            raise self._error

    @property
    def usable(self) -> bool:
        """Whether the loop runs, in this process."""
        return not self._ending and self._pid == os.getpid()

    def end(self) -> None:
        """Cancel what is left in the loop and close it; what does not end soon is named, unless it was already."""
        if self._ending or self._pid != os.getpid():
            return
        self._ending = True
        try:
            self.loop.call_soon_threadsafe(self.loop.stop)
        except RuntimeError:  # somebody has closed it
            return
        if self.thread is threading.current_thread():
            return  # the garbage collector runs in here
        self.thread.join(0.0 if self.burdened else _FAREWELL)
        if self.thread.is_alive() and not self.burdened:
            warnings.warn(
                f"plait left an event loop behind that does not end: {self._what_is_left()}",
                RuntimeWarning,
                stacklevel=2,
            )

    def _run(self) -> None:
        try:
            _see_whether_one_can_be_made()
            with asyncio.Runner(loop_factory=self._factory) as runner:
                self.loop = runner.get_loop()
                self._ready.set()
                while not self._ending:
                    try:
                        self.loop.run_forever()
                        break
                    except StopTask:
                        continue  # it was meant for a function that blocked the loop, and came too late
        except BaseException as error:
            if self._ready.is_set():
                raise
            self._error = error
            self._ready.set()

    def _what_is_left(self) -> str:
        tasks = [str(task.get_coro()) for task in asyncio.all_tasks(self.loop)]
        return f"{'; '.join(tasks[:3])} of {len(tasks)}" if tasks else "a thread of asyncio.to_thread still runs"


def _see_whether_one_can_be_made() -> None:
    """Take what a loop needs, and free it: one that is half made prints an error of its own when it goes.

    Raises:
        OSError: there is not enough left.
    """
    with selectors.DefaultSelector():
        for end in socket.socketpair():
            end.close()
