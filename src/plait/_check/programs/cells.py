"""The sources that a notebook, a prompt or a program that writes code was made of, in the order in which they were run.

What stands in no file is kept by whoever has run it: IPython has its history, Python 3.13's prompt and many programs
that execute code enter it in `linecache`. Later prompts keep functions only, and not the values that these need. Of the
source that is running now only what stands above the running line counts: the rest has not happened yet.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import os
import re
import sys
from collections.abc import Iterator
from types import FrameType, FunctionType
from typing import Any, NamedTuple

_PROMPT = re.compile(r"<(?:stdin>-|python-input-)(\d+)>?")
_OF_PYTHON = ("time", "capture", "prun")  # magic commands of a cell that run it in the namespace
_GUARD = ast.dump(ast.parse("__name__ == '__main__'", mode="eval").body)


class Cell(NamedTuple):
    """A source that was run.

    Attributes:
        name: what people call it: ``Cell In[3]``, or the name of its file.
        file: what its code is compiled under.
        text: all of it.
    """

    name: str
    file: str
    text: str


class Statement(NamedTuple):
    """A statement at the top level of a cell."""

    cell: Cell
    node: ast.stmt


def cells_of(scope: dict[str, Any]) -> list[Cell]:
    """The sources that were run in this namespace, as far as they are known; one that was run twice is there twice."""
    shell = shell_of(scope)
    if shell is not None:
        return _of_shell(shell, set(_files_in(scope)))
    return _kept(scope)


def statements_of(cells: list[Cell], scope: dict[str, Any]) -> list[Statement]:
    """The statements that were run, in their order; those below the main guard of a cell are at its top level."""
    found: list[Statement] = []
    file, line = _running(scope, {cell.file for cell in cells})
    last = max((number for number, cell in enumerate(cells) if cell.file == file), default=len(cells))
    for number, cell in enumerate(map(_timed, cells[: last + 1])):
        try:
            body = ast.parse(cell.text).body
        except (SyntaxError, ValueError):  # it was refused, and nothing of it was run
            continue
        for node in _unfolded(body):
            if number == last and node.lineno <= line <= (node.end_lineno or 0):
                return found
            found.append(Statement(cell, node))
    return found


def shell_of(scope: dict[str, Any]) -> Any:
    """The IPython whose namespace this is; None if there is none."""
    module: Any = sys.modules.get("IPython")
    shell = module.get_ipython() if hasattr(module, "get_ipython") else None
    return shell if getattr(shell, "user_ns", None) is scope else None


def _of_shell(shell: Any, used: set[str]) -> list[Cell]:
    """Those of its history, numbered as people see them; behind what they followed those that it was not to keep.

    What was run before a ``%reset`` is still there, too: so beside a history only those count that functions are from.
    First come files that were run in the namespace: of `startup`, or by ``%run -i``.
    """
    numbers: dict[str, int] = getattr(shell.compile, "_filename_map", {}) or dict.fromkeys(sorted(used), 0)
    files = {_text(file).strip(): file for file in numbers}
    files_then = {(number, _text(file).strip()): file for file, number in numbers.items()}
    found: list[Cell] = []
    for number, text in enumerate(shell.history_manager.input_hist_parsed):
        if text.strip():
            known = text.strip()
            file = files_then.get((number, known)) or files.get(known) or f"<cell {number}>"
            found.append(Cell(f"Cell In[{number}]", file, _text(file) or text))
    before = ""
    has_history = bool(found)
    for file, number in numbers.items():
        at = next((at for at, cell in enumerate(found) if cell.file == file), None)
        if at is None and has_history and file not in used:
            continue
        if at is None:
            name = f"Cell In[{number}]"
            others = sum(cell.name.partition(" (")[0] == name for cell in found)
            at = next((at for at, cell in enumerate(found, 1) if cell.file == before), 0)
            found.insert(at, Cell(f"{name} ({others + 1})" if others else name, file, _text(file)))
        before = file
    files_run = sorted(file for file in used if file not in numbers and os.path.isfile(file))
    return [*(Cell(file, file, _text(file)) for file in files_run), *found]


def _kept(scope: dict[str, Any]) -> list[Cell]:
    """Files that were run here before a prompt was opened, what code was made of, and all of the prompt."""
    typed: list[tuple[int, str]] = []
    if scope is getattr(sys.modules.get("__main__"), "__dict__", None):
        kept = list(linecache.cache)
        typed = sorted((int(match[1]), file) for file in kept if (match := _PROMPT.fullmatch(str(file))))
    prompt = [file for _, file in typed]
    others = [file for file in dict.fromkeys(_files_in(scope)) if file not in prompt]
    order = {file: number for number, file in enumerate(linecache.cache)}
    others.sort(key=lambda file: -1 if os.path.isfile(file) else order.get(file, -1))
    return [Cell(file, file, text) for file in [*others, *prompt] if (text := _text(file))]


def _files_in(scope: dict[str, Any]) -> Iterator[str]:
    for value in list(scope.values()):
        parts = [value, *vars(value).values()] if isinstance(value, type) else [value]
        for part in parts:
            function = inspect.unwrap(part) if isinstance(part, FunctionType) else None
            if isinstance(function, FunctionType) and function.__globals__ is scope:
                yield function.__code__.co_filename


def _text(file: str) -> str:
    return "".join(linecache.getlines(file))


def _running(scope: dict[str, Any], files: set[str]) -> tuple[str, int]:
    """The one of the files that is running here, and the line at its top level; "" for none: then all has been run."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if frame.f_globals is scope and code.co_filename in files and not code.co_flags & inspect.CO_NEWLOCALS:
            return code.co_filename, frame.f_lineno
        frame = frame.f_back
    return "", 0


def _unfolded(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that are run at the top level, whether below a main guard or by ``%time``."""
    for node in body:
        if isinstance(node, ast.If) and ast.dump(node.test) == _GUARD:
            yield from node.body
            continue
        magic = _magic(node, "run_line_magic")
        try:
            inner = ast.parse(magic[1]).body if magic and magic[0] == "time" else [node]
        except SyntaxError:  # an option of the magic
            inner = [node]
        for one in inner:
            yield ast.increment_lineno(one, node.lineno - 1) if one is not node else node


def _timed(cell: Cell) -> Cell:
    """As it is; a cell of ``%%time`` and the like as the Python that is below that."""
    try:
        body = ast.parse(cell.text).body
    except (SyntaxError, ValueError):
        return cell
    magic = _magic(body[0], "run_cell_magic") if len(body) == 1 else []
    return cell._replace(text=f"# %%{magic[0]}\n{magic[2]}") if magic and magic[0] in _OF_PYTHON else cell


def _magic(node: ast.stmt, way: str) -> list[str]:
    """The name and the words of a magic command of IPython."""
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr != way:
        return []
    return [str(argument.value) for argument in call.args if isinstance(argument, ast.Constant)]
