"""``plait.map``: checks the call, chooses the engine and hands back the Stream."""

from __future__ import annotations

import contextvars
import math
import operator
import os
from _collections_abc import AsyncIterable, Callable, Coroutine, Iterable
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, TypeVar, Unpack, cast, overload

from plait._core.coroutines import is_coroutine_function
from plait._core.errors import UsageError
from plait._core.feed import Feed
from plait._core.job import Job
from plait._core.mistaken import known_options
from plait._core.onlooker import ONLOOKER
from plait._core.outcome import brief
from plait._core.rate import RateLimit, parse_rate
from plait._core.star import Star
from plait._engines.interface import Engine, Lender, RunsCalls, is_engine
from plait._engines.table import engine_for, make_engine, no_engine
from plait._run.arriving import Arrivals
from plait._run.progress import Meter, Progress, start_meter
from plait._run.recording.journal import Journal, as_journal
from plait._run.report import Report
from plait._run.retry import Retry
from plait._run.run import Run
from plait._run.stream import Stream
from plait._run.worker_count import Workers, worker_count

if TYPE_CHECKING:
    from plait._run.recording.keeper import Keeper

A = TypeVar("A")
B = TypeVar("B")
R = TypeVar("R")

_ORDERS = ("input", "completion")


class MapOptions(TypedDict, total=False):
    """The options of `map` but the engine, for those who hand them on."""

    workers: Workers
    order: str
    timeout: float | None
    retry: Retry | int | None
    progress: bool | Callable[[Progress], object] | Meter
    journal: str | os.PathLike[str] | Journal | None
    rate: str | float | None


class _Options(MapOptions, total=False):
    engine: str | Engine | Lender | RunsCalls


_Items: TypeAlias = Iterable[A] | AsyncIterable[A]


@overload
def map(  # noqa: A001  an overload of it
    fn: Callable[[A], Coroutine[Any, Any, R]], items: _Items[A], /, **options: Unpack[_Options]
) -> Stream[R]: ...


@overload
def map(fn: Callable[[A], R], items: _Items[A], /, **options: Unpack[_Options]) -> Stream[R]: ...  # noqa: A001  an overload of it


@overload
def map(  # noqa: A001  an overload of it
    fn: Callable[[A, B], Coroutine[Any, Any, R]], first: _Items[A], second: _Items[B], /, **options: Unpack[_Options]
) -> Stream[R]: ...


@overload
def map(  # noqa: A001  an overload of it
    fn: Callable[[A, B], R], first: _Items[A], second: _Items[B], /, **options: Unpack[_Options]
) -> Stream[R]: ...


@overload
def map(  # noqa: A001  an overload of it
    fn: Callable[..., Coroutine[Any, Any, R]],
    first: _Items[Any],
    second: _Items[Any],
    third: _Items[Any],
    /,
    *more: _Items[Any],
    **options: Unpack[_Options],
) -> Stream[R]: ...


@overload
def map(  # noqa: A001  an overload of it
    fn: Callable[..., R],
    first: _Items[Any],
    second: _Items[Any],
    third: _Items[Any],
    /,
    *more: _Items[Any],
    **options: Unpack[_Options],
) -> Stream[R]: ...


@known_options("plait.map", wants="a function, then what to call it with: plait.map(fetch, urls)")  # type: ignore[misc]  # of what is awaited only the overloads can speak
def map(  # noqa: A001, PLR0913  the builtin's concurrent sister; users write plait.map; eight options and no more
    fn: Callable[..., R],
    /,
    *iterables: Iterable[Any] | AsyncIterable[Any],
    engine: str | Engine | Lender | RunsCalls = "auto",
    workers: Workers = None,
    order: str = "input",
    timeout: float | None = None,
    retry: Retry | int | None = None,
    progress: bool | Callable[[Progress], object] | Meter = False,
    journal: str | os.PathLike[str] | Journal | None = None,
    rate: str | float | None = None,
) -> Stream[R]:
    """The results of `fn` for every item, computed concurrently, as a `Stream`.

    Promises, on every engine and at any number of workers:
     * items are pulled only as far ahead as workers can use them; endless inputs and early stops both work;
     * results come in input order, or as completed with ``order="completion"``;
     * the first failure is raised as soon as it is known and names its item; ``.outcomes()`` gives failures as values;
     * a worker process that dies costs the item it was running and nothing else;
     * leaving the loop, an error in its body, or Ctrl-C stops the work now, and what could not be stopped is named;
     * nothing is run twice unless `retry` says so.

    Args:
        fn: called with one item, or with one item of each iterable, stopping with the shortest.
        iterables: any iterables, endless ones included, and async iterables, which are pulled in the event loop.
        engine: ``"auto"``, ``"inline"``, ``"thread"``, ``"process"``, ``"interpreter"``, ``"async"`` for coroutine
            functions, ``"dask://host:8786"``, ``"ray"``, a `Pool`, any ``concurrent.futures.Executor``, which stays
            open, or an engine object.
        workers: how many items may run at the same time; by default, or with ``"auto"``, what the machine and the
            container allow, and of threads as many as help.
        order: ``"input"`` or ``"completion"``.
        timeout: seconds that one item may run, counted from the start of its execution.
        retry: a `Retry`, or how often a failed item may be run again.
        progress: True for a progress bar, or a callable that is given a `Progress` now and then.
        journal: a file in which outcomes are recorded, or a `Journal`: run again, the map skips what is done.
        rate: how many items may start, over all workers and attempts: ``"10/s"``, ``"100/min"``, ``"5/h"``, or a
            number a second. Starts are spread evenly.

    Raises:
        UsageError: an argument that cannot mean anything.
        NotTransferable: (when iterated) the function cannot cross to the engine's workers.
        JournalError: (when iterated) the journal cannot be opened, read or written.

    >>> import plait
    >>> list(plait.map(pow, [2, 3], [5, 2], engine="thread"))
    [32, 9]
    """
    _check_call(fn, iterables, order, timeout)
    if isinstance(retry, int) and not isinstance(retry, bool):
        retry = Retry(retry)
    elif retry is not None and not isinstance(retry, Retry):
        raise UsageError(f"retry={retry!r}: expected a plait.Retry, a number of times, or None")
    call: Callable[..., R] = fn if len(iterables) == 1 else Star(fn)
    length = _length(iterables)
    runner, owned = _engine_for(fn, engine)
    plan = runner.plan(worker_count(workers), length)
    feed = _feed(iterables)
    feed.limit = None if rate is None else RateLimit(parse_rate(rate))
    job = Job(
        call,
        feed,
        workers=plan.workers,
        timeout=timeout,
        context=contextvars.copy_context(),
        timed=journal is not None or ONLOOKER.told is not None,
    )
    feed.serve(job)
    report = Report(
        engine=runner.name, workers=plan.workers, why=[plan.reason] if plan.reason else [], seed=job.seeding[0]
    )
    meter = start_meter(progress, length, getattr(fn, "__name__", "map"))
    run = Run(
        runner,
        job,
        report,
        owned=owned,
        ordered=order == "input",
        retry=retry,
        meter=meter,
        journal=None if journal is None else _keeper(as_journal(journal), call),
    )
    return Stream(run, length)


