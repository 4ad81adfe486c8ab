"""Importing this registers ``"plait"`` as a backend of joblib, so that all that uses joblib runs on plait's workers.

>>> import joblib
>>> import plait.joblib_backend
>>> with joblib.parallel_config(backend="plait", n_jobs=2):
...     joblib.Parallel()(joblib.delayed(pow)(n, 2) for n in range(4))
[0, 1, 4, 9]
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from plait._core.budget import available_cores
from plait._core.errors import UsageError
from plait._engines.interface import Engine, RunsCalls
from plait._engines.table import engine_for, make_engine
from plait._run.pool import Pool

try:
    from joblib import register_parallel_backend
    from joblib.parallel import AutoBatchingMixin, FallbackToBackend, ParallelBackendBase, SequentialBackend
except ImportError as missing:
    raise ImportError(f"{missing}; the backend is for joblib: `pip install plait[joblib]`") from missing

if TYPE_CHECKING:
    from joblib import Parallel

__all__ = ["PlaitBackend"]

_ALL = -1
_OF_THIS_MACHINE = ("process", "thread", "interpreter")


class PlaitBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc]  # joblib ships no types
    """Runs what ``joblib.Parallel`` is given on a `plait.Pool`: functions by value, a worker that dies by name, a stop.

    Its workers stay warm from call to call as long as it is there: in a block of ``joblib.parallel_config`` to the end.

    Args:
        engine: ``"process"``, or any other that a `plait.Pool` takes: ``"thread"``, a cluster, an executor.
        nesting_level: joblib's own.
    """

    supports_retrieve_callback = True
    default_n_jobs = _ALL

    def __init__(
        self, engine: str | Engine | RunsCalls = "process", nesting_level: int | None = None, **others: Any
    ) -> None:
        super().__init__(nesting_level=nesting_level)
        given = sorted(name for name, value in others.items() if value is not None)
        if given:
            raise UsageError(
                f'backend="plait" has no option {given[0]!r}; it has engine="process", "thread" and others'
            )
        self.engine = engine
        self.uses_threads = self.supports_sharedmem = engine == "thread"
        self.parallel: Parallel | None = None
        self._pool: Pool | None = None
        self._count = 0

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """How many calls run at the same time when so many are asked for; below 0 all cores but some, as in joblib.

        Raises:
            ValueError: 0 are asked for.
        """
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning; write n_jobs=1, or n_jobs=-1 for all cores")
        if n_jobs is None:
            return 1
        return n_jobs if n_jobs > 0 else max(1, self._workers() + 1 + n_jobs)

    def configure(self, n_jobs: int | None = 1, parallel: Parallel | None = None, **_: Any) -> int:
        """Get ready for a call of ``Parallel``; how many workers it has."""
        count = self.effective_n_jobs(n_jobs)
        if count == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        self.parallel = parallel
        if self._pool is None or self._count != count:
            self._end_pool()
            self._pool, self._count = Pool(self.engine, count), count
        return count

    def submit(self, func: Callable[[], Any], callback: Callable[[Future[Any]], Any] | None = None) -> Future[Any]:
        """Have a batch of calls run."""
        assert self._pool is not None
        future = self._pool.submit(func)
        if callback is not None:
            future.add_done_callback(_Once(callback))
        return future

    def retrieve_result_callback(self, out: Future[Any]) -> Any:
        """What the calls of a batch have returned, or the error of the first that failed."""
        return out.result()

    def terminate(self) -> None:
        """The call of ``Parallel`` is over; the workers stay for the next one, as long as this object is there."""
        self.parallel = None
        self.reset_batch_stats()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Stop what runs, now; with `ensure_ready`, be there for more."""
        if self._pool is not None:
            self._pool._alive().abort()
            self._end_pool()
        if ensure_ready and self.parallel is not None:
            self.configure(self.parallel.n_jobs, self.parallel)

    def _end_pool(self) -> None:
        if self._pool is not None:
            pool, self._pool = self._pool, None
            pool.shutdown()

    def _workers(self) -> int:
        if self.engine in _OF_THIS_MACHINE:
            return available_cores().count
        made = make_engine(self.engine) if isinstance(self.engine, str) else engine_for(self.engine)
        engine = made or self.engine
        try:
            return engine.plan(None, None).workers  # type: ignore[union-attr]  # what no engine can be made for is one
        finally:
            if made is not None:
                made.close()


class _Once:
    """Calls what it is given, once. A future keeps its callbacks, and joblib's keep their future, and with it us."""

    def __init__(self, callback: Callable[[Future[Any]], Any]) -> None:
        self._callback: Callable[[Future[Any]], Any] | None = callback

    def __call__(self, future: Future[Any]) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback(future)


register_parallel_backend("plait", PlaitBackend)
