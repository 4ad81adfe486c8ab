"""The items of ``plait map``: lines, JSON lines or NUL-separated texts of files and pipes, and names by pattern."""

from __future__ import annotations

import glob
import json
import os
from _collections_abc import Callable, Iterator
from itertools import chain

import click

from plait._cli.json_items import Unreadable
from plait._core.search_path import working_folder

_CHUNK = 1 << 16
_STDIN = 0
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_items(
    files: list[str], separator: bytes, convert: Callable[[list[str]], list[object]]
) -> Iterator[list[object]]:
    """The items of the files, one after the other, in lists as they become readable; ``-`` is standard input.

    Reads file descriptors without Python's buffers: a thread that is stuck in one of those when the interpreter ends
    would be fatal.

    Raises:
        click.ClickException: a file that cannot be read.
    """
    for name in files:
        file = _open(name)
        try:
            for texts in _split(_blocks(file, name), separator):
                items = convert(texts)
                if items:
                    yield items
        finally:
            if file != _STDIN:
                os.close(file)


def check_readable(files: list[str]) -> None:
    """Open each file once, so that a wrong name is said before any work begins.

    Raises:
        click.ClickException: one of them cannot be read.
    """
    for name in files:
        if name != "-" and not _is_pipe(name):
            os.close(_open(name))


def count_items(files: list[str], separator: bytes) -> int | None:
    """How many items the files have, or None when that cannot be known without waiting."""
    total = 0
    for name in files:
        if name == "-" or not os.path.isfile(name):
            return None
        last = b""
        with open(name, "rb") as file:
            while block := file.read(1 << 20):
                total += block.count(separator)
                last = block
        total += bool(last) and not last.endswith(separator)
    return total


def names_matching(patterns: list[str]) -> list[object]:
    """The files that match, pattern by pattern, each sorted; ``**`` is any depth of folders.

    Raises:
        click.ClickException: a pattern that matches nothing.
    """
    names: list[object] = []
    for pattern in patterns:
        found = [pattern] if os.path.lexists(pattern) else sorted(glob.glob(pattern, recursive=True))
        if not found:
            raise click.ClickException(
                f"--glob: no file matches {pattern!r} in {working_folder() or 'this folder, which was deleted'}"
            )
        names += found
    return names


def plain(texts: list[str]) -> list[object]:
    """Each text as it is."""
    return list(texts)


def parsed(texts: list[str]) -> list[object]:
    """Each text that is not blank as the JSON value it stands for."""
    return [_parse(text) for text in texts if not text.isspace() and text]


def _parse(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        return Unreadable(text, f"not JSON: {error}")
    except RecursionError:
        return Unreadable(text, "not JSON that can be read: nested too deeply")


def _open(name: str) -> int:
    if name == "-":
        return _STDIN
    try:
        if os.path.isdir(name):
            raise IsADirectoryError(21, "it is a folder; for the files in it, use --glob", name)
        return os.open(name, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError as error:
        raise click.ClickException(
            f"cannot read {name!r}: {error.strerror}; if it is an item and no file of items, write ::: before the items"
        ) from error
    except OSError as error:
        raise click.ClickException(f"cannot read {name!r}: {error.strerror}") from error


def _is_pipe(name: str) -> bool:
    """Opening a named pipe twice would lose its writer."""
    return os.path.exists(name) and not os.path.isfile(name) and not os.path.isdir(name)


def _blocks(file: int, name: str) -> Iterator[bytes]:
    while True:
        try:
            block = os.read(file, _CHUNK)
        except OSError as error:
            raise click.ClickException(f"cannot read {name!r}: {error.strerror}") from error
        if not block:
            return
        yield block


def _split(blocks: Iterator[bytes], separator: bytes) -> Iterator[list[str]]:
    """Whole texts, as soon as their end has been read; the last one needs no separator after it."""
    begun: list[bytes] = []
    for block in chain([next(blocks, b"").removeprefix(_BYTE_ORDER_MARK)], blocks):
        whole, found, rest = block.rpartition(separator)
        if not found:
            begun.append(block)
            continue
        yield _texts(b"".join([*begun, whole]), separator)
        begun = [rest] if rest else []
    if begun and (last := b"".join(begun)):
        yield _texts(last, separator)


def _texts(data: bytes, separator: bytes) -> list[str]:
    """Decoded so that file names in any encoding come back as the same bytes; a line may end with CR LF."""
    texts = data.decode("utf-8", "surrogateescape").split(separator.decode())
    return [text.removesuffix("\r") for text in texts] if separator == b"\n" else texts
