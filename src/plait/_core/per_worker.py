"""``plait.per_worker``: a function whose value is made once in each worker, and torn down when the worker ends."""

from __future__ import annotations

import os
from _collections_abc import Callable
from _thread import get_ident
from functools import partial, update_wrapper

from plait._core.current import current_task
from plait._core.importable import is_importable
from plait._core.thread_state import thread_state
from plait._core.worker_state import WorkerState

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module, and typing would double their start-up time
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Coroutine, Generator, Iterator
    from typing import Any, ParamSpec, TypeVar, overload

    P = ParamSpec("P")
    R = TypeVar("R")

_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200  # inspect.CO_...; the module itself is slow to import
_ATOMS = frozenset({int, float, complex, bool, str, bytes, type(None)})

if TYPE_CHECKING:

    @overload
    def per_worker(function: Callable[P, Generator[R, None, None] | Iterator[R]], /) -> Callable[P, R]: ...
    @overload
    def per_worker(
        function: Callable[P, AsyncGenerator[R, None] | AsyncIterator[R]], /
    ) -> Callable[P, Awaitable[R]]: ...
    @overload
    def per_worker(function: Callable[P, Coroutine[Any, Any, R]], /) -> Callable[P, Awaitable[R]]: ...
    @overload
    def per_worker(function: Callable[P, R], /) -> Callable[P, R]: ...


def per_worker(function: Callable[..., Any], /) -> Any:
    """The function, so changed that all its calls in one worker give the same object: a connection, a model, a session.

    The first call in a worker runs the function: the set-up. For a generator function the value is what it yields, and
    what follows the yield is the tear-down, run once when the worker ends.

    Promises, on every engine:
     * a worker has its own instance, which no other thread is given;
     * an error in the set-up fails the item that asked for it; the next item tries again;
     * tear-downs run in the worker, in reverse order of set-up, when it ends in good order: at the end of the map, the
       pool or the scope, also when that ends early. What they raise is logged and warned of; what takes longer than
       five seconds is not waited for. A worker that is killed (timeout, crash, second Ctrl-C) tears nothing down;
     * decorated functions may use each other, and may have arguments, which must be hashable: one instance for each;
     * outside of tasks there is one instance for each thread, torn down when the thread or the program ends.

    An ``async def`` function, with or without a yield, is awaited: ``await session()``. Its instance belongs to the
    event loop, all of whose tasks share it.

    Raises:
        UsageError: something else than a function is decorated, or a method.

    >>> import plait, sqlite3
    >>> @plait.per_worker
    ... def database():
    ...     connection = sqlite3.connect(":memory:")
    ...     yield connection
    ...     connection.close()
    >>> def double(n):
    ...     return database().execute("select 2 * ?", (n,)).fetchone()[0]
    >>> list(plait.map(double, [1, 2, 3], engine="thread"))
    [2, 4, 6]
    """
    if not callable(function) or isinstance(function, (type, staticmethod, classmethod, PerWorker)):
        from plait._core.errors import UsageError

        raise UsageError(
            f"plait.per_worker({function!r}): expected a function, which makes the instance of a worker and returns or "
            "yields it"
        )
    return PerWorker(function)


class PerWorker:
    """A decorated function.

    Attributes:
        key: equal for copies of one function, which come with each map that sends it by value, and different when its
            code, its defaults or what it has captured differ.
    """

    __module__: str
    __qualname__: str
    __name__: str

    def __init__(self, function: Callable[..., object]) -> None:
        update_wrapper(self, function)
        self.function = function
        self.key = _key(function)
        flags = _flags(function)
        self._generator = bool(flags & (_GENERATOR | _ASYNC_GENERATOR))
        self._awaited = bool(flags & (_COROUTINE | _ASYNC_GENERATOR))

    def __call__(self, *args: object, **kwargs: object) -> object:
        key: object = (self.key, args, tuple(sorted(kwargs.items()))) if args or kwargs else self.key
        if self._awaited:
            return self._of_loop(key, args, kwargs)
        state = _state_here()
        try:
            instance = state.instances.get(key)
        except TypeError as error:
            error.add_note(
                f"plait: {self._name} is per_worker, so its arguments must be hashable: one instance for each"
            )
            raise
        if instance is not None:
            return instance.value
        return state.set_up(key, self._name, partial(self.function, *args, **kwargs), generator=self._generator)

    def _of_loop(self, key: object, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        from plait._core.loop_state import instance  # asyncio is heavy

        return instance(key, self._name, partial(self.function, *args, **kwargs), generator=self._generator)

    def __set_name__(self, owner: type, name: str) -> None:
        from plait._core.errors import UsageError

        raise UsageError(
            f"{owner.__qualname__}.{name}: plait.per_worker decorates functions, not methods, whose objects are copied "
            "with each item on processes; decorate a function of the module and call it in the method"
        )

    def __getattr__(self, name: str) -> object:
        said = f"{type(self).__name__!r} object has no attribute {name!r}"
        mine = self.__dict__.get("__name__")
        if mine is not None and not name.startswith("_"):  # else Python asks, or pickle of one that is half made
            said += f"; the instance of this worker is what calling it gives: {mine}().{name}"
        raise AttributeError(said, name=name, obj=self)

    @property
    def _name(self) -> str:
        return f"{getattr(self, '__name__', repr(self.function))}()"

    def __repr__(self) -> str:
        return f"<plait.per_worker {self._name}>"

    # --- crossing to other processes

    def __reduce__(self) -> str | tuple[object, ...]:
        if is_importable(self):
            return self.__qualname__
        return self.by_value()

    def by_value(self) -> tuple[object, ...]:
        """As ``__reduce__``, for one that is not found over there; its state comes last, as it may refer to itself."""
        return PerWorker.__new__, (PerWorker,), {"function": self.function, "key": self.key}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["function"])  # type: ignore[misc]  # made by __new__ alone
        self.key = state["key"]


def _state_here() -> WorkerState:
    """The state of the worker that calls; that of the thread itself outside of tasks, and in threads tasks start."""
    task = current_task.get(None)
    if task is not None:
        state = task.state
        if state.thread == get_ident() and state.pid == os.getpid():
            return state
    return thread_state()


def _key(function: Callable[..., object]) -> str:
    """Names the function and what it depends on; only ever compared with what this process has made of it.

    When it captured, or has as default, anything but numbers and texts, it equals itself only.
    """
    place = f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', '')}"
    code = getattr(function, "__code__", None)
    parts: list[object] = [code]
    for cell in getattr(function, "__closure__", None) or ():
        try:
            parts.append(cell.cell_contents)
        except ValueError:  # not assigned yet
            parts.append(cell)
    parts += getattr(function, "__defaults__", None) or ()
    parts += (getattr(function, "__kwdefaults__", None) or {}).values()
    if code is None or not all(type(part) in _ATOMS for part in parts[1:]):
        return f"{place}:{os.urandom(8).hex()}"
    return f"{place}:{hash(code):x}:{parts[1:]!r}"


def _flags(function: Any) -> int:
    while isinstance(function, partial):
        function = function.func
    found: int = getattr(getattr(function, "__code__", None), "co_flags", 0)
    return found
