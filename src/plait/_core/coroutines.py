"""Tells coroutine functions from plain ones, through every wrapper that keeps them recognisable."""

from __future__ import annotations

import inspect
import sys
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType

from plait._core.star import Star


def is_coroutine_function(fn: object) -> bool:
    """Whether calling `fn` gives a coroutine, as far as one can see without calling it.

    Sees ``async def`` functions, bound methods and partials of them, objects with ``async def __call__``, and what was
    marked with ``inspect.markcoroutinefunction`` or in the way of older `asyncio`.

    >>> async def fetch(x): ...
    >>> is_coroutine_function(partial(fetch, 1)), is_coroutine_function(print)
    (True, False)
    """
    while isinstance(fn, (partial, Star)):
        fn = fn.func if isinstance(fn, partial) else fn.fn
    kind = type(fn)
    if isinstance(fn, FunctionType) and not fn.__dict__:  # what most are, without a mark: known at once
        return fn.__code__.co_flags & inspect.CO_COROUTINE != 0
    if kind is BuiltinFunctionType:
        return False
    if inspect.iscoroutinefunction(fn) or _marked(fn):
        return True
    call = getattr(kind, "__call__", None)  # noqa: B004  # the method itself is wanted, not whether it is there
    return not isinstance(fn, type) and (inspect.iscoroutinefunction(call) or _marked(call))


def _marked(fn: object) -> bool:
    """Whether it bears the mark of ``asyncio.iscoroutinefunction``, which nothing can bear without that module."""
    coroutines = sys.modules.get("asyncio.coroutines")
    mark = getattr(coroutines, "_is_coroutine", None)
    if isinstance(fn, MethodType):
        fn = fn.__func__
    return mark is not None and getattr(fn, "_is_coroutine", None) is mark
