"""Runs the fenced blocks of one Markdown file in order, as a reader would: ``python tests/run_snippets.py FILE``.

* Python blocks share one ``__main__``, like the cells of a notebook; a traceback shows the page's own lines.
* console blocks: each ``$ command`` (continued with ``> ``) is run by bash; what it prints stands after it.
* a text block right after a Python block is what it prints; ``...`` stands for anything, as in doctest.
* a block opened with ``python not-run: reason`` is not run: it needs what the tests do not have.
* where the package of a block opened with ``python needs: package`` is not installed, the page ends there.
* commands that set the reader's machine up (``make``, ``git``, ``pip``) are not run.
"""

from __future__ import annotations

import doctest
import importlib.util
import linecache
import os
import re
import subprocess
import sys
import tempfile
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^`]*)$")
_SET_UP = re.compile(r"^(make|git|pip|cd|apt-get|sudo|source)\b")
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    """A fenced block: its language, the rest of its info string, the number of its first line, and its lines."""

    language: str
    note: str
    line: int
    lines: list[str]
    expected: str | None = None


def blocks_of(text: str) -> list[Block]:
    """The fenced blocks of a page; a text block that follows a Python block becomes what that block prints."""
    blocks: list[Block] = []
    opened: tuple[str, str, int] | None = None
    between = ""
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is None and fence:
            opened, lines = (fence["ticks"], fence["info"].strip(), number + 1), []
        elif opened is not None and line.strip() == opened[0]:
            language, _, note = opened[1].partition(" ")
            if language == "text" and blocks and blocks[-1].language == "python" and not between.strip():
                blocks[-1] = blocks[-1]._replace(expected="\n".join(lines) + "\n")
            else:
                blocks.append(Block(language, note, opened[2], lines))
            opened, between = None, ""
        elif opened is not None:
            lines.append(line)
        else:
            between += line
    if opened is not None:
        raise SystemExit(f"line {opened[2] - 1}: this block is never closed")
    return blocks


def main(page: Path) -> int:
    """Run the page; returns the exit status."""
    reader = types.ModuleType("__main__")
    sys.modules["__main__"] = reader
    counts = {"python": 0, "console": 0}
    for block in blocks_of(page.read_text()):
        if block.language == "python" and block.note.startswith("not-run:"):
            continue
        if block.note.startswith("needs: "):
            needed = block.note.removeprefix("needs: ")
            if importlib.util.find_spec(needed) is None:
                print(f"{page.name}: not run from line {block.line} on, since {needed} is not installed")
                break
        elif block.note and block.language in counts:
            return fail(
                page,
                block.line - 1,
                f"unknown note {block.note!r}; expected 'not-run: reason', 'needs: package' or nothing",
            )
        if block.language == "python":
            problem = run_python(page, block, reader)
        elif block.language == "console":
            problem = run_console(page, block)
        else:
            continue
        if problem:
            return problem
        counts[block.language] += 1
    print(f"{page.name}: {counts['python']} Python and {counts['console']} console blocks ran")
    return 0


def run_python(page: Path, block: Block, reader: types.ModuleType) -> int:
    """Run one block in the reader's namespace and compare what it prints."""
    source = "\n" * (block.line - 1) + "\n".join(block.lines) + "\n"  # line numbers are those of the page

    name = f"<{page.name}:{block.line}>"  # it is a cell: what asks for its source finds it as that of a notebook
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name

    def execute() -> str | None:
        try:
            exec(compile(source, name, "exec"), reader.__dict__)
        except BaseException as error:
            called = traceback.extract_tb(error.__traceback__)
            frames = [frame for frame in called if frame.filename.startswith(f"<{page.name}:")]
            where = frames[-1].lineno if frames and frames[-1].lineno else block.line
            return f"{where}|{''.join(traceback.format_exception(error))}"
        return None

    problem, printed = captured(execute)
    if problem:
        line, _, text = problem.partition("|")
        return fail(page, int(line), f"{text}\nprinted before: {printed}")
    if block.expected is not None and not doctest.OutputChecker().check_output(block.expected, printed, _FLAGS):
        return fail(page, block.line, f"expected:\n{block.expected}\nprinted:\n{printed}")
    return 0


def run_console(page: Path, block: Block) -> int:
    """Run each command of the block and compare what it prints, errors included."""
    for line, command, expected in commands_of(block):
        if _SET_UP.match(command):
            continue
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        run = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        if run.returncode:
            return fail(page, line, f"exit status {run.returncode}: {command}\nprinted:\n{run.stdout}")
        if expected and not doctest.OutputChecker().check_output(expected, run.stdout, _FLAGS):
            return fail(page, line, f"$ {command}\nexpected:\n{expected}\nprinted:\n{run.stdout}")
    return 0


def commands_of(block: Block) -> list[tuple[int, str, str]]:
    """Line, command and expected output for each ``$`` of a console block."""
    found: list[tuple[int, str, str]] = []
    for number, text in enumerate(block.lines, block.line):
        if text.startswith("$ "):
            found.append((number, text[2:], ""))
        elif found:
            line, command, expected = found[-1]
            if (text == ">" or text.startswith("> ")) and not expected:
                found[-1] = (line, f"{command}\n{text[2:]}", "")
            else:
                found[-1] = (line, command, f"{expected}{text}\n")
    return found


def captured(execute: Callable[[], str | None]) -> tuple[str | None, str]:
    """What `execute` returns, and all that is printed meanwhile by any process: descriptor 1 is redirected."""
    sys.stdout.flush()
    kept = os.dup(1)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        try:
            result = execute()
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)
            os.close(kept)
        file.seek(0)
        return result, file.read().decode()


def fail(page: Path, line: int, text: str) -> int:
    """Say where and what, in the form editors make a link of."""
    print(f"{page}:{line}: {text}")
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
