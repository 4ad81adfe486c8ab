"""What a check takes of a notebook as it is, because nothing makes it anew: an answer to `input()`, what `!ls` gave.

Each execution gets a copy, so none sees what another has done to it, and neither does the notebook. What is of an
installed package, such as its functions and modules, is no copy.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

from plait._check.programs.shape import PLAIN
from plait._core.errors import UsageError
from plait._core.installed import is_installed


class Taken:
    """A value of a namespace, made anew by `again`; `is_copy` says whether that is worth a word."""

    def __init__(self, name: str, value: Any, wanted_by: str, module: str) -> None:
        self.name = name
        self.is_copy = False
        self.again: Callable[[], Any] = lambda: value
        if isinstance(value, ModuleType):
            self.again = lambda: __import__(value.__name__, fromlist=["*"])
        elif not _is_code_of_others(value):
            self.is_copy = True
            if type(value) not in PLAIN:
                kept = _kept(value, name, wanted_by, module)
                self.again = lambda: pickle.loads(kept)


def _is_code_of_others(value: Any) -> bool:
    return callable(value) and is_installed(value if hasattr(value, "__module__") else type(value))


def _kept(value: Any, name: str, wanted_by: str, module: str) -> bytes:
    """The value as bytes.

    Raises:
        UsageError: it has none, or is made of what was defined in the namespace, which is defined anew.
    """
    written = io.BytesIO()
    try:
        _Pickler(written, module).dump(value)
    except Exception as error:
        raise UsageError(
            f"check({wanted_by}): it needs {name}, and no statement is known that makes it anew for each execution; it "
            f"cannot be taken as it is either ({error}). Define {name} in a cell of its own, without input() and "
            f"magics, import it from a .py file, or make it in {wanted_by}"
        ) from None
    return written.getvalue()


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, module: str) -> None:
        super().__init__(file, protocol=5)
        self._module = module

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, (type, FunctionType)) and obj.__module__ == self._module:
            raise TypeError(f"it uses {obj.__qualname__} as it was")
        return NotImplemented
