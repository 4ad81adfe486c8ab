"""What stands in for `datetime.datetime`, and for the calendar of `time`: they say what the virtual clock says.

`datetime.now` asks the system itself, in C, and the class cannot be changed. So a class takes its place whose `now` and
`utcnow` ask `time.time`. All it makes are objects of the real class, which C code knows; it is equal to that class, so
that tables by type go on working, and both take an object of the one for an object of the other.
"""

from __future__ import annotations

import time
from abc import ABCMeta
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any, Self

_REAL = datetime  # the name stands for the other one while a search goes on


class _EqualToReal(ABCMeta):
    """The class of the stand-in: it counts as the real class wherever the two are compared.

    What is derived from it may be derived from an abstract class, too.
    """

    def __eq__(cls, other: object) -> bool:
        return other is _REAL if _is_stand_in(cls) and other is not cls else cls is other

    def __hash__(cls) -> int:
        return hash(_REAL) if _is_stand_in(cls) else type.__hash__(cls)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _REAL) if _is_stand_in(cls) else super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _REAL) if _is_stand_in(cls) else super().__subclasscheck__(subclass)


def _is_stand_in(cls: type) -> bool:
    return cls.__dict__.get("_stands_in", False) is True  # not what is derived from it


class StandInDatetime(datetime, metaclass=_EqualToReal):
    """As `datetime.datetime`, in virtual time."""

    _stands_in = True

    def __new__(cls, *args: Any, **keywords: Any) -> Self:
        """An object of the real class, or of what a program has derived."""
        return _REAL.__new__(_REAL if _is_stand_in(cls) else cls, *args, **keywords)  # type: ignore[return-value]  # both

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """What the virtual clock says, in a time zone."""
        return cls.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> Self:
        """What the virtual clock says, in UTC, without saying so."""
        return cls.fromtimestamp(time.time(), UTC).replace(tzinfo=None)


for _name in ("__module__", "__name__", "__qualname__", "__doc__"):  # by which it is pickled, and shown
    setattr(StandInDatetime, _name, getattr(_REAL, _name))


def pickled(value: datetime) -> tuple[Any, ...]:
    """How an object of the real class is pickled meanwhile: what it is called stands for the other class."""
    return StandInDatetime, *tuple(value.__reduce_ex__(4))[1:]


def calendar() -> dict[str, Callable[..., Any]]:
    """What stands in for the functions of `time` that take the present for want of a moment, by name."""
    return {
        "localtime": _at_present(time.localtime),
        "gmtime": _at_present(time.gmtime),
        "ctime": _at_present(time.ctime),
        "strftime": _in_words(time.strftime, time.localtime),
    }


def _at_present(real: Callable[[float | None], Any]) -> Callable[..., Any]:
    def moment(seconds: float | None = None, /) -> Any:
        return real(time.time() if seconds is None else seconds)

    return _called(moment, real)


def _in_words(real: Callable[..., str], present: Callable[[float | None], Any]) -> Callable[..., Any]:
    def moment(form: str, when: Any = None, /) -> str:
        return real(form, present(time.time()) if when is None else when)

    return _called(moment, real)


def _called(stand_in: Callable[..., Any], real: Callable[..., Any]) -> Callable[..., Any]:
    stand_in.__name__ = stand_in.__qualname__ = real.__name__
    return stand_in
