"""Whether an object can be sent as a name: another interpreter finds it under its module and qualified name."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module, and typing would double their start-up time
    from typing import Any


def is_importable(value: Any) -> bool:
    """Whether another interpreter finds it under its module and qualified name."""
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    if module is None or module.__name__ == "__main__" or _is_unfinished(module):
        return False
    found: Any = module
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value


def _is_unfinished(module: Any) -> bool:
    """Whether its import has not ended: elsewhere it would do anew what it does here, and threads here wait for it."""
    return getattr(getattr(module, "__spec__", None), "_initializing", False) is True
