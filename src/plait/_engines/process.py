"""ProcessEngine: items run in worker processes, fed by the consumer's own thread.

A worker that dies costs the item it was running. Nothing outlives the engine: workers end when their lifeline closes,
which the end of this process does as well, whatever ends it. `hosting` chooses how workers are started and reached.
"""

from __future__ import annotations

from _collections_abc import Generator, Sequence
from contextvars import ContextVar
from typing import Any

from plait._core import budget
from plait._core.batch import Batch
from plait._core.errors import UsageError
from plait._core.how_many import how_many
from plait._core.job import Job
from plait._core.mistaken import known_options
from plait._engines import hosting
from plait._engines.interface import Plan
from plait._engines.kept_there import watched
from plait._engines.remote_run import RemoteRun
from plait._engines.reserve import Reserve


class ProcessEngine:
    """Worker processes, kept warm between runs until `close`.

    Args:
        memory_bytes: the memory of its own a worker may use. A worker found above it after a batch is replaced; one
            that is above it by a quarter while it runs an item is killed, and the item fails with `MemoryExceeded`.
        context: context variables whose values, as of the call of map, the function sees in workers; the values must
            pickle. Others have their defaults there, since most hold things that belong to one process.
        portable: use only what every system has, also where there is something faster: on Linux, where the zygote or
            its way of passing descriptors is forbidden, and to try here what will happen on macOS. Elsewhere it
            changes nothing.

    Raises:
        UsageError: `memory_bytes` is not a positive number, or `context` holds something else.

    >>> import plait
    >>> with plait.Pool(plait.engines.ProcessEngine(memory_bytes=1024**3), workers=1) as pool:
    ...     pool.submit(pow, 2, 10).result()
    1024
    """

    name = "process"

    @known_options("plait.engines.ProcessEngine")
    def __init__(
        self,
        *,
        memory_bytes: int | None = None,
        context: Sequence[ContextVar[Any]] = (),
        portable: bool = False,
    ) -> None:
        if memory_bytes is not None and not (isinstance(memory_bytes, (int, float)) and memory_bytes > 0):
            raise UsageError(
                f"memory_bytes={memory_bytes!r}: expected bytes, such as 2 * 1024**3, more than 0, or None for no limit"
            )
        for variable in context:
            if not isinstance(variable, ContextVar):
                raise UsageError(f"context={context!r}: expected context variables whose values the workers shall see")
        self.context = tuple(context)
        self._reserve = Reserve(hosting.choose(portable=portable), memory_bytes=memory_bytes, context=self.context)

    def plan(self, requested: int | None, items: int | None) -> Plan:
        if requested is not None:
            workers, reason = requested, "as asked for"
        else:
            cores = budget.available_cores(budget.WORKER_BYTES)
            workers, reason = cores.count, cores.reason
        if items is not None and items < workers:
            workers, reason = max(1, items), f"no more than items: {items}"
        return Plan(workers, f"{how_many(workers, 'process', 'processes')}: {reason}")

    def run(self, job: Job) -> Generator[Batch, None, None]:
        return watched(RemoteRun(self._reserve, job).drive(), job, self._reserve.host.kind)

    def close(self) -> None:
        self._reserve.close()
