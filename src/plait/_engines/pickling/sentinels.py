"""Sentinels that workers cannot import (PEP 661, from CPython 3.15 on): one in each process for one at home.

A sentinel is pickled as its name. Workers have none under the names of ``__main__``, so what travels is how to make it,
once; it is entered there as functions and classes are, and goes home as its name if it has one at home.
"""

from __future__ import annotations

import builtins
import sys

from plait._core.importable import MAIN_ANEW
from plait._engines.worker_main import enter_as

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module, and typing would double their start-up time
    from typing import Any

SENTINEL: type = getattr(builtins, "sentinel", type("Never", (), {}))  # what no object is of, before that version
_known: dict[tuple[str, str], object] = {}


def reduce_sentinel(value: Any, by_value: frozenset[str] = frozenset()) -> Any:
    """For pickle: its name where it is found by that, and not in a module that goes `by_value`; else how to make it."""
    module, name = value.__module__, value.__name__
    is_named = _named(module, name) is value
    if is_named and module not in ("__main__", MAIN_ANEW, *by_value):
        return NotImplemented
    _known[module, name] = value  # by which it is the same again when it comes back
    return _one, (module, name, repr(value), is_named)


def _one(module: str, name: str, text: str, is_named: bool) -> object:
    """The sentinel of that name in this process."""
    found = _named(module, name)
    if type(found) is SENTINEL:
        return found
    if (module, name) not in _known:
        made = SENTINEL(name, repr=text)
        made.__module__ = module
        made = _known.setdefault((module, name), made)
        if module == "__main__" and is_named:
            enter_as(name, made)
    return _known[module, name]


def _named(module: str, name: str) -> object:
    return getattr(sys.modules.get(module), name, None)
