"""What a module imports lazily (PEP 810, from CPython 3.15 on), as the code that uses it sees it.

Until it is used its variable has an object that stands for it, which whoever looks into the dictionary of the globals
finds there: no module, no function, and nothing that pickle knows.
"""

from __future__ import annotations

import sys
import types
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module, and typing would double their start-up time
    from typing import Any

LAZY: type = getattr(types, "LazyImportType", type("Never", (), {}))  # what no object is of, before that version
_NO_SUCH = not hasattr(types, "LazyImportType")


def settled(scope: dict[str, Any], name: str) -> Any:
    """The value of a global variable as code that reads it gets it: what was lazily imported is imported now.

    Where that fails it is what stands for the import, so that whoever reads the variable gets the error.
    """
    value = scope[name]
    if type(value) is not LAZY:
        return value
    found = _imported(value)
    if scope.get(name) is value:
        scope[name] = found
    return found


def settle_modules(prefixes: tuple[str, ...]) -> None:
    """Import what the loaded modules of these names import lazily, and what the modules that come by that do."""
    if _NO_SUCH:
        return
    done: set[str] = set()
    while found := [name for name in list(sys.modules) if name.startswith(prefixes) and name not in done]:
        done.update(found)
        for name in found:
            scope = getattr(sys.modules[name], "__dict__", {})
            if LAZY in set(map(type, list(scope.values()))):
                for variable in list(scope):
                    settled(scope, variable)


def import_inside(package: types.ModuleType, name: str) -> None:
    """Import the module of this name in a package, if ``lazy import package.name`` has made it known, and no more."""
    path = f"{package.__name__}.{name}"
    if any(lazy == path or lazy.startswith(f"{path}.") for lazy in tuple(getattr(sys, "lazy_modules", ()))):
        with suppress(Exception):  # as above
            getattr(package, name)


def reduce_lazy(value: Any) -> tuple[Any, ...]:
    """For pickle: what the import gives, or, where it fails, the import, to fail where it is used."""
    found = _imported(value)
    if found is value:
        return _lazily, (repr(value).split("'")[1],)
    return _given, (found,)


def _imported(value: Any) -> Any:
    with suppress(Exception):  # whatever the module raises; the code that uses it gets that, and may expect it
        return value.resolve()
    return value


def _lazily(path: str) -> object:
    module, _, name = path.rpartition(".")
    scope: dict[str, object] = {}
    exec(f"lazy from {module} import {name} as value" if module else f"lazy import {name} as value", scope)
    return scope["value"]


def _given(value: object) -> object:
    return value
