"""``plait map``: its words and options."""

from __future__ import annotations

from typing import Any

import click

from plait._cli.halt import Halt
from plait._cli.map_run import DEFAULT_JOURNAL, Options, run_map
from plait._engines.table import ENGINES, WITH_ADDRESS, meant_engine

_NOT_NEGATIVE = click.FloatRange(min=0)
_POSITIVE = click.FloatRange(min=0, min_open=True)
_HELP = """Run a Python function or a shell command for each item, several at a time.

TARGET is module:function, module:Class.method or file.py:function (the current folder is importable), or a shell
command in quotes. A command has a blank or one of these in it: {} the item, {.} without extension, {/} its file name,
{//} its folder, {/.} its file name without extension, {#} the number of the job; without any, the item is put at its
end. An item is quoted for where it stands.

\b
Items of a function: the lines of the files INPUTS; after :::, INPUTS.
Items of a command:  INPUTS themselves.
Without INPUTS, or with -, they are the lines of standard input.

A function's results are JSON lines with the keys index, input and value, or instead of value an error with type,
message and traceback. What it yields is a list; a value that JSON cannot say is {"__repr__": "..."}. What functions
print goes to standard error. A command's output is passed on as it is, each command's whole.

With --resume, what an earlier run has recorded is put out again without being run, failures too, so that the output
is that of a run which was never interrupted.

\b
plait map mypackage.pages:count_words urls.txt --bar > results.jsonl
plait map resize.py:thumbnail --glob 'photos/**/*.jpg' --engine process
plait map 'gzip -k {}' *.log
plait map pages.py:count_words urls.txt --journal pages.sqlite --resume
find . -name '*.flac' -print0 | plait map --null 'ffmpeg -i {} {.}.mp3'

\b
Exit status: 0 all items succeeded (or --halt success=N), 1 to 100 that many failed,
101 more than 100,
130 Ctrl-C, 141 nobody reads the results any more, 255 it could not begin.
"""


class HaltType(click.ParamType[Halt | None]):
    """``now,fail=3`` and its kin."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Halt | None:
        try:
            return Halt.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class EngineType(click.Choice):  # type: ignore[type-arg]  # in click 8.1 it takes none
    """The name of an engine, and of a cluster its address, too."""

    def __init__(self) -> None:
        super().__init__(list(ENGINES))

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        kind, _, address = value.partition("://")
        if value not in ENGINES and not (address and kind in WITH_ADDRESS):
            meant = meant_engine(value)
            hint = f"; did you mean {meant!r}?" if meant else "."
            self.fail(f"{value!r} is not one of {', '.join(map(repr, ENGINES))}{hint}", param, ctx)
        return value


@click.command("map", help=_HELP, context_settings={"max_content_width": 120})
@click.argument("target")
@click.argument("inputs", nargs=-1)
@click.option("--jsonl", is_flag=True, help="Inputs are JSON lines; an item is the value of a line.")
@click.option("-0", "--null", is_flag=True, help="Inputs are separated by NUL, as find -print0 writes them.")
@click.option("--glob", is_flag=True, help="INPUTS are patterns; the items are the names of the files that match.")
@click.option("--engine", type=EngineType(), help="What functions run on. Commands run on threads.")
@click.option("-j", "--workers", type=click.IntRange(min=1), help="Items at the same time. [default: what fits]")
@click.option("--timeout", type=_POSITIVE, metavar="SECONDS", help="For each item, from the moment it starts.")
@click.option("--retries", type=click.IntRange(min=0), default=0, help="Run a failed item again, so many times.")
@click.option("--backoff", type=_NOT_NEGATIVE, default=0.0, metavar="SECONDS", help="Wait first, then twice as long.")
@click.option("--rate", metavar="N/UNIT", help="Start no more items than that: 10/s, 100/min, 5/h.")
@click.option("--journal", type=click.Path(dir_okay=False), metavar="FILE", help="Record every outcome in this file.")
@click.option(
    "--resume", is_flag=True, help=f"Skip what the journal has. [journal: {DEFAULT_JOURNAL}, if none is named]"
)
@click.option("--retry-failed", is_flag=True, help="As --resume, and run again what failed.")
@click.option("--order", type=click.Choice(["input", "completion"]), default="input", show_default=True)
@click.option("--halt", type=HaltType(), help="never, or now|soon,fail|success|done=N|N%: stop early; now kills.")
@click.option("--errors", type=click.Path(dir_okay=False), help="Put failures here as JSON lines, not into the output.")
@click.option("--json", "as_json", is_flag=True, help="A command's results as JSON lines, as a function's are.")
@click.option("--bar", is_flag=True, help="Show progress on standard error.")
@click.option("--report", is_flag=True, help="At the end say engine, workers, why, and items per second.")
def map_command(**options: Any) -> int:
    """Run the map and return its exit status."""
    return run_map(Options(**options))
