"""A submitted call in words, and what its arguments are called."""

from __future__ import annotations

import inspect
from _collections_abc import Callable, Iterator, Mapping
from functools import partial

from plait._core.outcome import brief

_SHOWN = 40  # characters of an argument


def call_in_words(fn: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]) -> str:
    """A call as one would write it, cut where it is long.

    >>> call_in_words(print, (1, "a" * 100), {"end": ""})
    "print(1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…, end='')"
    """
    while isinstance(fn, partial):
        args, kwargs, fn = (*fn.args, *args), {**fn.keywords, **kwargs}, fn.func
    name = getattr(fn, "__qualname__", None) or type(fn).__qualname__
    given = [brief(arg, _SHOWN) for arg in args[:3]] + ["…"] * (len(args) > 3)
    named = [f"{key}={brief(value, _SHOWN)}" for key, value in kwargs.items()]
    return f"{name.rpartition('<locals>.')[2]}({', '.join(given + named[:3])})"


def named_arguments(
    fn: Callable[..., object] | None, args: tuple[object, ...], kwargs: Mapping[str, object]
) -> Iterator[tuple[str, object]]:
    """Each argument with the name of its parameter, where the function tells.

    >>> list(named_arguments(lambda job, *rest: None, ("a", "b"), {}))
    [('job', 'a'), ('rest', ('b',))]
    """
    try:
        yield from inspect.signature(fn).bind(*args, **kwargs).arguments.items()  # type: ignore[arg-type]  # as below
    except (TypeError, ValueError):  # many functions written in C do not tell, and some calls do not fit
        yield from ((f"argument {position}", value) for position, value in enumerate(args, 1))
        yield from kwargs.items()
