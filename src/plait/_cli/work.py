"""What ``plait map`` calls for each item: a function that was found by name, or the runner of a shell command."""

from __future__ import annotations

import os
from _collections_abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from plait._cli.json_items import AsyncReadableOnly, ReadableOnly, Unreadable
from plait._cli.listing import listing
from plait._cli.records import to_json
from plait._cli.target import find_function
from plait._cli.template import CommandTemplate
from plait._core.budget import available_cores
from plait._core.coroutines import is_coroutine_function
from plait._run.command import CommandRunner

_MOST_OPEN = 1000
_OPEN_FILES = 4  # of one command: two for what it writes, one to watch it, one while it starts
_OTHER_FILES = 64


@dataclass(frozen=True, slots=True)
class Work:
    """A function, the engine and workers it wants, and what ends it.

    Attributes:
        most_open: how many items may have been started and not delivered.
        close: ends what still runs, from any thread.
        why: the reason for the number of workers, when it is not the engine's.
    """

    fn: Callable[[Any], object]
    name: str
    engine: str
    workers: int | None
    most_open: int
    close: Callable[[], None]
    why: str = ""


def function_work(target: str, engine: str | None, workers: int | None, *, jsonl: bool) -> Work:
    """The work of a Python function.

    Raises:
        click.ClickException: it cannot be found.
    """
    fn = find_function(target, instead="a shell command in quotes with a blank or {} in it, such as 'gzip {}'")
    name = getattr(fn, "__name__", target)
    fn = listing(fn)
    if jsonl:
        fn = AsyncReadableOnly(fn) if is_coroutine_function(fn) else ReadableOnly(fn)
    return Work(fn, name, engine or "auto", workers, 1 << 30, _nothing)


def command_work(target: str, engine: str | None, workers: int | None) -> Work:
    """The work of a shell command: as many at a time as there are cores, each waited for by a thread.

    Raises:
        click.ClickException: an engine or a template that cannot run commands.
    """
    if engine not in (None, "auto", "thread", "inline"):
        raise click.ClickException(
            f"--engine {engine}: commands are processes already; expected thread, or no --engine"
        )
    if target.startswith("lambda "):
        raise click.ClickException(
            f"{target!r} is Python, and would be run as a shell command; put it into a file as a function, and name it "
            "as file.py:function"
        )
    try:
        template = CommandTemplate(target)
    except ValueError as error:
        raise click.ClickException(f"{target!r}: {error}") from error
    cores = available_cores()
    why = f"workers={workers} was asked for" if workers else f"a command for each core: {cores.reason}"
    workers = workers or cores.count
    name = os.path.basename(target.split(maxsplit=1)[0])
    runner = CommandRunner(
        lambda item, index: template.fill(_as_text(item), index + 1),
        name,
        template.text,
        numbered=template.is_numbered,
    )
    engine = "thread" if engine in (None, "auto") else engine
    return Work(runner, name, engine, workers, _most_open(workers), runner.close, why)


def _as_text(item: object) -> str:
    if isinstance(item, Unreadable):
        raise ValueError(item.message)  # noqa: TRY004  # its text is wrong, not its type
    return item if isinstance(item, str) else to_json(item).decode()


def _most_open(workers: int) -> int:
    """Finished commands that wait for their turn may hold files open, of which a process may not have many."""
    try:
        import resource  # POSIX only

        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    except ImportError:
        return _MOST_OPEN
    if limit == resource.RLIM_INFINITY:
        return _MOST_OPEN
    return max(1, min(_MOST_OPEN, (limit - _OTHER_FILES - _OPEN_FILES * workers) // 2))


def _nothing() -> None:
    """The engine ends its workers by itself."""
