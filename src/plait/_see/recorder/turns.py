"""TurnRecorder: what one thread does for others, one after the other: requests of a server, callbacks of a window.

A server of `socketserver` without threads handles each request before it takes the next; tkinter calls what a program
has given it for clicks, keys and timers in the thread of its windows, which answer to nothing meanwhile. Modules that
nobody has imported yet are seen to when they are.
"""

from __future__ import annotations

import _thread
import functools
import sys
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from plait._core.once_imported import forget, once_imported
from plait._see.replaced import Replaced
from plait._see.sampler.samples import now

_KEPT = 100_000
_SHORTEST = 1000  # microseconds: shorter ones are not noted
_WHOSE = "plait.trace of turns"
WINDOW = "a window"
_TURNS = (  # module, class, method; subclasses with threads or processes of their own have another
    ("socketserver", "BaseServer", "process_request"),
    ("tkinter", "CallWrapper", "__call__"),
)


class Turn(NamedTuple):
    """A thread did something for one of many from then until then; `server` is the class of it, or `WINDOW`."""

    tid: int
    began: int
    ended: int
    server: str


class TurnRecorder:
    """Notes turns between `install` and `remove`."""

    def __init__(self) -> None:
        self.turns: deque[Turn] = deque(maxlen=_KEPT)
        self._replaced = Replaced()

    def install(self) -> None:
        """Begin."""
        for module, kind, method in _TURNS:
            once_imported(module, functools.partial(self._see_to, module, kind, method), _WHOSE)

    def remove(self) -> None:
        """End."""
        forget(_WHOSE)
        self._replaced.put_back()

    def _see_to(self, module: str, kind: str, method: str) -> None:
        owner: Any = getattr(sys.modules[module], kind)
        self._replaced.put(owner, method, self._turn(getattr(owner, method), module))

    def _turn(self, original: Callable[..., Any], module: str) -> Callable[..., Any]:
        turns = self.turns

        @functools.wraps(original)
        def turn(self: Any, *args: Any, **kwargs: Any) -> Any:
            began = now()
            try:
                return original(self, *args, **kwargs)
            finally:
                if (ended := now()) - began >= _SHORTEST:
                    server = WINDOW if module == "tkinter" else _server(type(self))
                    turns.append(Turn(_thread.get_native_id(), began, ended, server))

        return turn


def _server(kind: type) -> str:
    """The name of its class; with the package's, where it is one of a package: ``werkzeug.serving.BaseWSGIServer``."""
    standard = kind.__module__ in ("socketserver", "http.server", "wsgiref.simple_server", "xmlrpc.server", "__main__")
    return kind.__name__ if standard else f"{kind.__module__}.{kind.__name__}"