def _keeper(journal: Journal, call: Callable[..., object]) -> Keeper:
    from plait._run.recording.keeper import Keeper  # with sqlite3 and dis: only for those who keep a journal

    return Keeper(journal, call)


def _check_call(
    fn: Callable[..., object],
    iterables: tuple[Iterable[Any] | AsyncIterable[Any], ...],
    order: str,
    timeout: float | None,
) -> None:
    if not callable(fn):
        if iscoroutine(fn):
            fn.close()
        raise UsageError(
            f"plait.map({brief(fn)}, ...): expected a function first, then what to call it with: write "
            "plait.map(fetch, urls) rather than plait.map(fetch(url), urls) or plait.map(urls, fetch)"
        )
    if not iterables:
        raise UsageError("plait.map(fn): expected at least one iterable after the function")
    for items in iterables:
        if not any(hasattr(items, name) for name in ("__iter__", "__getitem__", "__aiter__")):
            raise UsageError(f"plait.map(fn, {brief(items)}): expected an iterable; {_instead_of(items)}")
    if order not in _ORDERS:
        raise UsageError(f'order={order!r}: expected "input" or "completion"')
    if timeout is not None and not (
        isinstance(timeout, (int, float)) and not isinstance(timeout, bool) and 0 < timeout < math.inf
    ):
        raise UsageError(f"timeout={timeout!r}: expected seconds per item, more than 0, or None for no limit")


def _instead_of(items: object) -> str:
    if hasattr(items, "get") and hasattr(items, "put"):
        return "iter(queue.get, END) gives what is in a queue, up to a value END; a plait.channel can be looped over"
    if callable(items):
        return "this is a function: call it to map what it gives"
    return f"to map one item, write [{items!r}]"


def _feed(iterables: tuple[Iterable[Any] | AsyncIterable[Any], ...]) -> Feed:
    both_ways = None
    if any(hasattr(items, "__aiter__") for items in iterables):
        from plait._run.async_input import async_feed  # with asyncio, which other inputs can do without

        if (found := async_feed(iterables)) is not None:
            return found
        both_ways = iterables
    plain = cast("tuple[Iterable[Any], ...]", iterables)
    source = plain[0] if len(plain) == 1 else zip(*plain, strict=False)
    if isinstance(source, Arrivals):
        return source.feed
    feed = Feed(source)
    feed.both_ways = both_ways
    return feed


def _length(iterables: tuple[Iterable[Any] | AsyncIterable[Any], ...]) -> int | None:
    """How many items there will be, if every iterable knows its length or some know theirs."""
    known = [hint for items in iterables if (hint := operator.length_hint(items, -1)) >= 0]
    return min(known) if known else None


def _engine_for(fn: Callable[..., object], engine: str | Engine | Lender | RunsCalls) -> tuple[Engine, bool]:
    """The engine for a function and whether this map must close it."""
    runner, owned = engine_of(engine)
    if not is_coroutine_function(fn) or getattr(runner, "awaits", False):
        return runner, owned
    if runner.name == "auto":
        return make_engine("async"), True
    raise UsageError(
        f"{getattr(fn, '__qualname__', fn)!r} is a coroutine function, which engine={runner.name!r} cannot await; "
        'pass engine="async", or leave engine out'
    )


def engine_of(engine: str | Engine | Lender | RunsCalls) -> tuple[Engine, bool]:
    """The engine and whether this map must close it: engines that the caller made stay warm."""
    if isinstance(engine, str):
        return make_engine(engine), True
    own = getattr(engine, "engine", engine)  # a Pool lends its engine
    if is_engine(own):
        return own, False
    if (made := engine_for(engine)) is not None:
        return made, True
    raise no_engine(engine)
