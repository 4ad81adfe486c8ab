"""Why a process does not go on: asks its watchdog if it has one, and looks from outside otherwise."""

from __future__ import annotations

from plait._see.watchdog import ask
from plait._see.why_outside import look
from plait._see.why_words import tell


def why(pid: int) -> str:
    """The answer, in words.

    Raises:
        CannotLook: there is no such process, or nothing can be seen of it; the message says what is missing.
    """
    return ask(pid) or tell(look(pid))
