"""Items of JSON lines that are no JSON. A file of its own, because workers import it and need no command line."""

from __future__ import annotations

from _collections_abc import Awaitable, Callable
from typing import Any, cast


class Unreadable:
    """A line that is no JSON; running it raises what is wrong, so that it fails alone."""

    __slots__ = ("message", "text")

    def __init__(self, text: str, message: str) -> None:
        self.text = text
        self.message = message

    def __repr__(self) -> str:
        return repr(self.text)

    def __plait_key__(self) -> object:
        return self.text


class ReadableOnly:
    """``ReadableOnly(fn)(item)`` is ``fn(item)``, and for an Unreadable item its error."""

    def __init__(self, fn: Callable[[Any], object]) -> None:
        self.fn = fn
        self.__name__ = getattr(fn, "__name__", "map")

    def __plait_key__(self) -> object:
        return self.fn

    def __call__(self, item: object) -> object:
        _refuse_unreadable(item)
        return self.fn(item)


class AsyncReadableOnly(ReadableOnly):
    """The same for a coroutine function."""

    async def __call__(self, item: object) -> object:
        _refuse_unreadable(item)
        return await cast("Awaitable[object]", self.fn(item))


def _refuse_unreadable(item: object) -> None:
    if isinstance(item, Unreadable):
        raise ValueError(item.message)  # noqa: TRY004  # its text is wrong, not its type
