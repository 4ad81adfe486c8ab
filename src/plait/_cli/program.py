"""ProgramCommand: a command whose last words are another program and the program's own arguments."""

from __future__ import annotations

import click


class ProgramCommand(click.Command):
    """What follows ``-m MODULE`` or a script is the program's own, as it is for ``python``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        valued = {name for one in self.params if isinstance(one, click.Option) and not one.is_flag for name in one.opts}
        at = 0
        while at < len(args) and args[at].startswith("-") and args[at] != "--":
            if args[at].startswith("-m"):
                at += 2 if args[at] == "-m" else 1
                return super().parse_args(ctx, [*args[:at], "--", *args[at:]])
            at += 2 if args[at] in valued else 1
        ctx.allow_interspersed_args = at < len(args) and self.takes_options_behind(args[at])
        return super().parse_args(ctx, args)

    def takes_options_behind(self, target: str) -> bool:
        """Whether options of plait may follow the target, since it has no arguments of its own."""
        return False
