"""Where in a program something happens, in words for people."""

from __future__ import annotations

import ast
import concurrent.futures
import linecache
import os
import queue
import re
import threading
from functools import lru_cache
from itertools import islice
from types import CodeType, FrameType

PLAIT = os.path.dirname(os.path.dirname(__file__)) + os.sep
_HIDDEN = (os.path.dirname(concurrent.futures.__file__) + os.sep, PLAIT)
_HIDDEN_FILES = (threading.__file__, queue.__file__)
_LIBRARY = os.path.dirname(threading.__file__) + os.sep
_INSTALLED = re.compile(r"[/\\](?:site|dist)-packages[/\\]([^/\\]+)")
GENERATED = re.compile(r"<(frozen |decorator-gen|__array_function__|[\w ]*\bgenerated\b)")  # files of what no file has
_COMMANDS = re.compile(r"[/\\](?:bin|Scripts)[/\\][^/\\]+$")  # where commands are that installers have written
_SHORT = 20  # lines of one
_COMMAND = os.path.join(PLAIT, "_cli") + os.sep


def line_of(frame: FrameType | None) -> str:
    """The line of the program, as `whence`; where there is none, one outside of what waits are made of.

    Who has called logging or multiprocessing learns little from a line within these.
    """
    return whence(frame) or place(user_frame(frame))


def program_frame(frame: FrameType | None, until: CodeType | None = None) -> FrameType | None:
    """The innermost frame of the program's own, or of a package that it uses, within a call of `until`; or none."""
    while frame is not None and frame.f_code is not until and not frame.f_code.co_filename.startswith(_COMMAND):
        if _is_theirs(frame.f_code.co_filename) and frame.f_lineno:  # 0 where compiled
            return frame
        frame = frame.f_back
    return None


@lru_cache(maxsize=4096)
def _is_theirs(file: str) -> bool:
    """Whether code of the program, or of a package that it uses, is in a file."""
    if file.startswith(PLAIT) or GENERATED.match(file) or is_launcher(file):
        return False
    return not file.startswith(_LIBRARY) or _INSTALLED.search(file) is not None


def user_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame that is neither ours nor of the modules that waits are made of."""
    while frame is not None and (
        frame.f_code.co_filename.startswith(_HIDDEN) or frame.f_code.co_filename in _HIDDEN_FILES
    ):
        frame = frame.f_back
    return frame


def lacks_work(frame: FrameType | None) -> bool:
    """Whether a thread that a library has started for itself waits in its own function until it is given some.

    It is within one package only. A call of an executor, or what a library does for another, has a caller who waits.
    """
    packages, library = set(), False
    while frame is not None:
        file, function = frame.f_code.co_filename, frame.f_code.co_name
        if file.startswith(_HIDDEN[0]) and function == "run":
            return False
        if (found := _INSTALLED.search(file)) is not None and not file.startswith(PLAIT):
            packages.add(found[1])
        elif not (file.startswith((_LIBRARY, PLAIT)) or GENERATED.match(file)) and frame.f_lineno:
            return False
        library = library or (file.startswith(_LIBRARY) and file != threading.__file__)
        frame = frame.f_back
    return len(packages) <= 1 and (library or bool(packages))


def whence(frame: FrameType | None, until: CodeType | None = None) -> str:
    """As `place` of the innermost frame of the program; with that of the package, in brackets, that it has called.

    ``app.py:30 in fetch (connectionpool.py:280 in _get_conn)``: who has called a package is who can change something.
    """
    inner = own = program_frame(frame, until)
    while own is not None and is_installed(own):
        own = program_frame(own.f_back, until)
    return both(own, inner)


def is_installed(frame: FrameType) -> bool:
    """Whether it is of a package that was installed, rather than the program's own."""
    return _INSTALLED.search(frame.f_code.co_filename) is not None


@lru_cache(maxsize=1024)
def is_launcher(file: str) -> bool:
    """Whether it is what installers write for a command, such as ``bin/gunicorn``, which only calls a package."""
    if not _COMMANDS.search(file):
        return False
    lines = linecache.getlines(file)
    return len(lines) <= _SHORT and any("sys.argv[0] = " in line for line in lines)


def both(own: FrameType | None, inner: FrameType | None) -> str:
    """The place of the program's own frame, and in brackets that of the inner one, if it is another."""
    return place(inner) if own is None or own is inner else f"{place(own)} ({place(inner)})"


def place(frame: FrameType | None) -> str:
    """``app.py:30 in main``, or "" for nowhere."""
    if frame is None:
        return ""
    return f"{_line(frame)} in {frame.f_code.co_name}"


def made_at(frame: FrameType | None) -> str:
    """What an object made in this frame is called: the name it is assigned to, and where."""
    if frame is None:
        return "lock"
    return f"{_assigned(frame.f_code, frame.f_lineno, frame.f_lasti) or 'lock'} ({_line(frame)})"


@lru_cache(maxsize=1024)  # a class makes a lock for each of its objects
def _assigned(code: CodeType, number: int, instruction: int) -> str:
    """What the value of an instruction is assigned to in its line, which may have others: ``a, b = Lock(), Lock()``."""
    line = linecache.getline(code.co_filename, number)
    column = next(islice(code.co_positions(), instruction // 2, None), (None,) * 4)[2]
    try:
        nodes = list(ast.walk(ast.parse(line.strip())))
    except SyntaxError:  # a part of a longer statement
        nodes = []
    if column is None or not nodes:
        found = re.match(r"\s*([\w.\[\]'\"]+)\s*(?::[^=]+)?=[^=]", line)
        return found[1] if found else ""
    at = column - (len(line) - len(line.lstrip()))
    pairs = [(target, node.value) for node in nodes if isinstance(node, ast.Assign) for target in node.targets]
    pairs += [(node.target, node.value) for node in nodes if isinstance(node, ast.AnnAssign) and node.value is not None]
    for one, value in pairs:
        if isinstance(one, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs += zip(one.elts, value.elts, strict=False)
        elif not isinstance(one, ast.Tuple) and value.col_offset <= at < (value.end_col_offset or 0):
            return ast.unparse(one)
    return ""


def _line(frame: FrameType) -> str:
    """``app.py:30``; with its folder, where the name of the file says nothing: ``logging/__init__.py:7``."""
    folder, name = os.path.split(frame.f_code.co_filename)
    name = f"{os.path.basename(folder)}/{name}" if name == "__init__.py" else name
    return f"{name}:{frame.f_lineno}"
