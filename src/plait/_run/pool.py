"""``plait.Pool``: a ``concurrent.futures.Executor`` over any engine, whose workers stay warm."""

from __future__ import annotations

import itertools
import os
import time
import weakref
from _collections_abc import Callable, Generator, Iterable, Iterator, Sequence
from collections import deque
from concurrent.futures import Executor
from contextvars import ContextVar
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from plait._core.batch import Batch
from plait._core.coroutines import is_coroutine_function
from plait._core.errors import NotTransferable, PoolBroken, UsageError
from plait._core.how_many import how_many
from plait._core.job import Job
from plait._core.mistaken import known_options, no_attribute
from plait._core.quota import Quota
from plait._engines.interface import Engine, Plan, RunsCalls, is_engine
from plait._engines.table import engine_for, make_engine, no_engine
from plait._run.future import Future
from plait._run.pool_call import Call, Prepared, call
from plait._run.pool_driver import PoolDriver
from plait._run.pool_future import PoolFuture
from plait._run.worker_count import Workers, worker_count

P = ParamSpec("P")
R = TypeVar("R")

_SHARE_MEMORY = ("thread", "inline")  # the engines whose workers do


class Pool(Executor):
    """A ``concurrent.futures.Executor`` on threads, processes or any other engine.

    It does what the standard library's executors do, wherever one is taken (``loop.run_in_executor``, ``as_completed``,
    libraries with an ``executor=``), with these differences, all of them promises:
     * a worker process that dies costs the call it was running, whose future raises `WorkerDied`; the pool goes on;
     * functions cross to processes by value when they must: lambdas, closures, ``__main__``;
     * on threads a call runs in a copy of the submitter's context variables;
     * its futures can be awaited, and one whose `result` takes too long says which call it is;
     * Ctrl-C while the pool is waited for cancels what has not been started, a second one stops what is running;
     * ``plait.map(..., engine=pool)`` runs on the pool's warm processes or interpreters, where maps and calls at the
       same time take turns; on threads each map has `workers` of its own;
     * in a forked child the pool works on, with workers of its own.

    Args:
        engine: ``"thread"``, ``"process"``, ``"interpreter"``, ``"inline"``, ``"async"`` for coroutine functions,
            ``"dask://host:8786"``, or an engine object or executor, which outlives the pool. ``"auto"`` means threads:
            the calls of a pool differ, so there is no one function to choose for.
        workers: how many calls may run at the same time (``max_workers`` of the standard library); by default what the
            engine advises for this machine.
        initializer: called once in each worker before its first call; if it raises, the pool is broken.
        initargs: the arguments of the initializer.

    Raises:
        UsageError: an argument that cannot mean anything.

    >>> import plait
    >>> with plait.Pool("thread", workers=2) as pool:
    ...     future = pool.submit(pow, 2, 10)
    ...     future.result()
    1024
    """

    STAYS_HERE = "plait.Pool, which belongs to one process; make another one in the function that runs there"

    @known_options("plait.Pool")
    def __init__(
        self,
        engine: str | Engine | RunsCalls = "auto",
        workers: Workers = None,
        *,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        if initializer is not None and not callable(initializer):
            raise TypeError(f"initializer={initializer!r}: expected a function to call in each worker, or None")
        if not isinstance(engine, str) and not is_engine(engine):
            engine = _over(engine)
        self._engine_choice: str | Engine = "thread" if engine == "auto" else engine
        self._workers = worker_count(workers)
        self._initializer = initializer
        self._initargs = tuple(initargs)
        self._open()

    def _open(self) -> None:
        """Make the engine and its driver: at the start, and again in a forked child."""
        choice = self._engine_choice
        owned = isinstance(choice, str)
        self._pid = os.getpid()
        self._token = os.urandom(8).hex()
        self._own_engine = make_engine(choice) if isinstance(choice, str) else choice
        self._variables: tuple[ContextVar[Any], ...] = getattr(self._own_engine, "context", ())
        self._plan = self._own_engine.plan(self._workers, None)
        self._quota = Quota(self._plan.workers)
        self._driver = PoolDriver(
            self._own_engine,
            self._prepared(self._caller()),
            workers=self._plan.workers,
            owned=owned,
            token=self._token,
            quota=self._quota,
        )
        self._finalizer = weakref.finalize(self, self._driver.feed.end)
        self._finalizer.atexit = False

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """A future for ``fn(*args, **kwargs)``, which runs on the next free worker.

        Raises:
            RuntimeError: the pool was shut down, or the interpreter is exiting.
            PoolBroken: the initializer or the engine failed.
            UsageError: a coroutine function, on an engine that cannot await it.
        """
        self._refuse(fn)
        submitted = Call(fn, args, kwargs, None, self._variables)
        future: PoolFuture[R] = PoolFuture()
        future.call = submitted
        submitted.future = cast("PoolFuture[object]", future)
        self._alive().put(submitted)
        return future

    def map(
        self,
        fn: Callable[..., R],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[R]:
        """The results of `fn` for the items of `iterables`, in order, as ``Executor.map`` gives them.

        Every call is submitted at once, unless `buffersize` bounds how many are ahead of the consumer.
        `plait.map` with ``engine=pool`` is lazy, keeps all results when one fails, and batches by itself.

        Args:
            fn: called with one item of each iterable.
            iterables: finite, unless `buffersize` is given.
            timeout: seconds from this call to the last result.
            chunksize: how many calls travel to another process together; the first failure of a chunk stands for all
                of it. Where nothing travels it has no effect, as in the standard library.
            buffersize: how many chunks may be submitted and not consumed yet.

        Raises:
            TypeError, UsageError: a chunksize or buffersize that is no whole number, or below 1.
            TimeoutError: (when iterated) a result was not there in time.
        """
        for name, value, wording in (("chunksize", chunksize, ""), ("buffersize", buffersize, "None or ")):
            if value is None and wording:
                continue
            if not isinstance(value, int):
                raise TypeError(f"{name}={value!r}: {name} must be an integer{' or None' if wording else ''}")
            if value < 1:
                raise UsageError(f"{name}={value!r}: {name} must be {wording}> 0")
        self._refuse(fn)
        end = None if timeout is None else time.monotonic() + timeout
        items: Iterator[tuple[Any, ...]] = zip(*iterables, strict=False)
        if chunksize == 1 or self._awaits or self._own_engine.name in _SHARE_MEMORY:
            return _results(partial(self.submit, fn), items, end, buffersize)
        chunks: Iterator[tuple[Any, ...]] = iter(lambda: tuple(itertools.islice(items, chunksize)), ())
        whole: Iterator[list[R]] = _results(partial(self.submit, _run_chunk, fn), chunks, end, buffersize)
        return _flat(whole)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; by default return when those submitted have ended and the workers are gone.

        Args:
            wait: whether to wait for that. Without, it happens in the background.
            cancel_futures: cancel the calls that have not been started.

        Raises:
            RuntimeError: with `wait`, when a task of this pool calls it.
        """
        driver = self._alive()
        driver.feed.close(_after_shutdown)
        if cancel_futures:
            driver.cancel_pending()
        if wait:
            driver.join()

    @property
    def engine(self) -> Engine:
        """The engine, for ``plait.map(..., engine=pool)``: it uses the pool's workers and its initializer.

        Raises:
            RuntimeError: the pool was shut down.
            PoolBroken: its initializer failed.
        """
        self._alive().start()  # so that somebody closes the engine, whatever becomes of this object
        return LentEngine(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> bool | None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self._alive().interrupt()
        self.shutdown(wait=True)
        return None

    def __repr__(self) -> str:
        return f"<plait.Pool on {self._own_engine.name}, {how_many(self._plan.workers, 'worker')}>"

    if not TYPE_CHECKING:  # else type checkers would take every name for one that it has

        def __getattr__(self, name: str) -> object:
            raise no_attribute(self, "Pool", name)

    @property
    def _max_workers(self) -> int:
        """As the standard library's executors call it; Dask and others read it there."""
        return self._plan.workers

    @property
    def _broken(self) -> PoolBroken | None:
        """As the standard library's executors call it."""
        return self._driver.broken

    def __reduce__(self) -> str:
        raise NotTransferable(f"this is a {self.STAYS_HERE}")

    def _alive(self) -> PoolDriver:
        """The driver of this process: after a fork the parent's threads and workers are not ours to use or to end."""
        if self._pid != os.getpid():
            shut_down = self._driver.feed.refusal is not None
            self._finalizer.detach()
            self._open()
            if shut_down:
                self._driver.feed.close(_after_shutdown)
        return self._driver

    @property
    def _awaits(self) -> bool:
        return bool(getattr(self._own_engine, "awaits", False))

    def _refuse(self, fn: Callable[..., object]) -> None:
        if is_coroutine_function(fn) and not self._awaits:
            raise UsageError(
                f"{getattr(fn, '__qualname__', fn)!r} is a coroutine function, which a pool on "
                f'{self._own_engine.name!r} cannot await; use plait.Pool("async")'
            )

    def _caller(self) -> Callable[..., object]:
        if not self._awaits:
            return call
        from plait._run.pool_awaiting import await_call  # with asyncio, which other pools can do without

        return await_call

    def _prepared(self, fn: Callable[..., object]) -> Callable[..., object]:
        if self._initializer is None:
            return fn
        if self._awaits:
            from plait._run.pool_awaiting import PreparedAwaiting

            return PreparedAwaiting(fn, self._initializer, self._initargs, self._token)
        return Prepared(fn, self._initializer, self._initargs, self._token)


class LentEngine:
    """A pool's engine as a map sees it: with the pool's number of workers and its initializer. Keeps the pool alive."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.name = pool._own_engine.name
        self.awaits = pool._awaits

    @property
    def driver(self) -> PoolDriver:
        """What runs the pool's calls."""
        return self._pool._alive()

    @property
    def context(self) -> Sequence[ContextVar[Any]]:
        """The context variables whose values the pool's engine sends along."""
        return getattr(self._pool._own_engine, "context", ())

    def plan(self, requested: int | None, items: int | None) -> Plan:
        """No more workers than the pool has."""
        most = self._pool._plan.workers
        return self._pool._own_engine.plan(most if requested is None else min(requested, most), items)

    def run(self, job: Job) -> Generator[Batch, None, None]:
        """Run the job on the pool's workers."""
        job.fn = self._pool._prepared(job.fn)
        job.quota = self._pool._quota
        return self._pool._own_engine.run(job)

    def close(self) -> None:
        """The pool closes its engine."""


def _over(executor: object) -> Engine:
    """An engine over somebody else's executor."""
    made = None if isinstance(executor, Pool) else engine_for(executor)
    if made is None:
        raise no_engine(executor, "a concurrent.futures executor, or an engine object")
    return made


def _after_shutdown() -> RuntimeError:
    return RuntimeError("cannot schedule new futures after shutdown")


def _run_chunk(fn: Callable[..., R], *chunk: tuple[Any, ...]) -> list[R]:
    return [fn(*args) for args in chunk]


def _results(
    submit: Callable[..., Future[R]], calls: Iterator[tuple[Any, ...]], end: float | None, buffersize: int | None
) -> Iterator[R]:
    """Submit the calls, as far as the buffer goes, before the first result is asked for."""
    futures = deque(submit(*args) for args in itertools.islice(calls, buffersize))
    if buffersize is None:
        return _refilled(futures, None, end)  # the results of a pool that nobody uses any more are still to be had
    return _refilled(futures, (submit(*args) for args in calls), end)


def _refilled(futures: deque[Future[R]], more: Iterator[Future[R]] | None, end: float | None) -> Iterator[R]:
    try:
        while futures:
            if more is not None and (future := next(more, None)) is not None:
                futures.append(future)
            future = None
            yield _result_or_cancel(futures.popleft(), end)
    finally:
        for future in futures:
            future.cancel()
            if isinstance(future, PoolFuture):  # the first failure has been raised, or nobody wants the rest
                future.overlook()


def _result_or_cancel(future: Future[R], end: float | None) -> R:
    try:
        try:
            return future.result(None if end is None else end - time.monotonic())
        finally:
            future.cancel()
    finally:
        del future  # it holds the exception, whose traceback holds this frame


def _flat(chunks: Iterator[list[R]]) -> Iterator[R]:
    """The results one by one; a result that was handed over is no longer referred to."""
    for chunk in chunks:
        chunk.reverse()
        while chunk:
            yield chunk.pop()
