"""Functions that travel with each of their calls: where one has been before, and is as it was, it is the same again.

A function that no worker can import is sent with what it names. Each of its calls would find a new one, with globals
as they were at home: a model that the first call has loaded into a global would be loaded by every call. So a worker
keeps what has arrived, by its bytes: as long as nothing of it changes at home, what a call leaves in a global stays.
"""

from __future__ import annotations

from _collections_abc import Callable
from _pickle import loads
from _thread import _local
from types import FunctionType, MethodType

from plait._core.importable import is_importable
from plait._engines.pickling.hidden_instances import is_method_of_hidden

_LARGEST = 1 << 18  # bytes of a function that is kept
_MOST = 64  # functions that a worker keeps


class _Sending(_local):
    """What is being pickled in this thread: `made` has the functions that have been; None: they go as they are."""

    made: dict[int, tuple[object, object]] | None = None


class _Strangers:
    """Whether a worker has classes by value whose module it has not: pickle would import that to look them up."""

    here = False


SENDING = _Sending()
STRANGERS = _Strangers()
_arrived: dict[bytes, Callable[..., object]] = {}  # in a worker


class Carried:
    """Stands for a function in the pickle of a call."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __reduce__(self) -> tuple[object, tuple[bytes]]:
        return arrive, (self.data,)


def carried(fn: Callable[..., object] | None) -> object:
    """What to put into the pickle of a call for its function: itself where a worker finds it by its name.

    Objects with state of their own, partials and methods of objects are sent anew with each call, as arguments are; and
    so is everything where modules go along that workers cannot import.
    """
    made = SENDING.made
    if made is None or not _is_by_value(fn):
        return fn
    if id(fn) not in made:
        from plait._engines.pickling.codec import pickled  # which imports this module

        data = pickled(fn)
        made[id(fn)] = fn, Carried(data) if len(data) <= _LARGEST else fn
    return made[id(fn)][1]


def _is_by_value(fn: object) -> bool:
    function = fn.__func__ if type(fn) is MethodType and isinstance(fn.__self__, type) else fn
    return (type(function) is FunctionType and not is_importable(function)) or is_method_of_hidden(fn)


def arrive(data: bytes) -> Callable[..., object]:
    """The function that these bytes are, in a worker."""
    found = _arrived.get(data)
    if found is None:
        found = loads(data)
        if len(_arrived) >= _MOST:
            del _arrived[next(iter(_arrived))]
        _arrived[data] = found
    return found
