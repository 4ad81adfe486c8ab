"""``plait trace``: its words and options; runs a program and records what its threads, tasks and workers do."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import click

from plait._cli.program import ProgramCommand
from plait._cli.saying import say
from plait._cli.trace_end import LastAct
from plait._cli.trace_program import leave_threads, run_program
from plait._core.errors import UsageError
from plait._core.trace import Trace
from plait._see.show import SUFFIXES, form_of, reserved, save
from plait._see.trace import trace

_NOT_WRITTEN = 255
_INTERRUPTED = 130
_HELP = """Run a program and record what its threads and workers do: the summary, then a picture.

TARGET is a script; with -m, the name of a module. ARGUMENTS are the program's own. The summary is on standard error
when the program has ended, the picture in the file. Nothing in the program has to be changed.

\b
plait trace app.py
plait trace app.py --fast input.txt
plait trace app.py --fast input.txt -o run.html
plait trace -o run.json -m mypackage.worker --jobs 3
plait trace --children starts_others.py

Options of plait come before TARGET; -o may come last, too. The exit status is the program's; 255 when the picture
could not be written.
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
    type=click.Path(),
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
    path = _checked(module, output, words)
    sys.argv = [module, *words] if module is not None else list(words)
    program, streams = os.getpid(), (sys.stdout, sys.stderr)
    recording = trace(children=children)

    def killed() -> None:
        recording.__exit__(None, None, None)
        _take_back(streams)
        _report(recorded, output, path, 0)

    try:
        with recording as recorded, LastAct(killed):
            status = run_program(module, words)
        leave_threads()
        if os.getpid() != program:
            return status  # a child that was forked, whose trace it is not
        _take_back(streams)
        return _report(recorded, output, path, status)
    except KeyboardInterrupt:  # the program has ended: what Ctrl-C does to it, it has done
        reserved(path)
        say(f"plait trace: stopped by Ctrl-C while the trace was put together; there is none in {output}", err=True)
        return _INTERRUPTED


def _take_back(streams: tuple[TextIO, TextIO]) -> None:
    """Have our words go where they went before the program put streams of its own there, such as those of a log."""
    for name, stream in zip(("stdout", "stderr"), streams, strict=True):
        with suppress(Exception):  # it may be anything
            getattr(sys, name).flush()
        setattr(sys, name, stream)


def _report(recorded: Trace, output: str, path: Path, status: int) -> int:
    """Write the trace, say what is in it, and return the exit status of the whole."""
    try:
        save(recorded, path)
    except OSError as error:
        instead = _elsewhere(recorded, path.name)
        where = f"; it is in {instead}" if instead else ""
        say(f"{recorded}\nplait trace: {output} cannot be written: {error.strerror}{where}", err=True, hang=2)
        return status or _NOT_WRITTEN
    say(f"{recorded}\nwritten: {output}", err=True, hang=2)
    return status


def _elsewhere(recorded: Trace, name: str) -> str:
    """Where the trace was written to when its own place is full, since it cannot be had again; "" for nowhere."""
    try:
        file = Path(tempfile.mkdtemp(prefix="plait-trace-")) / name
        save(recorded, file)
    except OSError:
        return ""
    return str(file)


def _with_late_output(module: str | None, words: tuple[str, ...], output: str) -> tuple[tuple[str, ...], str]:
    """The picture may be asked for at the very end, too: ``plait trace app.py input.txt -o run.html``."""
    target = 0 if module is not None else 1
    if len(words) >= target + 2 and words[-2] == "-o" and words[-1].endswith(tuple(SUFFIXES)):
        return words[:-2], words[-1]
    return words, output


def _checked(module: str | None, output: str, words: tuple[str, ...]) -> Path:
    """Where to write, when there is something to run."""
    try:
        form_of(Path(output))
        if module is None and not words:
            raise click.UsageError("what should be traced? expected a script, or -m and a module")
        if module is None and not os.path.isfile(words[0]):
            raise click.UsageError(f"there is no file {words[0]!r}{_instead_of(words[0])}")
        return reserved(Path(output))
    except UsageError as error:
        raise click.BadParameter(str(error), param_hint="-o") from error


def _instead_of(word: str) -> str:
    """What to write for something else than a script."""
    file, _, function = word.partition(":")
    if function:
        return f"; a function is traced in a program: with plait.trace('run.html'): {function.lstrip(':')}()"
    if os.path.isfile(f"{file}.py"):
        return f"; did you mean {f'{file}.py'!r}?"
    return ""
