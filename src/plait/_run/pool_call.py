"""Call: one submitted call, and Prepared, which runs a pool's initializer first. Process workers import this file."""

from __future__ import annotations

import logging
import threading
import time
from _collections_abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextvars import Context, copy_context

from plait._core.cancelling import current_block
from plait._core.current import Task, current_task
from plait._core.errors import PoolBroken, StopTask
from plait._core.onlooker import ONLOOKER
from plait._core.our_frames import without_our_frames
from plait._engines.carried import carried

TYPE_CHECKING = False
if TYPE_CHECKING:  # process workers import this file
    from contextvars import ContextVar
    from typing import Any

    from plait._run.prepared_globals import PreparedGlobals

_NOTHING: Mapping[str, object] = {}
LOGGER = logging.getLogger("concurrent.futures")  # where the standard library's executors log


class Call:
    """``fn(*args, **kwargs)`` and the future that waits for it.

    A worker that shares this process's memory resolves the future itself, in the context of the submitter. Another
    process is sent a `RemoteCall`; the driver resolves the future when the value comes back. Whoever resolves it lets
    go of everything here, so that nothing outlives the call.

    Attributes:
        variables: the context variables whose values go along to another process.
    """

    __slots__ = ("args", "context", "fn", "future", "index", "kwargs", "thread", "variables", "worker")

    def __init__(
        self,
        fn: Callable[..., object],
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        future: Future[object] | None,
        variables: Sequence[ContextVar[Any]] = (),
    ) -> None:
        self.fn: Callable[..., object] | None = fn
        self.args = args
        self.kwargs = kwargs
        self.context: Context | None = copy_context()
        self.future: Future[object] | None = future
        self.variables = variables
        self.index = -1  # its place among the items of the job, once a worker has taken it
        self.thread = 0
        self.worker = ""  # the one that ran it, once it has ended

    def __call__(self) -> None:
        context, fn = self.context, self.fn
        if context is None or fn is None:
            return  # resolved from outside before it could start
        self.thread = threading.get_ident()
        words, began = (repr(self), time.perf_counter()) if ONLOOKER.ran is not None else ("", 0.0)
        try:
            value = context.run(run_as, current_task.get(None), fn, self.args, self.kwargs)
        except StopTask:
            raise  # the engine is being stopped; the driver resolves what is left
        except BaseException as error:
            _tell(words, began, failed=True)
            self.resolve(None, error.with_traceback(without_our_frames(error.__traceback__)))
        else:
            if began:
                _tell(words, began, failed=False)
            self.resolve(value, None)

    def __reduce__(self) -> tuple[type[RemoteCall], tuple[object, ...]]:
        values = (self._values(),) if self.variables else ()
        return RemoteCall, (carried(self.fn), self.args, self.kwargs, *values)

    def plait_parts(self) -> Iterator[tuple[str, object]]:
        """What is sent to another process, and what people call it."""
        from plait._run.call_words import named_arguments  # process workers import this file

        yield getattr(self.fn, "__name__", "the function"), self.fn
        yield from named_arguments(self.fn, self.args, self.kwargs)
        yield from ((f"the context variable {variable.name}", value) for variable, value in self._values())

    def __repr__(self) -> str:
        from plait._run.call_words import call_in_words

        return "a call that is over" if self.fn is None else call_in_words(self.fn, self.args, self.kwargs)

    def resolve(self, value: object, error: BaseException | None) -> None:
        """Give the future its value or error, unless somebody did, and let go of the call."""
        future = self.future
        words = "" if error is None else self._explain(error)
        self._let_go()
        if future is None:
            return
        try:
            if error is None:
                future.set_result(value)
            elif words:
                future.set_failed(error, words)  # type: ignore[attr-defined]  # the future of a pool's call
            else:
                future.set_exception(error)
        except InvalidStateError:
            return  # the work was stopped meanwhile, and the future says so
        except BaseException:  # a callback raised SystemExit or the like: it must not end the worker
            LOGGER.critical("a callback of %r raised", future, exc_info=True)

    def _explain(self, error: BaseException) -> str:
        """Have an error that people know say what to do; what a call of a pool is called that has failed."""
        fn = self.fn
        if type(error) is TypeError and fn is not None:
            from plait._run.call_advice import note_submit_advice  # process workers import this file

            note_submit_advice(error, fn, self.args, self.kwargs)
        else:
            from plait._run.known_errors import note_known_error  # as above

            note_known_error(error)
        return repr(self) if type(self) is Call else ""

    def start(self) -> bool:
        """Mark the future as running; False if it was cancelled, which its waiters are told now."""
        future = self.future
        if future is not None and future.set_running_or_notify_cancel():
            return True
        self._let_go()
        return False

    def cancel(self) -> None:
        """Cancel a call that was not started, and tell those who wait for it."""
        if self.future is not None:
            self.future.cancel()
            self.start()

    def _values(self) -> list[tuple[ContextVar[Any], object]]:
        context = self.context or Context()
        return [(variable, context[variable]) for variable in self.variables if variable in context]

    def _let_go(self) -> None:
        self.future = self.fn = self.context = None
        self.args, self.kwargs = (), _NOTHING

    def fail(self, error: BaseException) -> None:
        """Resolve a call that will not be started."""
        if self.start():
            self.resolve(None, error)


def _tell(words: str, began: float, *, failed: bool) -> None:
    if began and ONLOOKER.ran is not None:
        ONLOOKER.ran(words, began, failed)


