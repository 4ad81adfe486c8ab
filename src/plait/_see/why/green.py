"""Green threads of this process that are suspended, as gevent and eventlet have them: the system knows none of them."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any, NamedTuple

_PACKAGES = ("gevent", "eventlet", "greenlet")
_DEEPEST = 200  # frames


class GreenThread(NamedTuple):
    """One that is suspended: where it is in memory, and its frames, innermost first, without those that switch."""

    ident: int
    frames: list[FrameType]


def green_threads() -> list[GreenThread]:
    """Those of all threads. The one that runs in a thread is what that thread is seen to do."""
    module = sys.modules.get("greenlet")
    kind = getattr(module, "greenlet", None)
    if not isinstance(kind, type):
        return []
    suspended = kind.__dict__.get("gr_frame")  # C code: what a subclass has under that name is not run
    found = [one for one in gc.get_objects() if issubclass(type(one), kind)] if suspended is not None else []
    stacks = [(id(one), list(_stack(suspended, one, kind))) for one in found]
    return [GreenThread(ident, frames) for ident, frames in stacks if frames]


def _stack(suspended: Any, one: object, kind: type) -> Iterator[FrameType]:
    frame = suspended.__get__(one, kind)
    for _ in range(_DEEPEST):
        if not isinstance(frame, FrameType):
            return
        if not any(f"{os.sep}{package}{os.sep}" in frame.f_code.co_filename for package in _PACKAGES):
            yield frame
        frame = frame.f_back
