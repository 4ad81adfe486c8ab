"""``plait check``: its words and options."""

from __future__ import annotations

import os
from typing import Any

import click

from plait._cli.check_run import NOT_A_CHECK, Options, run_check
from plait._cli.program import ProgramCommand
from plait._cli.saying import say

_HELP = """Run a program under many schedules, and explain the one that breaks it.

TARGET is a script, module:function or file.py:function; with -m, the name of a module. ARGUMENTS are the program's own.
It is run as it is, again and again: its threads, pools, timers and queues run one at a time and change over where the
schedule says; clocks do not wait. What fails, hangs, deadlocks or loses an update is made short, explained, and can be
replayed.

\b
plait check transfer.py
plait check -m mypackage.worker --jobs 3
plait check tests/test_bank.py:test_transfer --seconds 10
plait check --replay 1auiUBosG0kZ... transfer.py

Options of plait come before a script, since what follows it is its own.

\b
Exit status: 0 passed or proved, 1 failed, 2 it could not begin,
3 inconclusive or not checked, 130 Ctrl-C.
"""


class CheckCommand(ProgramCommand):
    """Ends with its own exit status when the words on the command line cannot mean anything."""

    def takes_options_behind(self, target: str) -> bool:
        return not target.endswith(".py")  # but module:function, which has no arguments

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **options)
        except click.UsageError as error:
            error.show()
            raise click.exceptions.Exit(NOT_A_CHECK) from error


@click.command(
    "check",
    cls=CheckCommand,
    help=_HELP,
    context_settings={"max_content_width": 120, "ignore_unknown_options": False, "allow_interspersed_args": False},
)
@click.option("-m", "module", metavar="MODULE", help="Run this module, as python -m does; the rest are its arguments.")
@click.option("--runs", type=click.IntRange(min=1), help="Executions at most.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="Of searching at most.  [default: 10]")
@click.option("--seed", type=int, help="The same seed gives the same schedules, in one process.  [default: 0]")
@click.option("--scheduler", metavar="NAME", default="rotation", show_default=True, help="How schedules are chosen.")
@click.option("--observe", multiple=True, metavar="NAME", help="Observe this installed package or module, too.")
@click.option("--one-output", is_flag=True, help="It is a failure, too, when it does not always print the same.")
@click.option("--replay", metavar="TOKEN", help="Run the one schedule that an earlier check has found.")
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON object on standard output.")
@click.option("--sarif", type=click.Path(dir_okay=False), metavar="FILE", help="Write findings as SARIF 2.1.0.")
@click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write the story as a page.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="TARGET [ARGUMENTS]...")
def check_command(**options: Any) -> int:
    """Run the check and return its exit status."""
    command = os.getpid()
    try:
        return run_check(Options(**options))
    except KeyboardInterrupt:
        if os.getpid() == command:  # a search in a process of its own comes here, too
            say("inconclusive: Ctrl-C ended the search before there was an answer", err=True)
        raise
