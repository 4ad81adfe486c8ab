"""``plait.scope``: starts tasks that cannot outlive its block, on any engine, from sync and async code.

1. `submit` books a `ScopeCall` with the scope's `Tasks` and gives it to a driver: a thread that drives the engine
   (`scope_driver`), or for coroutine functions in async code the running event loop (`scope_loop`).
2. Whoever ends a task resolves its `Future`. Tasks takes note; the first failure cancels the scope.
3. Cancelling tells everybody at once: waits in the body end (`cancelling.Block`), drivers stop what runs and what
   waits, scopes inside listen to the block and do the same.
4. The end of the block waits until no task is open, then ends the drivers. `scope_verdict` says what it raises.
"""

from __future__ import annotations

import inspect
import math
import weakref
from _collections_abc import AsyncIterable, Callable, Coroutine, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, Unpack, overload

from plait._core.cancelling import cancellation_point
from plait._core.coroutines import is_coroutine_function
from plait._core.errors import Cancelled, NotTransferable, UsageError
from plait._core.how_many import how_many
from plait._core.mistaken import known_options, no_attribute
from plait._core.outcome import brief
from plait._engines.interface import Engine, Lender, RunsCalls
from plait._run.future import Future
from plait._run.map import MapOptions
from plait._run.scopes.scope_call import ScopeCall
from plait._run.scopes.scope_crew import ScopeCrew
from plait._run.scopes.scope_life import Life
from plait._run.scopes.scope_race import Race
from plait._run.worker_count import Workers, worker_count

if TYPE_CHECKING:
    from plait._run.scopes.scope_loop import LoopSide
    from plait._run.stream import Stream

P = ParamSpec("P")
R = TypeVar("R")

UNINTERRUPTIBLE = True  # see `cancelling`


@known_options("plait.scope")
def scope(
    engine: str | Engine | Lender | RunsCalls = "thread",
    *,
    workers: Workers = None,
    deadline: float | None = None,
) -> Scope:
    """A block that tasks cannot outlive: ``with plait.scope() as s:``, in async code ``async with``.

    Promises, on every engine:
     * when the block has been left, every task that was started in it has ended; what could not be stopped is named;
     * the first failure cancels the other tasks, ends the next wait of the block's body, and is raised by the block:
       one error as itself, with a note that names its task, several as a group. What was cancelled is no error;
     * an error in the body cancels the tasks and is raised; so does Ctrl-C, which says what was running;
     * scopes nest, on all engines, in sync and in async code: cancelling the outer one reaches the inner ones;
     * what the end of the block waits for is said after a while: in a terminal, else in the log ``plait``.

    Args:
        engine: ``"thread"``: each task begins at once, in a thread of its own, so tasks may wait for one another;
            ``"process"``: tasks that are cancelled are killed; ``"inline"``: each runs where it is submitted; a `Pool`,
            an executor or an engine object. Coroutine functions run in an event loop whatever this says: in
            ``async with`` the one that is running, else one in a thread.
        workers: how many tasks may run at the same time; by default any number of threads, or as many processes as the
            machine and the container allow.
        deadline: seconds for the whole block; then everything is cancelled and the block raises `TaskTimeout`.

    Raises:
        UsageError: an argument that cannot mean anything.

    >>> import plait
    >>> with plait.scope() as s:
    ...     one = s.submit(pow, 2, 10)
    ...     two = s.submit(pow, 3, 3)
    >>> one.result() + two.result()
    1051
    """
    if deadline is not None and not (
        isinstance(deadline, (int, float)) and not isinstance(deadline, bool) and 0 < deadline < math.inf
    ):
        raise UsageError(f"deadline={deadline!r}: expected seconds for the block, more than 0, or None for no limit")
    return Scope(ScopeCrew(engine, worker_count(workers)), deadline)


