"""Pickles to see whether and what, in a thread for which the program may wait: never waits for an import."""

from __future__ import annotations

from _collections_abc import Callable
from _pickle import PickleBuffer, Pickler, PicklingError
from io import BytesIO

from plait._core.importable import is_being_imported, is_importing

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module, and typing would double their start-up time
    from typing import Any


def dumps_carefully(value: object, place: Callable[[PickleBuffer], object] | None = None) -> bytes:
    """Plain pickle's bytes. It looks up each class in its module, and would wait for who imports that and waits for us.

    Raises:
        PicklingError: a class or function of a module that is being imported.
        Exception: pickle's own.
    """
    with BytesIO() as file:
        kind = _Careful if is_importing() else Pickler
        kind(file, 5, buffer_callback=place).dump(value)
        return file.getvalue()


class _Careful(Pickler):
    def reducer_override(self, value: Any) -> Any:
        if is_being_imported(value):
            name = getattr(value, "__qualname__", None) or type(value).__qualname__
            raise PicklingError(f"{name} is of the module {value.__module__}, which is being imported")
        return NotImplemented
