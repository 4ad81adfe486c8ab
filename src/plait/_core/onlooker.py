"""The one onlooker of this process: who is told about finished batches while a trace is recorded."""

from __future__ import annotations

from _collections_abc import Callable
from typing import Final

from plait._core.batch import Batch


class Onlooker:
    """Where maps look whether somebody wants to know.

    Attributes:
        told: called with the function and each batch that has ended; None when nobody looks.
    """

    __slots__ = ("told",)

    def __init__(self) -> None:
        self.told: Callable[[Callable[..., object], Batch], object] | None = None


ONLOOKER: Final = Onlooker()
