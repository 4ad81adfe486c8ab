"""What an engine is: three methods. A new engine is one file that has them and one line in `table`."""

from __future__ import annotations

from _collections_abc import Generator
from typing import Any, NamedTuple, Protocol, TypeGuard

from plait._core.batch import Batch
from plait._core.job import Job


class Plan(NamedTuple):
    """How many workers a run will have at most, and the reason in words."""

    workers: int
    reason: str


IDLE = Batch(-1, ())  # what `run_here` yields when nothing is finished now: a batch without items


class Engine(Protocol):
    """Runs the batches of jobs on workers of one kind.

    Promises every engine keeps (``plait.testing`` checks them):
     * `run` pulls: it takes the next batch from ``job.feed`` when a worker is free, never beyond the feed's window;
     * it yields each batch when it is finished, in any order, with one value or failure per item, and ends when
       ``job.feed.finished``; the consumer settles and delivers what was yielded before it asks for more;
     * closing the generator, an exception thrown into it, and ``job.cancelled`` stop the work at once; workers that
       cannot be stopped are listed in ``job.tally.abandoned``;
     * an item in ``job.revoked`` ends as `Cancelled`, whether it waits (``job.feed.withdraw``) or runs, unless it has
       ended; the other items are not affected;
     * a failure of one item, whatever it is, is that item's failure and nobody else's;
     * several runs may be driven at the same time by different threads;
     * functions run with a `Task` of their worker in ``current_task``, which knows its ``thread_id`` and the job's
       ``seeding``, and whose ``end_state`` the worker calls as the last thing it does, unless it is killed.

    An engine that runs coroutine functions, and no others, has an attribute ``awaits = True``. It may have one more
    method, ``run_here(job, bell)``: as `run`, in the event loop that is running, yielding `IDLE` where `run` would
    wait; whoever iterates goes on when the bell has rung.
    """

    name: str

    def plan(self, requested: int | None, items: int | None) -> Plan:
        """How many workers a run of `items` items (None: unknown) gets when `requested` were asked for (or None)."""
        ...

    def run(self, job: Job) -> Generator[Batch, None, None]:
        """Finished batches of the job; drives the work from the thread that iterates."""
        ...

    def close(self) -> None:
        """End idle workers and free what the engine holds."""
        ...


def is_engine(thing: object) -> TypeGuard[Engine]:
    """Whether it has an engine's methods; ``isinstance`` on a protocol would take longer than a small map."""
    return not isinstance(thing, type) and all(
        callable(getattr(thing, name, None)) for name in ("plan", "run", "close")
    )


class RunsCalls(Protocol):
    """A ``concurrent.futures.Executor``, or what does as one, such as the client of a cluster."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        """A future for the call."""
        ...

    def shutdown(self) -> Any:
        """Take no more calls; nothing here asks for that."""
        ...


class Lender(Protocol):
    """Lends its engine to maps, as a `Pool` does."""

    @property
    def engine(self) -> Engine:
        """The engine, which stays open when a map over it ends."""
        ...
