"""The functions of the standard library that fork this process, and where each of them is found."""

from __future__ import annotations

import sys
from _collections_abc import Callable, Iterator
from typing import Any

_PLACES = (("os", "fork"), ("os", "forkpty"), ("_posixsubprocess", "fork_exec"), ("subprocess", "_fork_exec"))


def forks() -> Iterator[tuple[Any, str, Callable[..., Any]]]:
    """The module, the name in there, and the function, as far as it is imported; the last two are the same function."""
    for module, name in _PLACES:
        owner = sys.modules.get(module)
        if fork := getattr(owner, name, None):
            yield owner, name, fork
