"""ExecutorHost: somebody's ``concurrent.futures`` executor as its engine sees it: how many it runs, how calls end."""

from __future__ import annotations

from _collections_abc import Callable
from typing import Any

from plait._core.budget import available_cores
from plait._core.errors import UsageError
from plait._core.importable import imported
from plait._engines.executors.borrowed import Ticket

_COUNTS = ("_max_workers", "max_workers", "num_workers")  # the standard library and loky; others; mpi4py


class ExecutorHost:
    """Somebody's executor. Nothing here shuts it down.

    Attributes:
        name: what it is called in messages.
        clustered: whether its workers are named by their machines, as there are many of them.
        ahead: whether it may be given more than it can run now.
        forgets: whether it says of calls that run, too, that they are cancelled, although they go on.
    """

    clustered = False
    ahead = True
    forgets = False

    def __init__(self, executor: Any) -> None:
        self.executor = executor
        self.name = type(executor).__name__

    @property
    def threads(self) -> int | None:
        """How many calls it runs at the same time, or None where it does not say."""
        for name in _COUNTS:
            count = getattr(self.executor, name, None)
            if isinstance(count, int) and count > 0:
                return count
        return None

    def workers(self) -> tuple[int, str]:
        """How many items may run at the same time if nobody asks for a number, and why."""
        if (threads := self.threads) is not None:
            return threads, f"{self.name} has {threads}"
        cores = available_cores()
        return cores.count, f"{self.name} does not say how many it has; {cores.reason}"

    def submit(self, call: Callable[..., object], *args: object) -> Ticket:
        """Have it run the call.

        Raises:
            Exception: it takes no more calls.
        """
        ticket: Ticket = self.executor.submit(call, *args)
        return ticket

    def is_death(self, error: BaseException) -> bool:
        """Whether a call ended in this way because its worker did."""
        futures = imported("concurrent.futures")
        return futures is not None and isinstance(error, futures.BrokenExecutor)

    def kill(self, ticket: Ticket) -> bool:
        """End a call that runs; False where that cannot be done, as with most executors."""
        return False

    def close(self) -> None:
        """Give back what was taken to reach it, but not the executor."""


def needs(engine: str, extra: str, error: ImportError) -> UsageError:
    """What to say when what an engine is made of is not installed."""
    return UsageError(f'engine="{engine}": {error}; install it with `pip install plait[{extra}]`')
