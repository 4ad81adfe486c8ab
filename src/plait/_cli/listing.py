"""Listing: a generator function as one that returns a list of what it yields, which can be sent and written."""

from __future__ import annotations

import inspect
from _collections_abc import Callable
from typing import Any


def listing(fn: Callable[[Any], object]) -> Callable[[Any], object]:
    """The function itself, or, if it yields, one that returns a list.

    >>> def numbers(n):
    ...     yield from range(n)
    >>> listing(numbers)(3), listing(len) is len
    ([0, 1, 2], True)
    """
    if inspect.isasyncgenfunction(fn):
        return AsyncListing(fn)
    return Listing(fn) if inspect.isgeneratorfunction(fn) else fn


class Listing:
    """``Listing(fn)(item)`` is ``list(fn(item))``."""

    def __init__(self, fn: Callable[[Any], Any]) -> None:
        self.fn = fn
        self.__name__ = getattr(fn, "__name__", "map")

    def __plait_key__(self) -> object:
        return self.fn

    def __call__(self, item: object) -> object:
        return list(self.fn(item))


class AsyncListing(Listing):
    """The same for an asynchronous generator function."""

    async def __call__(self, item: object) -> list[object]:
        return [value async for value in self.fn(item)]