class RemoteCall:
    """A Call as another process sees it."""

    __slots__ = ("args", "fn", "kwargs", "variables")

    def __init__(
        self,
        fn: Callable[..., object],
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        variables: Sequence[tuple[ContextVar[Any], object]] = (),
    ) -> None:
        self.fn = fn
        self.args = args
        self.kwargs = kwargs
        self.variables = variables

    def __call__(self) -> object:
        if not self.variables:
            return self.fn(*self.args, **self.kwargs)
        return copy_context().run(self._with_variables)

    def _with_variables(self) -> object:
        for variable, value in self.variables:
            variable.set(value)
        return self.fn(*self.args, **self.kwargs)

    def __repr__(self) -> str:
        return f"{getattr(self.fn, '__qualname__', self.fn)}{self.args!r}"


def call(item: Callable[[], object]) -> object:
    """What a pool's job runs for each item."""
    return item()


def not_prepared(how: str, token: str, words: str = "") -> PoolBroken:
    """What becomes of a call before which the pool's initializer has failed."""
    return PoolBroken(f"the pool's initializer {how}; the pool cannot be used any more, make a new one{words}", token)


def set_in(context: Context, before: Context) -> list[tuple[ContextVar[Any], object]]:
    """The context variables that an initializer has set, which ran in this copy of the context `before`; not our own.

    >>> from contextvars import ContextVar
    >>> context, name = Context(), ContextVar("name")
    >>> _ = context.run(name.set, "Ada")
    >>> [value for variable, value in set_in(context, Context())]
    ['Ada']
    """
    ours, nothing = (current_task, current_block), object()
    return [
        (variable, value)
        for variable, value in context.items()
        if before.get(variable, nothing) is not value and variable not in ours
    ]


def set_for(item: object, variables: Sequence[tuple[ContextVar[Any], object]]) -> None:
    """Have a call, or what runs here for an item of a map, see what the initializer has set, whatever there was."""
    for variable, value in variables:
        if not isinstance(item, Call):
            variable.set(value)
        elif item.context is not None:
            item.context.run(variable.set, value)


class Prepared:
    """`fn`, before whose first call in each worker the pool's initializer is run.

    It sees to it that what the initializer sets is seen by the calls: context variables, since calls run in contexts
    of their own, and in another process or interpreter, to which this was sent, globals.
    """

    __slots__ = ("args", "fn", "initializer", "sent", "token")

    def __init__(
        self,
        fn: Callable[..., object],
        initializer: Callable[..., object],
        args: tuple[object, ...],
        token: str,
        sent: bool = False,
    ) -> None:
        self.fn = fn
        self.initializer = initializer
        self.args = args
        self.token = token
        self.sent = sent

    def __reduce__(self) -> tuple[type[Prepared], tuple[object, ...]]:
        return Prepared, (self.fn, self.initializer, self.args, self.token, True)

    def plait_parts(self) -> Iterator[tuple[str, object]]:
        """What is sent to another process, and what people call it."""
        yield getattr(self.fn, "__name__", "the function"), self.fn
        yield "the initializer", self.initializer
        yield from ((f"initargs[{position}]", value) for position, value in enumerate(self.args))

    def plait_not_prepared(self, how: str, words: str = "") -> PoolBroken:
        """What becomes of the item before which the initializer has failed; `words` are the worker's last ones."""
        return not_prepared(how, self.token, words)

    def __call__(self, item: object) -> object:
        if self.token not in _prepared.pools:
            self._prepare()
        if self.token in _prepared.variables:
            set_for(item, _prepared.variables[self.token])
        prepared = _prepared.pools[self.token]
        if prepared is None:
            return self.fn(item)
        parts = (item.fn, *item.args, *item.kwargs.values()) if isinstance(item, RemoteCall) else (self.fn, item)
        entered = prepared.enter(parts)
        try:
            return self.fn(item)
        finally:
            prepared.leave(entered)

    def _prepare(self) -> None:
        prepared = None
        if self.sent:
            from plait._run.prepared_globals import PreparedGlobals, globals_of  # only where it is needed

            prepared = None if globals_of(self.initializer) is None else PreparedGlobals(self.initializer)
        task = current_task.get(None)
        if task is not None:
            task.prepares(True)
        before = copy_context() if self.sent else Context()  # as new processes and new threads have it
        context = before.copy()
        try:
            context.run(run_as, task, self.initializer, self.args, {})
        except BaseException as error:
            theirs = type(error), error, without_our_frames(error.__traceback__)
            LOGGER.critical("Exception in initializer:", exc_info=theirs)
            raise self.plait_not_prepared(f"raised {error!r}") from error
        finally:
            if task is not None:
                task.prepares(False)
        if prepared is not None:
            prepared.keep()
        if variables := set_in(context, before):
            _prepared.variables[self.token] = variables
        _prepared.pools[self.token] = prepared


class _PreparedWorkers(threading.local):
    """Per worker, which is a thread here or the main thread of another process: the pools it has been prepared for."""

    def __init__(self) -> None:
        self.pools: dict[str, PreparedGlobals | None] = {}
        self.variables: dict[str, list[tuple[ContextVar[Any], object]]] = {}  # that the initializer has set


_prepared = _PreparedWorkers()


def run_as(
    task: Task | None, fn: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> object:
    """Call `fn` in the submitter's context, except that ``plait.current()`` is the task that runs here, in no block."""
    if task is not None:
        current_task.set(task)
    if current_block.get(None) is not None:
        current_block.set(None)
    return fn(*args, **kwargs)
