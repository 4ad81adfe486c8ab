"""What stands for standard output and error in a program: files, nothing, or any object that has `write`."""

from __future__ import annotations

import os
import sys


def is_terminal(stream: object) -> bool:
    """Whether what is written to it is seen at once: not if it is missing, closed, or replaced by what only writes."""
    ask = getattr(stream, "isatty", None)
    try:
        return ask is not None and bool(ask())
    except ValueError:  # it was closed
        return False


def is_coloured(stream: object) -> bool:
    """Whether colours are wanted in what is written to it: https://no-color.org, https://force-color.org."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def flush(stream: object) -> None:
    """What has been written to it leaves it now; nothing for what only writes, which `print` does with, too."""
    let_go = getattr(stream, "flush", None)
    if let_go is not None:
        let_go()


def flush_output() -> None:
    """What has been printed leaves the process now, where it can: who prints to what is broken gets the error."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: S110  closed, missing or broken
            pass
