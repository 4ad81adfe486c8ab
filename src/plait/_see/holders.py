"""Which thread is within a `with` of a lock: looked for in all threads' stacks and the lines they stand in."""

from __future__ import annotations

import ast
import linecache
import sys
import threading
from _thread import get_ident
from collections.abc import Iterator
from functools import lru_cache
from types import FrameType

from plait._see.whereabouts import PLAIT

_DEEPEST = 50  # frames of a stack that are looked at
_ENTERS = ("with ", "async with ")


def holder_of(lock: object) -> int:
    """The thread that has entered a lock, which a variable of that thread leads to; 0 when none is seen to have."""
    me = get_ident()
    for ident, innermost in list(sys._current_frames().items()):
        waits = innermost.f_code.co_filename.startswith(PLAIT)
        frame: FrameType | None = innermost
        for _ in range(_DEEPEST):
            if frame is None or ident == me:
                break
            if not frame.f_code.co_filename.startswith(PLAIT):
                if any(_leads_to(frame, path, lock) for path in _entered(frame, waits)):
                    return ident
                waits = False  # whoever waits, waits in the line of the innermost frame
            frame = frame.f_back
    return 0


def entered_as(frame: FrameType, lock: object) -> str:
    """What the `with` in the line of a frame calls a lock: ``table.lock``; "" when nothing there leads to it."""
    paths = _paths(linecache.getline(frame.f_code.co_filename, frame.f_lineno or 0).strip())
    return next((".".join(path) for path in paths if _leads_to(frame, path, lock)), "")


def _entered(frame: FrameType, waits: bool) -> Iterator[tuple[str, ...]]:
    """What the `with` blocks around the line of a frame have entered: paths of names."""
    lines = linecache.getlines(frame.f_code.co_filename)
    at = (frame.f_lineno or 0) - 1
    if not 0 <= at < len(lines):
        return
    if not waits:  # a body in the line of its `with`
        yield from _paths(lines[at].strip())
    margin = _margin(lines[at])
    for line in reversed(lines[frame.f_code.co_firstlineno - 1 : at]):
        text = line.strip()
        if text and not text.startswith("#") and _margin(line) < margin:
            margin = _margin(line)
            if text.startswith(_ENTERS):
                yield from _paths(text)


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip())


@lru_cache(maxsize=1024)
def _paths(text: str) -> tuple[tuple[str, ...], ...]:
    """The names in a line that begins with `with`: ``("self", "lock")``.

    >>> _paths("with self.lock, open(name) as file:")
    (('self', 'lock'),)
    """
    if not text.startswith(_ENTERS):
        return ()
    try:
        block = ast.parse(text.removeprefix("async ") + (" pass" if text.endswith(":") else "")).body[0]
    except SyntaxError:
        return ()
    return tuple(path for item in getattr(block, "items", ()) if (path := _path(item.context_expr)))


def _path(node: ast.expr) -> tuple[str, ...]:
    if isinstance(node, ast.Name):
        return (node.id,)
    before = _path(node.value) if isinstance(node, ast.Attribute) else ()
    return (*before, node.attr) if before and isinstance(node, ast.Attribute) else ()


def _leads_to(frame: FrameType, path: tuple[str, ...], lock: object) -> bool:
    """Whether a path leads to the lock, or to a condition that has it, without running any code of the program."""
    name, *attributes = path
    value = frame.f_locals.get(name, frame.f_globals.get(name))
    for attribute in attributes:
        owners = [value, *type(value).__mro__] if not isinstance(value, type) else value.__mro__
        found = [one for one in (_variables(owner).get(attribute) for owner in owners) if one is not None]
        value = found[0] if found else None
    if type(value) is threading.Condition:
        value = _variables(value).get("_lock")
    return value is lock


def _variables(value: object) -> dict[str, object]:
    try:
        return dict(object.__getattribute__(value, "__dict__"))
    except AttributeError:
        return {}
