"""Where in a program something happens, in words for people."""

from __future__ import annotations

import concurrent.futures
import linecache
import os
import queue
import re
import threading
from types import FrameType

PLAIT = os.path.dirname(os.path.dirname(__file__)) + os.sep
_HIDDEN = (os.path.dirname(concurrent.futures.__file__) + os.sep, PLAIT)
_HIDDEN_FILES = (threading.__file__, queue.__file__)


def user_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame that is neither ours nor of the modules that waits are made of."""
    while frame is not None and (
        frame.f_code.co_filename.startswith(_HIDDEN) or frame.f_code.co_filename in _HIDDEN_FILES
    ):
        frame = frame.f_back
    return frame


def place(frame: FrameType | None) -> str:
    """``app.py:30 in main``, or "" for nowhere."""
    if frame is None:
        return ""
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno} in {frame.f_code.co_name}"


def made_at(frame: FrameType | None) -> str:
    """What an object made in this frame is called: the name it is assigned to, and where."""
    if frame is None:
        return "lock"
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    found = re.match(r"\s*([\w.\[\]'\"]+)\s*(?::[^=]+)?=[^=]", line)
    where = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
    return f"{found[1]} ({where})" if found else f"lock ({where})"
