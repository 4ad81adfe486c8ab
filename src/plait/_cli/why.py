"""``plait why PID``: why a running Python process does not go on."""

from __future__ import annotations

import click

from plait._cli.saying import say
from plait._see.why.ask import why
from plait._see.why.outside import CannotLook

_LARGEST = (1 << 31) - 1  # number of a process


@click.command("why")
@click.argument("pid")
def why_command(pid: str) -> int:
    """Say why the Python process PID does not go on: who waits for what, where, who keeps it, and what cures it.

    It asks the watchdog of a process that was started with PLAIT_WATCHDOG=SECONDS and has imported plait. Into any
    other one it looks from outside with py-spy (pip install py-spy), which needs the right to trace.
    """
    if not pid.isdecimal() or not 0 < int(pid) <= _LARGEST:
        raise click.BadParameter(
            f"{pid!r}: expected the number of a process, as `ps` or `pgrep -f NAME` tell it", param_hint="PID"
        )
    try:
        say(why(int(pid)), hang=0)
    except CannotLook as error:
        raise click.ClickException(str(error)) from error
    return 0
