"""The calls of a pool whose engine awaits: each runs in the context of its submitter, step by step."""

from __future__ import annotations

import threading
from _collections_abc import Awaitable, Callable, Coroutine, Generator
from asyncio import CancelledError, Future, get_running_loop, wait
from contextvars import Context, ContextVar
from inspect import isawaitable
from typing import Any

from plait._core.cancelling import current_block
from plait._core.current import current_task
from plait._core.errors import UsageError
from plait._run.pool_call import LOGGER, Call, not_prepared, run_as, set_for, set_in


async def await_call(call: Call) -> None:
    """What a pool's job runs for each item, and what resolves its future."""
    context, fn = call.context, call.fn
    if context is None or fn is None:
        return  # resolved from outside before it could start
    call.thread = threading.get_ident()
    context.run(current_task.set, current_task.get())
    context.run(current_block.set, None)
    try:
        value = await InContext(context, _outcome(fn, call.args, call.kwargs))
    except CancelledError:
        raise  # the engine knows whom it was meant for; the driver resolves the call
    except BaseException as error:
        trace = error.__traceback__
        for _ in range(3):  # ours
            trace = trace.tb_next if trace is not None and trace.tb_next is not None else trace
        call.resolve(None, error.with_traceback(trace))
    else:
        call.resolve(value, None)


async def _outcome(fn: Callable[..., object], args: tuple[object, ...], kwargs: Any) -> object:
    found = fn(*args, **kwargs)
    if isawaitable(found):
        return await found
    raise UsageError(
        f"{getattr(fn, '__qualname__', fn)} returned {type(found).__name__}, which nobody can await: a pool on "
        'engine="async" runs coroutine functions; use plait.Pool("thread") for plain ones'
    )


async def _awaited(found: Awaitable[object]) -> object:
    return await found


class InContext:
    """Awaits a coroutine whose every step runs in a context of its own, without a task of its own.

    What it waits for is passed on to the task that awaits this, and a cancellation of that task is passed back.
    """

    __slots__ = ("_context", "_coroutine")

    def __init__(self, context: Context, coroutine: Coroutine[Any, Any, object]) -> None:
        self._context = context
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, None, object]:
        run, coroutine = self._context.run, self._coroutine
        thrown: BaseException | None = None
        while True:
            try:
                waits = run(coroutine.send, None) if thrown is None else run(coroutine.throw, thrown)
            except StopIteration as end:
                return end.value
            thrown = None
            try:
                yield waits
            except BaseException as error:
                thrown = error


class PreparedAwaiting:
    """A coroutine function before whose first call in each loop the pool's initializer is run.

    The initializer may be a coroutine function, too. Calls that come while it runs wait for it.
    """

    __slots__ = ("_args", "_fn", "_initializer", "_token")

    def __init__(
        self,
        fn: Callable[..., Any],
        initializer: Callable[..., object],
        args: tuple[object, ...],
        token: str,
    ) -> None:
        self._fn = fn
        self._initializer = initializer
        self._args = args
        self._token = token

    async def __call__(self, item: object) -> object:
        while (prepared := _loops.prepared.get(self._token)) is not None and not prepared.done():
            await wait([prepared])
        if prepared is None:
            await self._prepare()
        else:
            prepared.result()
        if self._token in _loops.variables:
            set_for(item, _loops.variables[self._token])
        return await self._fn(item)

    async def _prepare(self) -> None:
        prepared: Future[None] = get_running_loop().create_future()
        _loops.prepared[self._token] = prepared
        context = Context()
        try:
            found = context.run(run_as, current_task.get(None), self._initializer, self._args, {})
            if isawaitable(found):
                await InContext(context, _awaited(found))
        except CancelledError:
            del _loops.prepared[self._token]
            prepared.cancel()
            raise
        except BaseException as error:
            LOGGER.critical("Exception in initializer:", exc_info=True)
            broken = not_prepared(f"raised {error!r}", self._token)
            broken.__cause__ = error
            prepared.set_exception(broken)
            prepared.exception()  # retrieved, whether anybody waits for it or not
            raise broken from error
        if variables := set_in(context, Context()):
            _loops.variables[self._token] = variables
        prepared.set_result(None)


class _Loops(threading.local):
    """Per thread, which runs one loop in its life: the pools it is prepared for, or is being prepared for."""

    def __init__(self) -> None:
        self.prepared: dict[str, Future[None]] = {}
        self.variables: dict[str, list[tuple[ContextVar[Any], object]]] = {}  # that the initializer has set


_loops = _Loops()