class Scope:
    """The tasks of one block; made by `plait.scope`. Any thread and any task may submit while the block is open.

    >>> import plait
    >>> with plait.scope() as s:
    ...     power = s.submit(pow, 2, 10)
    ...     sums = list(s.map(sum, [(1, 2), (3, 4)]))
    ...     quickest = s.first(abs, [-5])
    >>> power.result(), sums, quickest
    (1024, [3, 7], 5)
    """

    STAYS_HERE = "plait.Scope, which belongs to one process; open another one in the function that runs there"

    def __init__(self, crew: ScopeCrew, deadline: float | None) -> None:
        self._crew = crew
        self._life = Life(crew, deadline)
        self._loop_side: LoopSide | None = None

    # --- what is started

    @overload
    def submit(self, fn: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]: ...

    @overload
    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]: ...

    def submit(self, fn: Callable[..., Any] | None = None, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start ``fn(*args, **kwargs)`` as a task of this scope, in a copy of the caller's context variables.

        Raises:
            Closed: the scope is over.
            Cancelled: the scope was cancelled; in its own body and tasks the submit ends by ``StopTask`` instead.
            UsageError: `fn` is no function.
        """
        if fn is None:  # where it may have been passed as `target=`, which would be an argument of the function
            raise UsageError("s.submit(): expected a function, then what to call it with: s.submit(fetch, url)")
        return self._submit(fn, args, kwargs, None)

    @overload
    def map(
        self,
        fn: Callable[..., Coroutine[Any, Any, R]],
        /,
        *iterables: Iterable[Any] | AsyncIterable[Any],
        **options: Unpack[MapOptions],
    ) -> Stream[R]: ...

    @overload
    def map(
        self, fn: Callable[..., R], /, *iterables: Iterable[Any] | AsyncIterable[Any], **options: Unpack[MapOptions]
    ) -> Stream[R]: ...

    def map(
        self, fn: Callable[..., Any], /, *iterables: Iterable[Any] | AsyncIterable[Any], **options: Unpack[MapOptions]
    ) -> Stream[Any]:
        """A `plait.map` on this scope's engine, with its other options; its work ends with the block at the latest.

        Raises:
            Closed: the scope is over.
            Cancelled: as for `submit`.
            UsageError: `fn` is no function, or an argument cannot mean anything to `plait.map`.
        """
        self._check_task(fn)
        return self._crew.map(fn, iterables, options)

    def first(self, fn: Callable[..., R] | None = None, /, *iterables: Iterable[Any]) -> Any:
        """The result of the first task that succeeds; the others are cancelled. In ``async with``: await it.

        With a function it starts a task for every item, as `map` does, until one has succeeded, and races these. Their
        failures cancel nothing as long as one may succeed. Without arguments it races all tasks that are open, and
        those that have succeeded since the last race; one that failed before this call has cancelled the scope already.

        Raises:
            the error of the only task, or a group with the errors of all, when none succeeds.
            Closed: the scope is over.
            Cancelled: as for `submit`.
            UsageError: there is no task to wait for.
        """
        cancellation_point()
        race = Race()
        if fn is None:
            self._life.tasks.race(race)
            self._check_open()
        else:
            self._check_race(fn, iterables)
            for args in zip(*iterables, strict=False):
                late = self._submit(fn, args, {}, race)
                if race.over:  # won, perhaps before this one took part
                    late.cancel()
                    break
        if race.empty:
            raise UsageError("s.first(): there is no task to wait for; submit some, or pass a function and items")
        race.start()
        in_loop = self._loop_side is not None and self._loop_side.is_here
        return race.outcome if in_loop else race.outcome.result()

    def cancel(self) -> None:
        """Stop all tasks and end the waits of the body; any thread may call it. The block then raises nothing."""
        self._life.cancel()

    if not TYPE_CHECKING:  # else type checkers would take every name for one that it has

        def __getattr__(self, name: str) -> object:
            raise no_attribute(self, "Scope", name)

    def __repr__(self) -> str:
        return f"<plait.Scope on {self._crew.name}, {how_many(len(self._life.tasks.open), 'task')}, {self._life.state}>"

    def __reduce__(self) -> str:
        raise NotTransferable(f"this is a {self.STAYS_HERE}")

    # --- the block

    def __enter__(self) -> Scope:
        life = self._life
        life.guard = weakref.ref(self, lambda _: life.abandon())  # also when Ctrl-C comes before the block has begun
        life.open(life.start_clock)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> bool:
        return self._life.leave(error)

    async def __aenter__(self) -> Scope:
        self._life.open(self._enter_loop)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> bool:
        assert self._loop_side is not None
        return await self._loop_side.leave(error)

    # --- starting

    def _enter_loop(self) -> None:
        from plait._run.scopes.scope_loop import LoopSide  # with asyncio, which sync code can do without

        self._loop_side = LoopSide(self._life, self._crew)

    def _submit(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], race: Race | None
    ) -> Future[Any]:
        life = self._life
        self._check_task(fn)
        future: Future[Any] = Future()
        item = ScopeCall(fn, args, kwargs, future)
        try:
            life.tasks.add(future, race)
            if self._loop_side is not None and is_coroutine_function(fn):
                self._loop_side.start(item)
            else:
                self._crew.start(item)
        except BaseException as error:  # also Ctrl-C at any point: the block waits for whatever it has booked
            if future.set_running_or_notify_cancel():  # else a worker has it already
                item.resolve(None, error, blamed=isinstance(error, Exception))
            raise
        if life.cancelled:  # at this moment, so that nobody may have told the driver
            life.withdraw(future)
        return future

    def _check_race(self, fn: object, iterables: tuple[Iterable[Any], ...]) -> None:
        if not callable(fn) or not iterables:
            raise UsageError(
                f"s.first({brief(fn)}): expected a function and items, or nothing to race the tasks that were submitted"
            )

    def _check_task(self, fn: object) -> None:
        if not callable(fn):
            if inspect.iscoroutine(fn):
                fn.close()
            raise UsageError(
                f"expected a function, then what to call it with, and got {brief(fn)}: write s.submit(fetch, url) "
                "rather than s.submit(fetch(url))"
            )
        self._check_open()

    def _check_open(self) -> None:
        self._life.check_open()
        if self._life.cancelled:
            cancellation_point()
            raise Cancelled("the scope was cancelled and takes no more tasks")
