"""Programs that PyInstaller and the like have frozen: their `sys.executable` is the program itself, no interpreter."""

from __future__ import annotations

import sys


def is_frozen() -> bool:
    """Whether starting `sys.executable` would run this very program once more, whatever it is told."""
    return bool(getattr(sys, "frozen", False))
