"""Runs functions in threads, each with the name of its function."""

from __future__ import annotations

import threading
from collections.abc import Callable


def run(*functions: Callable[[], object]) -> None:
    """Return when all of them have ended."""
    threads = [threading.Thread(target=function, name=function.__name__) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
