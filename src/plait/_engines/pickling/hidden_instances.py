"""Methods of an object that a package keeps to itself, such as ``random.random``, which go by the name they have there.

Pickle would send a copy of the object along, so that all workers would draw the same random numbers.
"""

from __future__ import annotations

import sys
from _functools import partial  # type: ignore[import-not-found]  # functools imports much
from types import BuiltinMethodType, MethodType, ModuleType

from plait._core.importable import imported

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module, and typing would double their start-up time
    from typing import Any

METHODS = (BuiltinMethodType, MethodType)


def reduce_method(method: Any) -> Any:
    """For pickle: the name of the method in its package; NotImplemented for a method of any other object.

    >>> import random
    >>> reduce_method(random.random)[1], reduce_method([].append)
    (('random', 'random'), NotImplemented)
    """
    owner = method.__self__
    if isinstance(owner, (ModuleType, type, type(None))):
        return NotImplemented
    module = imported(type(owner).__module__)
    name = next((name for name, value in list(getattr(module, "__dict__", {}).items()) if value is method), None)
    if name is None:
        return NotImplemented
    from plait._core.installed import is_installed  # workers rarely need it

    return (_found, (module.__name__, name)) if is_installed(module) else NotImplemented


def is_method_of_hidden(value: object) -> bool:
    """Whether it is such a method, maybe in a ``functools.partial``; plain pickle asks nobody how to reduce methods."""
    while type(value) is partial:
        value = value.func  # type: ignore[attr-defined]  # of a partial
    return type(value) in METHODS and reduce_method(value) is not NotImplemented


def _found(module: str, name: str) -> Any:
    __import__(module)
    return getattr(sys.modules[module], name)
