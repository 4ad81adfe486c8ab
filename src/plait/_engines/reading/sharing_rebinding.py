"""Whether a name that a function reads is bound anew meanwhile: by the loop around the map or by other functions."""

from __future__ import annotations

import sys
from dis import get_instructions
from types import CodeType, FrameType, FunctionType

_STORES = frozenset({"STORE_NAME", "STORE_GLOBAL", "STORE_DEREF", "DELETE_GLOBAL", "DELETE_NAME", "DELETE_DEREF"})


def is_rebound(name: str, function: FunctionType) -> bool:
    """Whether somebody may bind the global or captured name after the map has begun.

    That is a function of the same module which assigns to it, or code that is being run in this thread, such as the
    loop over the results, which assigns to it more than once or further down.
    """
    scope = function.__globals__
    captured = name in function.__code__.co_freevars
    if not captured and any(
        isinstance(other, FunctionType) and name in other.__code__.co_names and _stores(other.__code__, name, "GLOBAL")
        for other in list(scope.values())
        if other is not function
    ):
        return True
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals is scope and _rebinds(frame, name, captured=captured):
            return True
        frame = frame.f_back
    return False


def _rebinds(frame: FrameType, name: str, *, captured: bool) -> bool:
    code = frame.f_code
    if captured:
        if name not in code.co_cellvars and name not in code.co_freevars:
            return False
    elif name not in code.co_names:
        return False
    places = _stores(code, name, "DEREF" if captured else "")
    return len(places) > 1 or any(place > frame.f_lasti for place in places)


def _stores(code: CodeType, name: str, kind: str) -> list[int]:
    """The offsets at which the code assigns to the name."""
    return [
        one.offset
        for one in get_instructions(code)
        if one.opname in _STORES and one.argval == name and kind in one.opname
    ]
