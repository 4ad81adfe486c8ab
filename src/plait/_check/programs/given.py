"""The source of a whole module that is in no file of its own: ``python -c``, standard input, an archive."""

from __future__ import annotations

import ast
import linecache
import os
import stat
import sys
import textwrap
from types import CodeType, FunctionType
from typing import Any, NamedTuple


class Given(NamedTuple):
    """A source, and what it is called."""

    file: str
    text: str


def given_source(function: FunctionType) -> Given | None:
    """The source of the module that a function is of; None if it is in a file, or not known."""
    file = function.__code__.co_filename
    scope = function.__globals__
    is_main = scope is getattr(sys.modules.get("__main__"), "__dict__", None)
    if os.path.isfile(file):
        return None
    text: str | None = None
    if is_main and file == "<string>":  # which is the name of what dataclasses write, too
        file, text = "<python -c>", _of_command(function)
    elif is_main and file == "<stdin>":
        text = _of_input()
    else:
        loader: Any = scope.get("__loader__")
        name = getattr(scope.get("__spec__"), "name", scope.get("__name__"))
        try:
            text = loader.get_source(name)
        except (AttributeError, ImportError):
            return None
        file = os.path.abspath(file)
    return Given(file, text) if text and defines(text, function.__code__) else None


def _of_command(function: FunctionType) -> str | None:
    """What follows ``-c``, which ends the options of Python, if the function stands there."""
    at = len(sys.orig_argv) - len(sys.argv)
    if sys.argv[:1] != ["-c"] or at <= 0:
        return None
    word = sys.orig_argv[at]
    candidates = "".join(linecache.getlines("<string>")), word, textwrap.dedent(word), word.partition("c")[2]
    return next((text for text in candidates if defines(text, function.__code__)), None)


def defines(text: str, code: CodeType) -> bool:
    """Whether the code of a function may have been compiled from this text: there is one of its name on its line."""
    try:
        nodes = ast.walk(ast.parse(text))
    except (SyntaxError, ValueError):
        return False
    return any(is_of(code, node) for node in nodes)


def is_of(code: CodeType, node: ast.AST) -> bool:
    """Whether the code may be that of this function."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return False
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    first = min([node.lineno, *(one.lineno for one in decorators)])
    return first == code.co_firstlineno and code.co_name == getattr(node, "name", "<lambda>")


def _of_input() -> str | None:
    """A file that is standard input, from its beginning; what came through a pipe is gone, and a prompt has no end."""
    try:
        number = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode) or not hasattr(os, "pread"):
            return None
        return os.pread(number, status.st_size, 0).decode()
    except (OSError, ValueError):
        return None
