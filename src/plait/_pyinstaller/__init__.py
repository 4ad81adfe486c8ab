"""What PyInstaller does with a program that imports plait: takes all of it along, and lets the program be a worker.

PyInstaller finds it by the entry point ``pyinstaller40``. It imports nothing of plait but what the run-time hook calls.
"""

from __future__ import annotations

import os


def hook_dirs() -> list[str]:
    """The folder with the hooks."""
    return [os.path.dirname(__file__)]
