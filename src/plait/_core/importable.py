"""Whether an object can be sent as a name: another interpreter finds it under its module and qualified name."""

from __future__ import annotations

import _frozen_importlib
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module, and typing would double their start-up time
    from typing import Any


MAIN_ANEW = "__plait_main__"
"""What `check` calls a script that it runs anew: not ``__main__``, so that a main guard keeps its rest from running."""

# The names of what is being imported, and of some more at times; without it nothing is known to be.
_locked: dict[str, object] = getattr(_frozen_importlib, "_module_locks", {})


def is_importable(value: Any) -> bool:
    """Whether another interpreter finds it under its module and qualified name."""
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    if module is None or module.__name__ in ("__main__", MAIN_ANEW) or is_unfinished(module):
        return False
    if is_adrift(value.__module__):
        return False
    found: Any = module
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value


def module_with(kind: type) -> Any:
    """The module that has a class which is not where it says it is, as errors of pytest are not; None if there is none.

    Classes of ``__main__``, and of modules that are still being imported, are where they say, or will be.
    """
    own = sys.modules.get(kind.__module__)
    if own is None or own.__name__ == "__main__" or is_unfinished(own) or _has(own, kind):
        return None
    for module in list(sys.modules.values()):
        if _has(module, kind) and module.__name__ != "__main__" and not is_unfinished(module):
            return module
    return None


def _has(module: Any, kind: type) -> bool:
    return getattr(module, "__dict__", {}).get(kind.__qualname__) is kind


def is_importing() -> bool:
    """Whether a module's import has not ended, in any thread."""
    return bool(_locked) and any(is_unfinished(sys.modules.get(name)) for name in list(_locked))


def is_being_imported(value: Any) -> bool:
    """Whether the import of the module that it is of has not ended."""
    return is_unfinished(sys.modules.get(getattr(value, "__module__", None) or ""))


def is_adrift(module: object) -> bool:
    """Whether it has the name of a part of a package that is not there: it was loaded by its path, as plug-ins are.

    An import of that name finds it here, and fails everywhere else at the package.
    """
    if not isinstance(module, str):  # a class may make anything of its `__module__`
        return False
    package = module.rpartition(".")[0]
    return bool(package) and module in sys.modules and package not in sys.modules


def and_packages(module: str) -> list[str]:
    """The module, and the packages it is in: cloudpickle's rule for what belongs to a module."""
    parts = module.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]


def imported(name: str) -> Any:
    """The module of that name, once its import has ended; None before, while it has only a part of its names."""
    module = sys.modules.get(name)
    return None if is_unfinished(module) else module


def is_unfinished(module: Any) -> bool:
    """Whether its import has not ended: elsewhere it would do anew what it does here, and threads here wait for it."""
    return getattr(getattr(module, "__spec__", None), "_initializing", False) is True
