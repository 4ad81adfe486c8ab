"""What a fork means for workers: a child must let go of its parent's descriptors; some workers forbid a fork."""

from __future__ import annotations

import os
import warnings
import weakref
from typing import Protocol


class Inheritable(Protocol):
    """Something with descriptors that a fork copies."""

    def forget(self) -> None:
        """Close them in the child, without a word to the other side."""


# The one registry of its kind: os.register_at_fork cannot be undone, so it is called once and looks here.
_HELD: weakref.WeakSet[Inheritable] = weakref.WeakSet()


def hold(thing: Inheritable) -> None:
    """From now on a forked child makes the thing forget its descriptors."""
    _HELD.add(thing)


def _warn() -> None:
    for thing in list(_HELD):
        reason = getattr(thing, "forbids_fork", "")
        if reason:
            warnings.warn(f"plait: os.fork() was called while {reason}", RuntimeWarning, stacklevel=2)


def _forget_all() -> None:
    for thing in list(_HELD):
        thing.forget()
    _HELD.clear()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(before=_warn, after_in_child=_forget_all)
