"""Which maps and scopes are open in this process, and who is told when one begins: the watchdog in a terminal."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # every worker may import this module
    from _collections_abc import Callable
    from typing import Final


class Vigil:
    """What is open, for whoever watches.

    Attributes:
        wake: called when something was opened; None when nobody watches, and then nothing is noted.
        open: what is open, each by its identity.
    """

    __slots__ = ("open", "wake")

    def __init__(self) -> None:
        self.wake: Callable[[], object] | None = None
        self.open: set[int] = set()

    def begin(self, what: object) -> None:
        """A map or scope is open."""
        if self.wake is not None:
            self.open.add(id(what))
            self.wake()

    def end(self, what: object) -> None:
        """It is over; may be said twice."""
        self.open.discard(id(what))


VIGIL: Final = Vigil()
