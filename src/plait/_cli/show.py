"""``plait show``: a recorded trace as text, as a page, or for Perfetto."""

from __future__ import annotations

import click

from plait._cli.saying import say, write_file
from plait._core.errors import UsageError
from plait._see.show import show


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
        text = show(file, to)
    except UsageError as error:
        raise click.ClickException(str(error)) from error
    if output is not None:
        write_file(output, text)
    else:
        say(text, nl=False)
    return 0
