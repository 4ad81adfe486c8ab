"""Exceptions that a future or a task keeps, and that nobody asks for: Python forgets them, or logs them at best.

A thread that ends by an exception says so; a call of an executor, or a task, that does the same is silent until
somebody asks. One that nobody has asked for until the end is therefore a failure, as it would be in a thread. Not so if
its executor's other calls were asked, as by who takes the first answer and lets the others go: unless it is an
AssertionError, and no call of the executor that had failed was asked either.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

from plait._check.diagnosis import uncaught
from plait._check.record import Failure
from plait._check.stage import STAGE

if TYPE_CHECKING:
    from plait._check.controlled import Controlled
    from plait._check.execution import Execution

_LOOKED, _POOL = "_plait_looked", "_plait_pool"  # in the dictionaries of futures, and the latter of executors


class Pool:
    """What is known of the calls of one executor."""

    looked = failure_looked = False


class Kept(NamedTuple):
    """An exception in a future.

    Attributes:
        me: who raised it.
        error: what was raised.
        future: the dictionary of the future's attributes, which does not keep the future alive.
    """

    me: Controlled
    error: BaseException
    future: dict[str, Any]

    @property
    def lost(self) -> bool:
        """Whether nobody has asked for it, and it may be expected that somebody does."""
        if _LOOKED in self.future or not self.future.get("_unheard", True):  # as pools of ours note it
            return False
        pool = self.future.get(_POOL)
        if pool is None:
            return True
        return not (pool.failure_looked if isinstance(self.error, AssertionError) else pool.looked)


class Unasked:
    """Those of one execution."""

    def __init__(self) -> None:
        self._kept: list[Kept] = []
        self._logged: list[tuple[Controlled, BaseException, str]] = []

    def keep(self, me: Controlled, error: BaseException, future: dict[str, Any]) -> None:
        """A future has got an exception."""
        self._kept.append(Kept(me, error, future))

    def log(self, me: Controlled, error: BaseException, what: str) -> None:
        """A "task" or "asyncio future" is thrown away that nobody has asked: asyncio writes that to the log."""
        self._logged.append((me, error, what))

    def failure(self, execution: Execution) -> Failure | None:
        """How the execution, which is over, has failed by the first exception that is lost. All of them are let go."""
        futures = [(one.me, one.error, "future") for one in self._kept if one.lost]
        lost = next(iter(futures or self._logged or _in_tasks(execution)), None)
        self._kept, self._logged = [], []
        if lost is None:
            return None
        me, error, what = lost
        return uncaught(execution, me, error)._replace(unasked=what)


def _in_tasks(execution: Execution) -> list[tuple[Controlled, BaseException, str]]:
    """The exceptions of tasks that are still there, and that nobody has asked, as asyncio notes it."""
    tasks = [(me, me.task) for me in execution.threads if me.kind == "task"]
    kept = [(me, task) for me, task in tasks if task is not None and getattr(task, "_log_traceback", False)]
    return [(me, error, "task") for me, task in kept if isinstance(error := task._exception, Exception)]


def of_futures() -> Iterator[tuple[type, str, Callable[..., Any]]]:
    """What is replaced: the class, the name of its method, and what stands in for that."""
    yield Future, "set_exception", _keeping(Future.set_exception)
    for name in ("result", "exception", "_get_snapshot"):  # the last one since Python 3.15
        if hasattr(Future, name):
            yield Future, name, _looking(getattr(Future, name))
    yield Future, "add_done_callback", _calling_back(Future.add_done_callback)
    yield ThreadPoolExecutor, "submit", _submitting(ThreadPoolExecutor.submit)


def of_results() -> Iterator[tuple[type, str, Callable[..., Any]]]:
    """The same of what ``multiprocessing.pool`` has, which is imported by now."""
    result: Any = sys.modules["multiprocessing.pool"].ApplyResult
    for kind in (result, *result.__subclasses__()):
        if "_set" in vars(kind):
            yield kind, "_set", _setting(kind._set)
    for name in ("get", "successful"):
        yield result, name, _looking(getattr(result, name))


def _keep(error: object, future: dict[str, Any]) -> None:
    """A future, of which these are the attributes, gets an exception from a thread that may be under control."""
    execution = STAGE.execution
    me = None if execution is None or execution.aborting else execution.here()
    if execution is not None and me is not None and isinstance(error, Exception):
        if not isinstance(error, CancelledError):
            execution.unasked.keep(me, error, future)


def _setting(real: Callable[..., None]) -> Callable[..., None]:
    """What stands in for the method by which a result of ``multiprocessing.pool`` gets what its call has given."""

    @wraps(real)
    def set_(self: Any, part: int, given: tuple[bool, Any]) -> None:
        known, (worked, error) = self.__dict__, given
        if self._pool is not None:
            known.setdefault(_POOL, self._pool.__dict__.setdefault(_POOL, Pool()))
        if not worked and self._error_callback is None:
            _keep(error, known)
        real(self, part, given)

    return set_


def _keeping(real: Callable[..., None]) -> Callable[..., None]:
    """What stands in for `Future.set_exception`."""

    @wraps(real)
    def set_exception(self: Future[Any], exception: BaseException | None) -> None:
        _keep(exception, self.__dict__)
        real(self, exception)

    return set_exception


def _looking(real: Callable[..., Any]) -> Callable[..., Any]:
    """What stands in for a method of a future that somebody calls who wants to know how the call has ended."""

    @wraps(real)
    def looks(self: Any, *args: Any, **options: Any) -> Any:
        known = self.__dict__
        known[_LOOKED] = True
        pool = known.get(_POOL)
        if pool is None:
            return real(self, *args, **options)
        pool.looked = True
        try:
            return real(self, *args, **options)
        finally:
            failed = known.get("_exception") is not None or known.get("_success") is False
            pool.failure_looked = pool.failure_looked or failed
            del self  # the traceback of what is raised refers to this frame

    return looks


def _calling_back(real: Callable[..., None]) -> Callable[..., None]:
    """What stands in for `Future.add_done_callback`: who is called back may look."""
    looks = _looking(real)

    @wraps(real)
    def add_done_callback(self: Future[Any], fn: Callable[..., object]) -> None:
        asyncio_asks = getattr(fn, "__qualname__", "").endswith("._call_check_cancel")  # whether it was cancelled
        (real if asyncio_asks else looks)(self, fn)

    return add_done_callback


def _submitting(real: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    """What stands in for `ThreadPoolExecutor.submit`: its futures know of each other."""

    @wraps(real)
    def submit(self: Any, /, *args: Any, **options: Any) -> Future[Any]:
        future = real(self, *args, **options)
        future.__dict__[_POOL] = self.__dict__.setdefault(_POOL, Pool())
        return future

    return submit
