"""KeptSettings: what a pool's initializer has changed of what a worker takes over from the program stays as it is."""

from __future__ import annotations

import os
import sys
from _pickle import dumps

from plait._engines.forwarding import filters_in_words, levels_of_loggers
from plait._engines.python_settings import ARITHMETIC, of_this_moment

TYPE_CHECKING = False
if TYPE_CHECKING:  # process workers import this file
    from typing import Any


class KeptSettings:
    """Looks at the settings before and after the initializer, and then corrects those that the program sends.

    A program sends them again with each map. What its pool's initializer has set is meant for all of them.

    """

    def __init__(self) -> None:
        self._before: dict[str, Any] = {}
        self._changed: dict[str, Any] = {}
        self._levels: dict[str, int] = {}
        self._path: list[str] = []

    def begin(self, sent: dict[str, Any]) -> None:
        """An initializer begins, in a worker that has taken over these settings."""
        self._before = _state(sent)

    def compare(self, sent: dict[str, Any]) -> None:
        """It has ended: note what it has changed."""
        before, after = self._before, _state(sent)
        changed = {name: value for name, value in after.items() if value != before[name]}
        if "levels" in changed:
            was, is_now = before["levels"], changed.pop("levels")
            for name in was.keys() | is_now.keys():
                if is_now.get(name, 0) != was.get(name, 0):
                    self._levels[name] = is_now.get(name, 0)
        if "path" in changed:
            self._path = [entry for entry in changed.pop("path") if entry not in before["path"]] + self._path
        if "arithmetic" in changed:
            changed["arithmetic"] = dumps(sys.modules["decimal"].getcontext(), 5)
        self._changed |= changed

    def over(self, setting: dict[str, Any]) -> dict[str, Any]:
        """What the program sends, with what the initializer has changed."""
        mixed = setting | {name: value for name, value in self._changed.items() if name in setting}
        if self._levels and "levels" in setting:
            mixed["levels"] = setting["levels"] | self._levels
        if "path" in setting:
            mixed["path"] = self._path + [entry for entry in setting["path"] if entry not in self._path]
        return mixed


def _state(sent: dict[str, Any]) -> dict[str, Any]:
    """How things are; where nobody has imported a module, how they will be once somebody does."""
    loaded = sys.modules
    state = of_this_moment()
    if "socket" not in loaded:
        state["socket timeout"] = sent.get("socket timeout")
    state["path"] = list(sys.path)
    state["folder"] = _folder()
    state["levels"] = levels_of_loggers() if "logging" in loaded else sent.get("levels", {})
    state["filters"] = filters_in_words() if "warnings" in loaded else sent.get("filters", [])
    if sent.get("arithmetic"):
        import decimal  # noqa: F401  as the program has done
    context: Any = loaded["decimal"].getcontext() if "decimal" in loaded else None
    state["arithmetic"] = [_plain(getattr(context, name, None)) for name in ARITHMETIC]
    return state


def _plain(value: Any) -> object:
    return dict(value) if hasattr(value, "keys") else value


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return ""
