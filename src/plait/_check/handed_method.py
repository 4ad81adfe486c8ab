"""Methods of containers that are handed over to be called later: ``future.add_done_callback(active.discard)``.

Nothing in the user's code calls them, so no hook comes before the call: what stands in for the method calls one.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

from plait._check.access import CONTAINERS
from plait._check.handed import takes

Calling = Callable[..., object]


class HandedMethod:
    """A method of a container of Python's, the calls of which are seen where it was handed over."""

    __slots__ = ("_calling", "_method", "_site")

    def __init__(self, method: Any, site: Any, calling: Calling) -> None:
        self._method, self._site, self._calling = method, site, calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the method does, after its event."""
        self._calling(self._method, self._site, *args)
        return self._method(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._method, name)

    def __eq__(self, other: object) -> bool:
        return bool(self._method == (other._method if isinstance(other, HandedMethod) else other))

    def __hash__(self) -> int:
        return hash(self._method)

    def __repr__(self) -> str:
        return repr(self._method)


def handing(value: Any, site: Any, taker: str, calling: Calling) -> Any:
    """What is handed over to what `taker` means in the frame that calls the hook, with an event where it needs one."""
    if type(value) is not types.BuiltinMethodType or not isinstance(value.__self__, CONTAINERS):
        return value
    return HandedMethod(value, site, calling) if takes(taker, sys._getframe(2)) else value
