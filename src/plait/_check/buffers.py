"""Which memory a `memoryview` shows: views of one bytearray or array are looked at as what they show."""

from __future__ import annotations

from typing import Any


def memory_of(view: memoryview) -> object:
    """The object that the memory belongs to; the view itself where nothing can change it, or it has been released."""
    try:
        return view if view.readonly or view.obj is None else view.obj
    except ValueError:
        return view


def element_of(view: memoryview, key: object) -> object:
    """The index of the view's element in what the memory belongs to; a slice where it cannot be told."""
    owner = memory_of(view)
    if owner is view or type(key) is not int or view.ndim != 1 or not view.contiguous:
        return key if owner is view else _SOME
    at = _begins(view) - _begins(owner) + (key + len(view) if key < 0 else key) * view.itemsize
    return at // getattr(owner, "itemsize", 1)


def _begins(thing: Any) -> int:
    """The address of the first byte."""
    import ctypes  # heavy, and needed for views only

    return ctypes.addressof(ctypes.c_char.from_buffer(thing)) if memoryview(thing).nbytes else 0


_SOME = slice(None)
