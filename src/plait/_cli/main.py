"""The ``plait`` command: finds the subcommand, imports only that, and turns every way to end into an exit status."""

from __future__ import annotations

import importlib
import sys
import traceback
import warnings
from typing import Any, NoReturn

import click

import plait
from plait._cli.saying import let_go_of_stdout, occupy_closed_streams

_COMMANDS = {
    "map": ("plait._cli.map", "map_command", "Run a Python function or a shell command for each item."),
    "check": ("plait._cli.check", "check_command", "Find races and deadlocks: run a program under many schedules."),
    "why": ("plait._cli.why", "why_command", "Say why a running Python process does not go on."),
    "advise": ("plait._cli.advise", "advise_command", "Measure a function on every engine: which one, and why."),
    "trace": ("plait._cli.trace", "trace_command", "Record what a program's threads and workers do; draw it."),
    "show": ("plait._cli.show", "show_command", "Show a recorded trace as text, as a page or for Perfetto."),
    "doctor": ("plait._cli.doctor", "doctor_command", "Say what this machine and this Python can do concurrently."),
}
_HELP = """Run Python functions and shell commands concurrently, find races and deadlocks, and see what happens.

\b
plait map resize.py:thumbnail --glob '*.jpg'   run a function for every item
plait map 'gzip -k {}' *.log                   or a shell command
plait check test_bank.py:test_transfer         find the schedule that breaks it
plait trace app.py                             who runs, who waits, for whom
plait why 4711                                 why a process hangs

`plait COMMAND --help` says more of each.
"""
_WANTED = {  # what to say where a command is called without its argument
    "map": "what should be run? expected module:function, file.py:function or a shell command in quotes",
    "advise": "what should be measured? expected module:function or file.py:function, then its inputs",
    "show": "which trace? expected a file that plait trace has written, such as trace.html",
    "why": "which process? expected its number, as `ps` or `pgrep -f NAME` tell it",
}
_USAGE_ERROR = 255  # as GNU parallel: 1 to 101 say how many items failed
_BROKEN_PIPE = 141  # what a shell says of a program that SIGPIPE has ended
_INTERRUPTED = 130
_as_python_does = warnings.formatwarning


class LazyGroup(click.Group):
    """Imports a subcommand when it is asked for."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand.

        Handles a broken pipe here, because click would make exit status 1 of it, which says that one item failed.
        """
        # Not `showwarning`: `catch_warnings` puts that back for all threads, also where warnings belong to a context.
        warnings.formatwarning = _format_warning
        try:
            status = super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()
        except BrokenPipeError:
            let_go_of_stdout()
            return _BROKEN_PIPE
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception:
            traceback.print_exc()  # a fault of ours, which must not pass for one item that failed
            return _USAGE_ERROR
        return status

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        found = getattr(importlib.import_module(module), attribute)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, _, words) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-"):
            import difflib  # to be wrong costs more time than to be right

            near = difflib.get_close_matches(name, _COMMANDS)
            ctx.fail(f"there is no command {name!r}; {f'did you mean {near[0]!r}?' if near else 'see plait --help'}")
        return super().resolve_command(ctx, args)


@click.group(
    help=_HELP, cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(plait.__version__, prog_name="plait", message="%(prog)s %(version)s")
def cli() -> None:
    """Find the subcommand."""


def main() -> NoReturn:
    """Run the command line and exit."""
    occupy_closed_streams()
    sys.exit(run())


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and say its exit status."""
    try:
        status = cli.main(arguments, prog_name="plait", standalone_mode=False)
    except click.MissingParameter as error:
        wanted = _WANTED.get((error.ctx and error.ctx.info_name) or "")
        (click.UsageError(wanted, error.ctx) if wanted else error).show()
        return _USAGE_ERROR
    except click.ClickException as error:
        error.show()
        return _USAGE_ERROR
    except (click.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    return status if isinstance(status, int) else 0


def _format_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """A warning as Python writes it, but one of ours as one line for people."""
    text = str(message)
    return f"{text}\n" if text.startswith("plait") else _as_python_does(message, category, filename, lineno, line)
