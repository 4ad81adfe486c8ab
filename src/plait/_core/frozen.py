"""Programs whose `sys.executable` is the program itself, no interpreter: frozen ones, and those that embed Python."""

from __future__ import annotations

import os
import sys

STARTING = "PLAIT_STARTING"  # in the environment of a process that is to be a worker, until it is one


def is_frozen() -> bool:
    """Whether starting `sys.executable` would run this very program once more, whatever it is told.

    PyInstaller and the like say so. A program that embeds Python, as Cython and Nuitka make them, is known by its
    words: an interpreter is never the first of those that it hands to a script.
    """
    if getattr(sys, "frozen", False):
        return True
    own, words = list(sys.orig_argv), list(getattr(sys, "argv", ()))
    if not own or own[:1] != words[:1]:
        return False
    return os.path.basename(own[0]) == os.path.basename(sys.executable or "")
