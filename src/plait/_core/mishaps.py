"""How it is told that something went wrong when nobody was left to whom it could be raised: a log record, a warning."""

from __future__ import annotations

import logging
import os
import sys
import warnings

from plait._core.worker_state import Mishap

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def log(mishap: Mishap) -> None:
    """Log it, with its traceback, so that it is found where the program's log is."""
    logging.getLogger("plait").error("%s", mishap.text, exc_info=mishap.error)


def warn(text: str) -> None:
    """Warn, at the line of the first caller that is not ours: the one people want a warning to show."""
    level = 2
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    warnings.warn(f"plait{text}", RuntimeWarning, stacklevel=level)


class Announced:
    """Takes what there is no report for: each mishap is logged at once, and warned of at the end of the block.

    Not earlier: where warnings are errors, the first one would keep the rest of the block from being done.
    """

    def __init__(self) -> None:
        self._texts: list[str] = []

    def note(self, mishap: Mishap) -> None:
        """Something went wrong."""
        log(mishap)
        self._texts.append(mishap.text)

    def __enter__(self) -> Announced:
        return self

    def __exit__(self, *_: object) -> None:
        for text in self._texts:
            warn(f": {text}")
