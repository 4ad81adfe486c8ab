"""``plait trace``: its words and options; runs a program and records what its threads, tasks and workers do."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

import click

from plait._cli.program import ProgramCommand
from plait._cli.saying import say
from plait._core.errors import UsageError
from plait._see.show import SUFFIXES, form_of
from plait._see.trace import trace

_HELP = """Run a program and record what its threads and workers do: the summary, then a picture.

TARGET is a script; with -m, the name of a module. ARGUMENTS are the program's own. The summary is on standard error
when the program has ended, the picture in the file. Nothing in the program has to be changed.

\b
plait trace app.py
plait trace app.py --fast input.txt
plait trace app.py --fast input.txt -o run.html
plait trace -o run.json -m mypackage.worker --jobs 3
plait trace --children starts_others.py

Options of plait come before TARGET; -o may come last, too. The exit status is the program's.
"""


@click.command(
    "trace",
    cls=ProgramCommand,
    help=_HELP,
    context_settings={"max_content_width": 120, "ignore_unknown_options": False, "allow_interspersed_args": False},
)
@click.option("-m", "module", metavar="MODULE", help="Run this module, as python -m does; the rest are its arguments.")
@click.option(
    "-o",
    "output",
    type=click.Path(dir_okay=False),
    default="trace.html",
    show_default=True,
    help="Where to write: .html, .json for ui.perfetto.dev, or .txt.",
)
@click.option(
    "--children", is_flag=True, help="Show the threads of other child Pythons, too; plait's workers always are."
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="TARGET [ARGUMENTS]...")
def trace_command(module: str | None, output: str, children: bool, words: tuple[str, ...]) -> int:
    """Run the program and return its exit status."""
    words, output = _with_late_output(module, words, output)
    _check(module, output, words)
    sys.argv = [module, *words] if module is not None else list(words)
    recording = trace(output, children=children)
    status: int = 0
    with recording as recorded:
        try:
            _run(module, words)
        except SystemExit as end:
            status = _status(end)
        except KeyboardInterrupt:
            status = 130
        except BaseException:
            sys.excepthook(*sys.exc_info())
            status = 1
    say(f"{recorded}\nwritten: {output}", err=True)
    return status


def _with_late_output(module: str | None, words: tuple[str, ...], output: str) -> tuple[tuple[str, ...], str]:
    """The picture may be asked for at the very end, too: ``plait trace app.py input.txt -o run.html``."""
    target = 0 if module is not None else 1
    if len(words) >= target + 2 and words[-2] == "-o" and words[-1].endswith(tuple(SUFFIXES)):
        return words[:-2], words[-1]
    return words, output


def _check(module: str | None, output: str, words: tuple[str, ...]) -> None:
    try:
        form_of(Path(output))
    except UsageError as error:
        raise click.BadParameter(str(error), param_hint="-o") from error
    if module is None and not words:
        raise click.UsageError("what should be traced? expected a script, or -m and a module")
    if module is None and not os.path.isfile(words[0]):
        raise click.UsageError(f"there is no file {words[0]!r}")


def _run(module: str | None, words: tuple[str, ...]) -> None:
    if module is not None:
        sys.path.insert(0, os.getcwd())
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, os.path.dirname(os.path.abspath(words[0])))
        runpy.run_path(words[0], run_name="__main__")


def _status(end: SystemExit) -> int:
    """As the interpreter understands what a program gives to ``sys.exit``."""
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code
    click.echo(end.code, err=True)
    return 1
