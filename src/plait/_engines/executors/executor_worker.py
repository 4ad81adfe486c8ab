"""What an executor runs for us where its workers share no memory with this process: one batch for each call.

All that crosses is bytes and plain tuples, so it does not matter what the executor pickles with. A worker that is
slow answers early, with what it has finished when its time is up; the driver gives the rest to others.
"""

from __future__ import annotations

import os
import sys
import time
from _collections_abc import Iterator, Sequence
from _pickle import loads
from contextvars import copy_context
from threading import get_ident
from typing import Any, NamedTuple

from plait._core.batch import Batch
from plait._core.current import current_task
from plait._core.feed import Feed
from plait._core.job import Job
from plait._core.streams import flush_output
from plait._core.thread_state import thread_state
from plait._core.worker_state import WorkerState
from plait._engines.batch_task import BatchTask
from plait._engines.loops import run_plain, run_timed
from plait._engines.packing import Packer
from plait._engines.remote import Description, describe

_KEPT = 8  # functions that a worker keeps
_functions: dict[tuple[str, int], tuple[Any, ...]] = {}

DONE, REFUSED, UNREADABLE = range(3)  # how a call ended: some items are done; no function; no items


class Order(NamedTuple):
    """What a worker is told about a batch.

    Attributes:
        function: names the function; equal for all batches of a run that have the same.
        base: the index of the first item.
        attempt: which attempt at them this is.
        seconds: after which no further item shall begin.
        timed: whether it is to be told when each item began and ended.
        node: the name of the machine that the driver is on; empty if all workers are to be named by theirs.
    """

    function: tuple[str, int]
    base: int
    attempt: int
    seconds: float
    timed: bool
    node: str


class Answer(NamedTuple):
    """What has become of a batch.

    Attributes:
        kind: DONE, or what could not be unpickled.
        worker: who ran it.
        seconds: how long that took.
        spans: when each item began and ended, in seconds after the batch did; only when that was wanted.
        data: values and failures, as `Packer.whole` has them.
        error: what went wrong instead.
    """

    kind: int
    worker: str
    seconds: float = 0.0
    spans: list[tuple[float, float]] = []  # noqa: RUF012  never changed
    data: bytes = b""
    error: Description | None = None


class Stranger:
    """Arrives as something else wherever arguments are pickled; see `is_here`."""

    def __reduce__(self) -> tuple[object, ...]:
        return int, ()


def is_here(argument: object) -> tuple[bool, int]:
    """Whether what is given to the executor arrives as it is, and the thread that runs it."""
    return isinstance(argument, Stranger), get_ident()


def run_batch(order: Order, function: bytes, data: bytes) -> tuple[object, ...]:
    """Run the items that `data` pickles; the fields of an `Answer`, which any pickle can carry."""
    order = Order(*order)
    worker = _label(order.node)
    try:
        fn, timeout, seeding, _, _ = _function(order.function, function)
    except BaseException as error:
        return tuple(Answer(REFUSED, worker, error=describe(error)))
    try:
        items = loads(data)
    except BaseException as error:
        return tuple(Answer(UNREADABLE, worker, error=describe(error)))
    job = Job(fn, _Given(order.base, items, order.attempt), workers=1, timeout=timeout, context=copy_context())
    job.timed, job.seeding = order.timed, seeding
    began = time.perf_counter()
    done = _run(job, worker, order.seconds) if timeout is None else _run_in_time(job, worker, order.seconds)
    seconds = time.perf_counter() - began
    spans = [(start - began, end - began) for start, end in done.spans]
    failures: dict[int, object] = {offset: describe(error) for offset, error in done.failures.items()}
    flush_output()
    return tuple(Answer(DONE, worker, seconds, spans, Packer(None, None).whole(done.values, failures)))


def _run(job: Job, worker: str, seconds: float) -> Batch:
    """Run as many items as there is time for, in this thread."""
    batch = job.feed.take(sys.maxsize)
    assert batch is not None
    task = _CallTask(job, worker, batch)
    job.context.run(current_task.set, task)
    loop = run_timed if job.timed else run_plain
    job.context.run(loop, job.fn, _until(batch.items, time.perf_counter() + seconds), batch, ())
    return batch


def _run_in_time(job: Job, worker: str, seconds: float) -> Batch:
    """The same in a thread beside this one, which looks after the timeout: what does not stop is left behind."""
    from plait._engines.executors.bystander import run_beside  # with all that it takes to stop a thread

    end = time.perf_counter() + seconds
    done: list[Batch] = []
    for part in run_beside(job, worker):
        done.append(part)
        job.feed.settle(len(part.items))
        if time.perf_counter() > end:
            job.feed.hold()
    done.sort(key=lambda part: part.base)
    whole = Batch(done[0].base, [item for part in done for item in part.items], done[0].attempt)
    for part in done:
        whole.failures |= {len(whole.values) + offset: error for offset, error in part.failures.items()}
        whole.values += part.values
        whole.spans += part.spans
    return whole


class _Given(Feed):
    """The items of one batch, with the indices they have at home."""

    def __init__(self, base: int, items: Sequence[object], attempt: int) -> None:
        super().__init__(iter(()))
        self.over = True
        self.settled = self.delivered = base
        self.taken = base + len(items)
        self.hand_back(base, items, attempt)


class _CallTask(BatchTask):
    """A worker of the executor's. It holds nothing of its own: what is set up is its thread's."""

    __slots__ = ("batch", "began", "job", "name")

    def __init__(self, job: Job, name: str, batch: Batch) -> None:
        self.job = job
        self.name = name
        self.batch = batch
        self.began = 0.0
        self.thread_id = get_ident()

    @property
    def cancelled(self) -> bool:
        return False  # nobody can tell it

    @property
    def state(self) -> WorkerState:
        return thread_state()


def _until(items: Sequence[object], end: float) -> Iterator[object]:
    """The items that can begin before `end`, and the first one."""
    for item in items:
        yield item
        if time.perf_counter() > end:
            return


def _function(number: tuple[str, int], data: bytes) -> tuple[Any, ...]:
    """The function that these bytes are, which is kept: with what its calls leave in its globals."""
    number = (number[0], number[1])
    found = _functions.get(number)
    if found is None:
        found = loads(data)
        while len(_functions) >= _KEPT:
            _functions.pop(next(iter(_functions)), None)
        _functions[number] = found
    return found


def _label(home: str) -> str:
    """Names this worker: by its machine where that is another one, else by its process."""
    from multiprocessing import current_process
    from platform import node

    return f"{current_process().name if node() == home else node()} (pid {os.getpid()})"
