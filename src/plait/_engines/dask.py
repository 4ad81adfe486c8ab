"""DaskEngine: runs items on the workers of a Dask cluster, by its scheduler's address or an existing ``Client``."""

from __future__ import annotations

from typing import Any

from plait._core.errors import PlaitError, UsageError
from plait._core.how_many import how_many
from plait._engines.executor import ExecutorEngine
from plait._engines.executors.executor_host import ExecutorHost, needs

_ADDRESS = "dask://host:8786"


class DaskEngine(ExecutorEngine):
    """Runs items on a Dask cluster: `ExecutorEngine` over the client's executor.

    Dask runs again what was lost with a worker, up to ``distributed.scheduler.allowed-failures`` times (three, unless
    the scheduler is told otherwise).

    Args:
        cluster: ``"dask://host:8786"``, ``"dask"`` for the client that the program has made, or a ``Client``, which
            stays open.

    Raises:
        UsageError: Dask is not installed, or there is no client.
        PlaitError: nobody answers at that address.
    """

    name = "dask"

    def __init__(self, cluster: Any = "dask") -> None:
        super().__init__(cluster)

    def host_of(self, executor: Any) -> ExecutorHost:
        if not isinstance(executor, str):
            return DaskHost(executor, f"Dask at {_place(executor)}", owned=False)
        scheme, _, address = executor.partition("://")
        if scheme != "dask":
            raise UsageError(f'cluster={executor!r}: expected "{_ADDRESS}", "dask", or a distributed.Client')
        if not address:
            client = _client_here()
            return DaskHost(client, f"Dask at {_place(client)}", owned=False)
        return DaskHost(_connect(address), f"Dask at {address}", owned=True)


class DaskHost(ExecutorHost):
    """A cluster, through its client. Closes the client if it is `owned`."""

    clustered = True
    forgets = True

    def __init__(self, client: Any, name: str, *, owned: bool) -> None:
        if getattr(client, "asynchronous", False):
            raise UsageError(
                f"engine={client!r}: an asynchronous client works in its event loop only; pass the address, "
                f'engine="{_ADDRESS}", or a Client made without asynchronous=True'
            )
        super().__init__(client.get_executor(pure=False))
        self.name = name
        self._client = client
        self._owned = owned

    @property
    def threads(self) -> int | None:
        return sum(self._client.nthreads().values()) or None

    def workers(self) -> tuple[int, str]:
        threads = self.threads
        if threads is None:
            return super().workers()
        workers = how_many(len(self._client.nthreads()), "worker")
        return threads, f"{how_many(threads, 'thread')} of {workers} of {self.name}"

    def is_death(self, error: BaseException) -> bool:
        from distributed import KilledWorker

        return isinstance(error, KilledWorker) or super().is_death(error)

    def close(self) -> None:
        if self._owned:
            self._client.close()


def _client_here() -> Any:
    try:
        from distributed import default_client
    except ImportError as error:
        raise needs("dask", "dask", error) from error
    try:
        return default_client()
    except ValueError as error:
        raise UsageError(
            'engine="dask": this program has no Dask client; make one, distributed.Client(), '
            f'or write engine="{_ADDRESS}"'
        ) from error


def _connect(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise needs(f"dask://{address}", "dask", error) from error
    try:
        return Client(address if "://" in address else f"tcp://{address}", set_as_default=False)
    except (OSError, ValueError) as error:
        raise PlaitError(
            f'engine="dask://{address}": no Dask scheduler answers there: {error}; one is started with `dask scheduler`'
        ) from error


def _place(client: Any) -> str:
    found = getattr(getattr(client, "scheduler", None), "address", None)
    return str(found) if found else repr(client)
