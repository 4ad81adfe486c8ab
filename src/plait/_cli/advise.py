"""``plait advise``: its words and options."""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import chain, islice
from typing import NoReturn

import click

from plait._cli import inputs as reading
from plait._cli.json_items import Unreadable
from plait._cli.saying import check_writable, say, write_file
from plait._cli.sink import prints_at_stderr
from plait._cli.target import find_function
from plait._core.errors import UsageError
from plait._core.notes import notes_of
from plait._see.advise.advice import Advice
from plait._see.advise.choose import advise

_HELP = """Measure a Python function on every engine, and say which one suits it, with how many workers, and why.

TARGET is module:function, module:Class.method or file.py:function (the current folder is importable).
The items are the lines of the files INPUTS, or of standard input (no INPUTS, or -); after ::: INPUTS themselves.
The function is called with them, round and round and not in their order, and many times with each.

What the function prints goes to standard error.
The answer comes first, in one sentence; then what one call costs, a table and a curve over the number of workers.

\b
plait advise mypackage.pages:count_words urls.txt
plait advise resize.py:thumbnail ::: photos/*.jpg --html advice.html
plait advise mypackage.rows:parse rows.jsonl --jsonl --total 5000000 --json

\b
Exit status: 0 there is an answer, 130 Ctrl-C, 255 there is none.
"""
_MOST = 10_000  # items that are read
_NO_ANSWER = 255  # exit status
_ERRORS = 2  # standard error, as the system knows it


@click.command("advise", help=_HELP, context_settings={"max_content_width": 120})
@click.argument("target")
@click.argument("inputs", nargs=-1)
@click.option("--jsonl", is_flag=True, help="Inputs are JSON lines; an item is the value of a line.")
@click.option("--seconds", type=float, default=5.0, show_default=True, help="About how long to measure, in all.")
@click.option("--total", type=click.IntRange(min=1), help="How many items there will be. [default: as many as here]")
@click.option("--json", "as_json", is_flag=True, help="The answer and all figures as one JSON object.")
@click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write the answer as an HTML page, too.")
def advise_command(
    target: str,
    inputs: tuple[str, ...],
    jsonl: bool,
    seconds: float,
    total: int | None,
    as_json: bool,
    html: str | None,
) -> int:
    """Measure, and say what was found."""
    if html is not None:
        check_writable(html)
    faulthandler.enable(_ERRORS, all_threads=False)  # C code that crashes ends the command: it says at which line
    with _prints_apart():
        fn = find_function(target)
        items = _items(inputs, jsonl=jsonl)
        if not items:
            raise click.ClickException(
                "there is no item to measure with: name a file that has one a line, or write ::: and the items"
            )
        found = _measure(target, fn, items, seconds, total)
    if as_json:
        say(json.dumps(found.as_dict(), indent=2))
    else:
        say(str(found), hang=0)
    if html is not None:
        write_file(html, found.page())
    return 0


def _prints_apart() -> AbstractContextManager[object]:
    """Standard output is for the answer; on a terminal, what the function prints is in the same place anyway."""
    return nullcontext() if sys.stdout is None or sys.stdout.isatty() else prints_at_stderr()


def _measure(target: str, fn: Callable[..., object], items: list[object], seconds: float, total: int | None) -> Advice:
    try:
        with _says_who_exits(target):
            return advise(fn, items, seconds=seconds, total=total)
    except UsageError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit() in the function, too: the command did not end by itself
        what = f"{type(error).__name__}: {error}".removesuffix(": ")
        notes = "".join(f"\n{note}" for note in notes_of(error))
        raise click.ClickException(f"{target} cannot be measured, because it fails: {what}{notes}") from error


@contextmanager
def _says_who_exits(target: str) -> Iterator[None]:
    """Have a function that ends the whole process with `os._exit` end it with a word, and as a command that failed."""
    pid, real = os.getpid(), os._exit

    def exit_with_a_word(status: int) -> NoReturn:
        if os.getpid() == pid:  # and not in a fork, for which it is the right thing
            caller = sys._getframe(1)
            line = f"{os.path.basename(caller.f_code.co_filename)}:{caller.f_lineno}"
            words = f"Error: {target} cannot be measured, because it ends the process: os._exit({status}) at {line}\n"
            os.write(_ERRORS, words.encode())
            status = _NO_ANSWER
        real(status)

    os._exit = exit_with_a_word
    try:
        yield
    finally:
        os._exit = real


def _items(inputs: tuple[str, ...], *, jsonl: bool) -> list[object]:
    """The first items of what the command line names.

    Raises:
        click.ClickException: a file that cannot be read, or a line that is no JSON.
    """
    files = list(inputs) or ["-"]
    if files[0] == ":::":
        chunks = iter([(reading.parsed if jsonl else reading.plain)(files[1:])])
    else:
        reading.check_readable(files)
        chunks = reading.read_items(files, b"\n", reading.parsed if jsonl else reading.plain)
    items = list(islice(chain.from_iterable(chunks), _MOST))
    for item in items:
        if isinstance(item, Unreadable):
            raise click.ClickException(f"{item.text!r}: {item.message}")
    return items
