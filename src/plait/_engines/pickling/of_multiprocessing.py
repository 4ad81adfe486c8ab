"""Pickles what multiprocessing makes and gives only to its own processes: locks by their names; ends of pipes never.

A semaphore of the ``"spawn"`` or ``"forkserver"`` kind has a name by which any process can open it, and all of
multiprocessing's locks are made of semaphores. One of the ``"fork"`` kind has lost its name as soon as it was made.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module, and typing would double their start-up time
    from typing import Any

PIPES = "multiprocessing.connection"  # the module whose objects pickle as the number of their descriptor
_LOCKS = "multiprocessing.synchronize"
_OF_CONDITION = ("_lock", "_sleeping_count", "_woken_count", "_wait_semaphore")


def reduce_of_multiprocessing(value: Any) -> Any:
    """For pickle: how to open it in another process; NotImplemented for what pickle knows how to treat.

    Raises:
        TypeError: it belongs to this process, or to those that were forked from it.
    """
    kind = type(value)
    if kind.__module__ == PIPES:
        raise TypeError("it would arrive as a number, which stands for another file there")
    if kind.__module__ != _LOCKS:
        return NotImplemented
    found = vars(value)
    if "_semlock" in found:
        lock = value._semlock
        if lock.name is None or sys.platform == "win32":
            raise TypeError(f"only processes that are forked from this one have a {kind.__name__} of this kind")
        return open_lock, (kind, (lock.kind, lock.maxvalue, lock.name))
    if all(name in found for name in _OF_CONDITION):
        return open_condition, (kind, tuple(found[name] for name in _OF_CONDITION))
    return NotImplemented  # an event is made of these


def open_lock(kind: Any, state: tuple[int, int, str]) -> object:
    """The lock or semaphore of that name."""
    lock = kind.__new__(kind)
    lock.__setstate__((0, *state))
    return lock


def open_condition(kind: Any, state: tuple[object, ...]) -> object:
    """The condition that is made of these."""
    condition = kind.__new__(kind)
    condition.__setstate__(state)
    return condition
