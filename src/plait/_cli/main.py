"""The ``plait`` command: finds the subcommand, imports only that, and turns every way to end into an exit status."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from typing import NoReturn

import click

import plait

_COMMANDS = {
    "map": ("plait._cli.map", "map_command"),
    "doctor": ("plait._cli.doctor", "doctor_command"),
}
_USAGE_ERROR = 255  # as GNU parallel: 1 to 101 say how many items failed
_BROKEN_PIPE = 141  # what a shell says of a program that SIGPIPE has ended
_INTERRUPTED = 130


class LazyGroup(click.Group):
    """Imports a subcommand when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[cmd_name]
        found = getattr(importlib.import_module(module), attribute)
        assert isinstance(found, click.Command)
        return found


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(plait.__version__, prog_name="plait", message="%(prog)s %(version)s")
def cli() -> None:
    """Run Python functions and shell commands concurrently, and see what this machine can do."""


def main() -> NoReturn:
    """Run the command line and exit."""
    sys.exit(run())


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and say its exit status."""
    try:
        status = cli.main(arguments, prog_name="plait", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return _USAGE_ERROR
    except click.ClickException as error:
        error.show()
        return _USAGE_ERROR
    except (click.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    except BrokenPipeError:
        _let_go_of_stdout()
        return _BROKEN_PIPE
    return status if isinstance(status, int) else 0


def _let_go_of_stdout() -> None:
    """Nobody reads any more: what is still buffered must not fail again when the interpreter flushes it."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
