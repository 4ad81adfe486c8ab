"""An exception that some thread has caught and kept, because of which the program fails later: that one is explained.

`errors.append(error)` in a thread and `assert not errors` at the end: the assertion only says that something was wrong.
What it looks at is found by the names in its line; no code of the program's is run for it.
"""

from __future__ import annotations

import linecache
import re
from collections import deque
from collections.abc import Container, Iterator
from itertools import islice
from types import FrameType, TracebackType

from plait._check.access import own_attributes

_NAMES = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_MOST = 100  # elements of a container that are looked at
_DEEP = 2  # containers in containers
_BUILT_IN = (list, tuple, deque, set, dict)  # those of the program's own classes may run its code


def kept(error: BaseException, files: Container[str]) -> BaseException | None:
    """The exception that `error` is only the echo of; None if it speaks for itself.

    >>> def check(errors):
    ...     assert not errors
    >>> def collect():
    ...     try:
    ...         {}[1]
    ...     except KeyError as error:
    ...         return [error]
    >>> try:
    ...     check(collect())
    ... except AssertionError as error:
    ...     print(repr(kept(error, {__file__, check.__code__.co_filename})))
    KeyError(1)
    """
    if isinstance(error, BaseExceptionGroup):
        return next((one for one in error.exceptions if one.__traceback__ is not None), None)
    if error.__cause__ is not None:
        return error.__cause__ if error.__cause__.__traceback__ is not None else None
    if not isinstance(error, AssertionError):
        return None
    last = _last(error.__traceback__, files)
    if last is None:
        return None
    for name in _names(last):
        found = next(_exceptions(_value(last.tb_frame, name), 0), None)
        if found is not None:
            return found
    return None


def _last(traceback: TracebackType | None, files: Container[str]) -> TracebackType | None:
    """The innermost level in the user's source."""
    found = None
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename in files:
            found = traceback
        traceback = traceback.tb_next
    return found


def _names(traceback: TracebackType) -> list[str]:
    """The dotted names in the lines of what was raised there."""
    code = traceback.tb_frame.f_code
    position = next(islice(code.co_positions(), traceback.tb_lasti // 2, None), None)
    first, last = traceback.tb_lineno, (position[1] if position is not None else None) or traceback.tb_lineno
    text = "\n".join(linecache.getline(code.co_filename, number) for number in range(first, last + 1))
    return _NAMES.findall(text)


def _value(frame: FrameType, name: str) -> object:
    """What the name stands for in the frame, as far as it can be told without running code of the program's."""
    first, *others = name.split(".")
    found = frame.f_locals.get(first, frame.f_globals.get(first))
    for other in others:
        if other not in (known := own_attributes(found)):
            break  # a method: what it belongs to may be what it looks at
        found = known[other]
    return found


def _exceptions(value: object, depth: int) -> Iterator[BaseException]:
    """Those that were raised, and are the value or in it."""
    kind = type(value)
    if isinstance(value, BaseException):
        if value.__traceback__ is not None:
            yield value
    elif depth < _DEEP and isinstance(value, list | tuple | deque | set | dict) and kind in _BUILT_IN:
        for one in islice(value.values() if isinstance(value, dict) else value, _MOST):
            yield from _exceptions(one, depth + 1)
