"""The frames of a suspended coroutine and of all that it awaits, through generators and what iterates over them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import FrameType
from typing import Any

_KINDS = ("cr", "ag", "gi")  # what the attributes of coroutines and of both kinds of generators begin with
_BETWEEN = ("async_generator_asend", "async_generator_athrow", "anext_awaitable", "coroutine_wrapper")
_DEEPEST = 200  # frames


def awaited_frames(awaited: Any) -> Iterator[FrameType]:
    """Outermost first.

    What ``async for`` and ``__await__`` put between two of them has no frame and no attribute for the next one.
    """
    for _ in range(_DEEPEST):
        if type(awaited).__name__ in _BETWEEN:
            awaited = next(iter(gc.get_referents(awaited)), None)
            continue
        kind = next((kind for kind in _KINDS if getattr(awaited, f"{kind}_frame", None) is not None), None)
        if kind is None:
            return
        yield getattr(awaited, f"{kind}_frame")
        awaited = getattr(awaited, "gi_yieldfrom" if kind == "gi" else f"{kind}_await")
