"""How it is told that something went wrong when nobody was left to whom it could be raised: a log record, a warning."""

from __future__ import annotations

import logging
import warnings

from plait._core.worker_state import Mishap


def log(mishap: Mishap) -> None:
    """Log it, with its traceback, so that it is found where the program's log is."""
    logging.getLogger("plait").error("%s", mishap.text, exc_info=mishap.error)


def warn(text: str, stacklevel: int = 2) -> None:
    """Warn of it, where the caller of our caller is."""
    warnings.warn(f"plait: {text}", RuntimeWarning, stacklevel=stacklevel + 1)


def announce(mishap: Mishap) -> None:
    """Log it and warn of it: there is no report in which it could stand."""
    log(mishap)
    warn(mishap.text)
