"""What a forked child must let go of: descriptors that keep workers alive belong to the process that made them."""

from __future__ import annotations

import os
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


def _forget_all() -> None:
    for thing in list(_HELD):
        thing.forget()
    _HELD.clear()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_forget_all)
