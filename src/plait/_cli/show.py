"""``plait show``: a recorded trace as text, as a page, or for Perfetto."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from plait._cli.saying import say, write_file
from plait._core.errors import UsageError
from plait._draw.trace_text import draw_text
from plait._see.show import load, show

_OF_FILES, _NARROWEST, _WIDEST = 100, 40, 250


@click.command("show")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--to",
    type=click.Choice(["text", "html", "perfetto"]),
    default="text",
    show_default=True,
    help="A timeline for a terminal, a page, or JSON that ui.perfetto.dev opens.",
)
@click.option("-o", "output", type=click.Path(dir_okay=False), help="Write here, not to standard output.")
def show_command(file: str, to: str, output: str | None) -> int:
    """Show a trace that plait trace wrote: a page, or JSON."""
    try:
        text = draw_text(load(Path(file)), _width()) if to == "text" and output is None else show(file, to)
    except UsageError as error:
        raise click.ClickException(str(error)) from error
    if output is not None:
        write_file(output, text)
    else:
        say(text, nl=False)
    return 0


def _width() -> int:
    """Of the terminal, or of what COLUMNS says; what goes elsewhere is as wide as a file."""
    return min(max(shutil.get_terminal_size((_OF_FILES, 0)).columns, _NARROWEST), _WIDEST)
