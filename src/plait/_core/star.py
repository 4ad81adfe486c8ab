"""Calls a function with the items of a tuple as its arguments. In its own small file because workers import it."""

from __future__ import annotations

from _collections_abc import Callable
from typing import Generic, TypeVar

R = TypeVar("R")


class Star(Generic[R]):
    """``Star(fn)(args)`` is ``fn(*args)``."""

    __slots__ = ("fn",)

    def __init__(self, fn: Callable[..., R]) -> None:
        self.fn = fn

    def __call__(self, args: tuple[object, ...]) -> R:
        return self.fn(*args)

    def __plait_key__(self) -> object:
        """What stands for it in the key of a journal."""
        return self.fn
