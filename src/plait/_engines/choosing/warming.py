"""Warming: worker processes get ready in a thread of their own, while the items that they are for run elsewhere."""

from __future__ import annotations

import contextvars
import sys
import threading
from _collections_abc import Callable

from plait._core.daemons import daemons_allowed
from plait._core.feed import Feed
from plait._core.gil import Promptly
from plait._core.job import Job
from plait._engines.choosing.needs import modules_of
from plait._engines.interpreters.refusals import Imports
from plait._engines.process import ProcessEngine

UNINTERRUPTIBLE = True  # see `halting`: half of what is ended here would be left behind


class Warming:
    """Starts as many workers of an engine, which import what a function needs; who is late may have to do so later.

    Attributes:
        engine: the engine, for the run that needs the workers.
        failure: why there can be none, or None as far as is known.

    Raises:
        RuntimeError: the system has no thread to give.
    """

    def __init__(self, engine: ProcessEngine, fn: Callable[..., object], workers: int) -> None:
        self.engine = engine
        self.failure: Exception | None = None
        imports = Imports(list(dict.fromkeys(modules_of(fn))))
        feed = Feed([imports] * workers)
        self._job = Job(bool, feed, workers=workers, timeout=None, context=contextvars.Context())
        feed.serve(self._job)
        self._thread = threading.Thread(target=self._warm, name="plait-warming", daemon=daemons_allowed())
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether they are ready, or cannot be."""
        return not self._thread.is_alive()

    def end(self) -> None:
        """Return when nothing happens in the thread any more; workers that are not ready by now are ended."""
        self._job.cancel()
        if not sys.is_finalizing():  # then it stands still for good
            self._thread.join()

    def _warm(self) -> None:
        feed = self._job.feed
        try:
            with Promptly():
                for batch in self.engine.run(self._job):
                    feed.settle(len(batch.items))
                    feed.deliver(len(batch.items))
        except Exception as error:  # no worker can be started, for example
            self.failure = error
