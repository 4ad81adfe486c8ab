"""Whether this interpreter has a GIL: the one place that asks."""

from __future__ import annotations

import sys


def has_gil() -> bool:
    """False on a free-threaded build whose GIL no import has turned on."""
    enabled: bool = getattr(sys, "_is_gil_enabled", lambda: True)()
    return enabled
