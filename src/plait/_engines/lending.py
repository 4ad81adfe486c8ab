"""Lending: a run that waits for calls gives its idle workers to another run on the same engine that needs some."""

from __future__ import annotations

from _thread import get_ident
from threading import Condition

from plait._engines.hosting import Bell

_PATIENCE = 0.05  # seconds to wait for an answer: who gives none for so long is in a callback of one of its calls


class Lending:
    """Who has workers that may be idle, and who asks for them. Thread-safe; its state is touched under its lock only.

    The run of a pool or a scope keeps its workers for a moment after a call, since the next one often comes at once. A
    map that begins in that moment would start workers of its own, which set up anew what the idle ones have.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._lenders: dict[Bell, int] = {}  # the thread that hears it
        self._asked: set[Bell] = set()

    def enter(self, bell: Bell) -> None:
        """The run whose driver hears this bell lends workers; called in the driver's thread."""
        with self._changed:
            self._lenders[bell] = get_ident()

    def leave(self, bell: Bell) -> None:
        """It does so no longer."""
        with self._changed:
            self._lenders.pop(bell, None)
        self.answer(bell)

    def ask(self) -> bool:
        """Have lenders give back their idle workers; whether there was anybody to ask, and time to answer."""
        with self._changed:
            me = get_ident()  # a callback of a call, in a driver's own thread
            asked = {bell for bell, thread in self._lenders.items() if thread != me}
            self._asked |= asked
            for bell in asked:
                bell.ring()
            self._changed.wait_for(lambda: self._asked.isdisjoint(asked), _PATIENCE)
            return bool(asked)

    def is_asked(self, bell: Bell) -> bool:
        """Whether somebody waits for this lender's answer."""
        return bell in self._asked

    def answer(self, bell: Bell) -> None:
        """This lender has given back what it can spare."""
        with self._changed:
            self._asked.discard(bell)
            self._changed.notify_all()
