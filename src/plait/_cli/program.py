"""ProgramCommand: a command whose last words are another program and the program's own arguments."""

from __future__ import annotations

from pathlib import Path

import click

from plait._cli.saying import say


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
        if at < len(args) and not ctx.allow_interspersed_args:
            self._warn_of_options_behind(args[at], args[at + 1 :])
        return super().parse_args(ctx, args)

    def _warn_of_options_behind(self, script: str, words: list[str]) -> None:
        """Say it of options of ours that a script gets which does not know them: nothing else would."""
        ours = {name for one in self.params for name in one.opts if name.startswith("--")}
        meant = list(dict.fromkeys(name for word in words if (name := word.partition("=")[0]) in ours))
        if not meant:
            return
        try:
            text = Path(script).read_text(encoding="utf-8", errors="replace")
        except OSError:  # that there is none is said later
            return
        if missed := [name for name in meant if name.lstrip("-") not in text]:
            said = f"{script} is given {', '.join(missed)}, which it does not mention"
            say(f"note: {said}; what is meant for plait {self.name} stands before {script}", err=True)

    def takes_options_behind(self, target: str) -> bool:
        """Whether options of plait may follow the target, since it has no arguments of its own."""
        return False
