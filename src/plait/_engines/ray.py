"""RayEngine: runs items as tasks of a Ray cluster, which can end a task that runs by killing its worker."""

from __future__ import annotations

from _collections_abc import Callable
from typing import Any

from plait._core.errors import PlaitError, UsageError
from plait._core.how_many import how_many
from plait._engines.executor import ExecutorEngine
from plait._engines.executors.borrowed import Ticket
from plait._engines.executors.executor_host import ExecutorHost, needs


class RayEngine(ExecutorEngine):
    """Runs items on a Ray cluster: the one the program is connected to, else that which ``ray.init`` finds or starts.

    The connection stays, as Ray has it, until the program ends or calls ``ray.shutdown``.

    Args:
        cluster: ``"ray"``, or ``"ray://host:10001"`` for the address of a cluster.

    Raises:
        UsageError: Ray is not installed, or the program is connected to another cluster.
        PlaitError: nobody answers at that address.
    """

    name = "ray"

    def __init__(self, cluster: str = "ray") -> None:
        super().__init__(cluster)

    def host_of(self, executor: Any) -> ExecutorHost:
        scheme, _, address = str(executor).partition("://")
        if scheme != "ray":
            raise UsageError(f'cluster={executor!r}: expected "ray" or "ray://host:10001"')
        return RayHost(_connected(str(executor) if address else None))


class RayHost(ExecutorHost):
    """The cluster that the program is connected to. Each call is a task of one core, and never run again by Ray."""

    clustered = True
    ahead = False  # nobody says which tasks have begun, and those that have not are cancelled by killing, too

    def __init__(self, ray: Any) -> None:
        super().__init__(ray)
        self.name = "Ray"
        self._remotes: dict[Callable[..., object], Any] = {}

    @property
    def threads(self) -> int | None:
        return int(self.executor.cluster_resources().get("CPU", 0)) or None

    def workers(self) -> tuple[int, str]:
        cores = self.threads
        return super().workers() if cores is None else (cores, f"{how_many(cores, 'core')} of the Ray cluster")

    def submit(self, call: Callable[..., object], *args: object) -> Ticket:
        if call not in self._remotes:
            self._remotes[call] = self.executor.remote(max_retries=0)(call)
        return RayTicket(self._remotes[call].remote(*args))

    def is_death(self, error: BaseException) -> bool:
        errors = self.executor.exceptions
        died = (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError, errors.TaskCancelledError)
        return isinstance(error, died) or super().is_death(error)

    def kill(self, ticket: Ticket) -> bool:
        assert isinstance(ticket, RayTicket)
        self.executor.cancel(ticket.reference, force=True)
        return True


class RayTicket:
    """The future of a task, and the reference by which Ray knows it."""

    def __init__(self, reference: Any) -> None:
        self.reference = reference
        self._future = reference.future()

    def cancel(self) -> bool:
        """Never: Ray does not tell whether it has begun; the host's `kill` ends it either way."""
        return False

    def cancelled(self) -> bool:
        """As a future has it."""
        return bool(self._future.cancelled())

    def done(self) -> bool:
        """As a future has it."""
        return bool(self._future.done())

    def result(self) -> object:
        """As a future has it."""
        return self._future.result()

    def exception(self) -> BaseException | None:
        """As a future has it."""
        error: BaseException | None = self._future.exception()
        return error

    def add_done_callback(self, fn: Callable[[Ticket], object], /) -> None:
        """As a future has it; `fn` is given this ticket."""
        self._future.add_done_callback(lambda _: fn(self))


def _connected(address: str | None) -> Any:
    """The module `ray`, with a cluster behind it."""
    try:
        import ray
    except ImportError as error:
        raise needs(address or "ray", "ray", error) from error
    if ray.is_initialized():
        here = ray.util.client.ray.is_connected()
        if address is not None and not here:
            raise UsageError(
                f'engine="{address}": this program is connected to another Ray cluster; engine="ray" uses that one'
            )
        return ray
    try:
        ray.init(address=address)
    except (ConnectionError, OSError, ValueError, RuntimeError) as error:
        raise PlaitError(f'engine="{address or "ray"}": no Ray cluster answers: {error}') from error
    return ray
