"""Where another interpreter looks for modules: ``sys.path``, with the working folder by its name."""

from __future__ import annotations

import os
import sys


def working_folder() -> str:
    """The working folder, or ``""`` when it has been deleted, which is no reason not to work."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def search_path() -> list[str]:
    """``sys.path`` for an interpreter that may be started in another folder, without what no import looks at.

    That is every entry which is no text, such as a `pathlib.Path`.
    """
    folder = working_folder()
    return [found for entry in sys.path if isinstance(entry, str) and (found := entry or folder)]
