"""``plait.trace``: records what threads, tasks and workers do while its block runs."""

from __future__ import annotations

import _thread
import os
import sys
import threading
import time
from collections import deque
from pathlib import Path
from types import TracebackType

from plait._core.batch import Batch
from plait._core.errors import UsageError
from plait._core.job import Job
from plait._core.onlooker import ONLOOKER
from plait._core.trace import Trace
from plait._engines.core_wait import children_seconds
from plait._see.items import Ran, Told
from plait._see.recorded import Own, Recorded, Spent
from plait._see.recorder.together import Recorders
from plait._see.sampler.samples import Sampler, now
from plait._see.show import form_of, reserved, save
from plait._see.system import used

_KEPT = 1_000_000  # batches, and calls
_recording = threading.Lock()


class trace:  # noqa: N801  used as a verb: with plait.trace("run.html")
    """Record what threads and workers do while the block runs, and write it to a file.

    The block is given the `Trace`, which is filled when it ends; also when an exception ends it. Locks, queues and
    threads that are made in the block are known by name and holder; of those made before, only that somebody waits.
    A child that is forked in the block ends its own copy of it without a trace. Off Linux only the waits that plait
    records are seen, and the trace says so.

    Args:
        path: ``.html`` for a page, ``.json`` for ui.perfetto.dev, ``.txt`` for a terminal; None for no file.
        children: whether the threads of other Python processes are shown, too, that are started by this one or by its
            children; plait's own workers always are.

    Raises:
        UsageError: the path ends in something else or cannot be written, or a trace is being recorded in this process
            already.
        OSError: the file could not be written in the end, such as to a full disk.

    >>> import plait, time
    >>> with plait.trace() as trace:
    ...     time.sleep(0.05)
    >>> trace.seconds > 0.04
    True
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, children: bool = False) -> None:
        self._path = None if path is None else Path(os.path.abspath(path))  # the program may change the folder
        if self._path is not None:
            form_of(self._path)
        self._children = children
        self._title = " ".join([os.path.basename(sys.argv[0]) or "python", *sys.argv[1:]])

    def __enter__(self) -> Trace:
        if not _recording.acquire(blocking=False):
            raise UsageError("plait.trace: a trace is being recorded already; a process can record one at a time")
        try:
            if self._path is not None:
                reserved(self._path)
            self._pid = os.getpid()
            self._sampler = Sampler()
            self._sampler.start()
            self._batches: deque[Told] = deque(maxlen=_KEPT)
            self._calls: deque[Ran] = deque(maxlen=_KEPT)
            self._consumed: deque[tuple[int, int, int]] = deque(maxlen=_KEPT)  # thread, from when, until when
            self._seen = Recorders()
            self._seen.install()
            ONLOOKER.told, ONLOOKER.ran, ONLOOKER.born = self._told, self._ran, self._sampler.look_for_children
        except BaseException:
            _recording.release()
            raise
        self._trace = Trace(self._title, time.time())
        self._children_cpu, self._used = children_seconds(), used()
        self._origin = now()
        return self._trace

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        ended, children, use = now(), children_seconds() - self._children_cpu, used()
        try:
            ONLOOKER.told = ONLOOKER.ran = ONLOOKER.born = None
            self._seen.remove()
            if os.getpid() != self._pid:  # a child that was forked in the block: the trace is its parent's
                self._sampler.leave()
                return
            samples = self._sampler.stop()
        finally:
            _recording.release()
        trace = self._trace
        own = Own(list(self._batches), list(self._calls), list(self._consumed))
        spent = Spent(self._used, use, children)
        made = Recorded(self._seen, samples, own, spent, self._origin, with_children=self._children)
        made.fill(trace, ended)
        if self._path is not None:
            save(trace, self._path)

    def _told(self, name: str, batch: Batch, job: Job) -> None:
        tid, limit, tally = _thread.get_native_id(), job.feed.limit, job.tally
        ran = tid if batch.worker == "inline" else tally.threads.get(batch.worker, 0)
        rate = 0.0 if limit is None else limit.per_second
        self._batches.append(Told(name, id(tally.reasons), batch, tid, rate, ran, tally.reasons))
        if batch.started and ran != tid:
            self._consumed.append((tid, int(batch.started * 1e6), now()))

    def _ran(self, words: str, began: float, failed: bool) -> None:
        self._calls.append(Ran(_thread.get_native_id(), int(began * 1e6), now(), words, failed))
