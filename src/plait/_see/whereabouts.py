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
_LIBRARY = os.path.dirname(threading.__file__) + os.sep
_INSTALLED = (f"{_LIBRARY}site-packages{os.sep}", f"{_LIBRARY}dist-packages{os.sep}")
_COMMAND = os.path.join(PLAIT, "_cli") + os.sep


def own_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame of the program's own, or of a package that it uses; where there is none, as `user_frame`.

    Who has called logging or multiprocessing learns little from a line within these.
    """
    own = frame
    while own is not None and not own.f_code.co_filename.startswith(_COMMAND):
        file = own.f_code.co_filename
        if not file.startswith(("<frozen ", PLAIT)) and (not file.startswith(_LIBRARY) or file.startswith(_INSTALLED)):
            return own
        own = own.f_back
    return user_frame(frame)


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
    return f"{_line(frame)} in {frame.f_code.co_name}"


def made_at(frame: FrameType | None) -> str:
    """What an object made in this frame is called: the name it is assigned to, and where."""
    if frame is None:
        return "lock"
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    found = re.match(r"\s*([\w.\[\]'\"]+)\s*(?::[^=]+)?=[^=]", line)
    return f"{found[1] if found else 'lock'} ({_line(frame)})"


def _line(frame: FrameType) -> str:
    """``app.py:30``; with its folder, where the name of the file says nothing: ``logging/__init__.py:7``."""
    folder, name = os.path.split(frame.f_code.co_filename)
    name = f"{os.path.basename(folder)}/{name}" if name == "__init__.py" else name
    return f"{name}:{frame.f_lineno}"
