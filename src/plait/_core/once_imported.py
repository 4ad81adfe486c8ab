"""Once a module is there: calls a function now, or when the module is imported first, before anybody can use it."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # every worker imports this module, and typing would double its start-up time
    from _collections_abc import Callable
    from typing import Any


def once_imported(name: str, then: Callable[[], None], whose: str = "") -> None:
    """Call `then` when there is a module of that name; of two that the same one waits for with, the last counts."""
    forget(whose, name)
    if name in sys.modules:
        __import__(name)  # which waits where another thread is at it
        then()
    else:
        sys.meta_path.insert(0, _ImportHook(name, then, whose))


def forget(whose: str, name: str = "") -> None:
    """Do not call what was to be called for that one's sake any more: for one module, or for all of them."""
    sys.meta_path[:] = [
        each
        for each in sys.meta_path
        if not (isinstance(each, _ImportHook) and each.whose == whose and name in ("", each.name))
    ]


class _ImportHook:
    """Waits for the first import of one module."""

    def __init__(self, name: str, then: Callable[[], None], whose: str) -> None:
        self.name = name
        self.whose = whose
        self._then = then

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                spec.loader = _ThenCall(spec.loader, self._then)  # type: ignore[assignment]  # delegates all a loader does
                return spec
        return None


class _ThenCall:
    """Loads a module as its own loader does, and calls `then` before anybody can use it."""

    def __init__(self, loader: Any, then: Callable[[], None]) -> None:
        self._loader = loader
        self._then = then

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._then()
