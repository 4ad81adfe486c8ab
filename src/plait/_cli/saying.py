"""Writes what a command has to say to standard output or error; nowhere, when that is closed."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import sys
from pathlib import Path

import click

from plait._core.streams import is_coloured, is_terminal
from plait._draw.columns import cells, printable, wrap

_NARROWEST = 40  # columns
_COLUMN = re.compile(r" {2,}(?:\S+ )*\S* {2,}| {2,}")  # indented, and what stands in it
_BELOW = " " * 6


def say(text: str, *, err: bool = False, nl: bool = True, hang: int | None = None) -> None:
    """Write the text, as far as the stream's encoding can show it.

    With `hang`, in a terminal its lines break at words, and go on indented by so much, or below their last column;
    elsewhere they stay whole, for grep and the like.

    Raises:
        BrokenPipeError: nobody reads any more.
        ClickException: it cannot be written, such as to a full disk.
    """
    stream = sys.stderr if err else sys.stdout
    if stream is None or stream.closed:
        return
    if hang is not None and is_terminal(stream):
        width = max(shutil.get_terminal_size().columns, _NARROWEST)
        text = "\n".join(_folded(line, hang, width) for line in text.splitlines())
    try:
        click.echo(printable(text, stream.encoding), err=err, nl=nl, color=is_coloured(stream))
    except BrokenPipeError:
        raise
    except OSError as error:
        let_go_of_stdout()
        raise click.ClickException(f"cannot write to standard output: {error.strerror}") from error


def _folded(line: str, hang: int, width: int) -> str:
    """On further lines it goes on below its last column, as in a table, or behind `hang` letters.

    >>> print(_folded("  送金  waits for a lock at app.py:3", 0, 24))
      送金  waits for a lock
            at app.py:3
    >>> print(_folded("  a long name  waits for a lock", 0, 24))
      a long name
          waits for a lock
    """
    if cells(line) <= width:
        return line
    column = _COLUMN.match(line)
    head = column[0] if column is not None else line[:hang]
    under, rest = " " * cells(head), line[len(head) :]
    if len(under) > width // 2:  # too little room beside it
        under = _BELOW
        head = f"{head.rstrip()}\n{under}" if head.strip() else under
    return head + f"\n{under}".join(wrap(rest, width - len(under)))


def check_writable(path: str) -> None:
    """See to it that a file can be written, before what is to be in it costs anything.

    Raises:
        ClickException: it cannot.
    """
    file = Path(path)
    try:
        there = file if file.exists() else file.parent
        there.stat()
        if not os.access(there, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _cannot_write(path, error) from error


def write_file(path: str, text: str) -> None:
    """Write what a command was asked to put into a file.

    Raises:
        ClickException: that is not possible.
    """
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise _cannot_write(path, error) from error


def _cannot_write(path: str, error: OSError) -> click.ClickException:
    return click.ClickException(f"cannot write {path!r}: {error.strerror}")


def occupy_closed_streams() -> None:
    """A standard stream that is closed leads nowhere, lest a pipe or file of ours be taken for it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free


def let_go_of_stdout() -> None:
    """What is still buffered must not fail again when the interpreter flushes it."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
