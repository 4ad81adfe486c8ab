"""Why a process does not go on: asks its watchdog if it has one, and looks from outside otherwise."""

from __future__ import annotations

import re
from contextlib import suppress

from plait._see.watchdog import ask
from plait._see.why.outside import CannotLook, look
from plait._see.why.words import NOTHING, tell

_OTHER = re.compile(r"^(the other process: plait why (\d+))$", re.MULTILINE)
_MOST = 3  # other processes that are asked, too


def why(pid: int) -> str:
    """The answer, in words.

    Raises:
        CannotLook: there is no such process, or nothing can be seen of it; the message says what is missing.
    """
    said = _asked(pid)
    for line, other in list(_OTHER.findall(said))[:_MOST]:
        with suppress(CannotLook):
            said = said.replace(line, _of_other(int(other), _asked(int(other))))
    return said


def _asked(pid: int) -> str:
    return ask(pid) or tell(look(pid))


def _of_other(pid: int, said: str) -> str:
    """What the answer of another process begins with; where nothing was found, with what its threads do."""
    found, _, rows = said.partition(f"all of process {pid}:")
    rows = rows.lstrip("\n").partition("\n\n")[0].rstrip() if found.startswith(NOTHING) else ""
    return f"process {pid}: {found.rstrip()}\n" + (f"\n{rows}\n" if rows else "")
