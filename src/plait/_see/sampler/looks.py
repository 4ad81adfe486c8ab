"""Looks at a thread that was ready: how much of its time on a core went without the GIL. Pure.

Whether a thread that is ready has a core at that moment the system does not tell, only how long it had one, and how
long it had none, between two changes. Who has none and is seen without the GIL has been woken, and would take it: it
looks as if it ran C. The share of such looks grows with the share `q` of time without a core, as a straight line:
``native * (1 - q) + lacking * q``. Fitted by least squares, its value at `q` = 0 is what is asked for. Looks with a
small `q` count most: who was interrupted with the GIL in hand looks otherwise than who was woken, so the line bends.
"""

from __future__ import annotations

_BEND = 3
_PRIOR = ((0.0, 0.0, 0.3), (1.0, 1.0, 1.0))  # q, whether without the GIL, weight: what is believed before any look


class Looks:
    """Sums over looks.

    >>> looks = Looks()
    >>> for _ in range(100):
    ...     looks.add(held=9, free=1, ran=9, lacked=1)  # a tenth without the GIL, a tenth without a core
    ...     looks.add(held=1, free=9, ran=1, lacked=9)
    >>> round(looks.native(), 2)
    0.0
    >>> looks.add(held=0, free=5000, ran=1, lacked=0)
    >>> looks.native() > 0.8
    True
    """

    __slots__ = ("_cross", "_lacking", "_ran", "_without_lacking", "_without_ran")

    def __init__(self) -> None:
        self._ran = self._lacking = self._cross = self._without_ran = self._without_lacking = 0.0
        for share, without, weight in _PRIOR:
            self._add(share, weight * (1 - without), weight * without)

    def add(self, held: int, free: int, ran: int, lacked: int) -> None:
        """So many looks with the GIL and without, at a time in which it was on a core and ready for one for so long."""
        if ran + lacked > 0:
            share = lacked / (ran + lacked)
            weight = (1 - share) ** _BEND
            self._add(share, weight * held, weight * free)

    def native(self) -> float:
        """The share of its time on a core without the GIL."""
        determinant = self._ran * self._lacking - self._cross**2
        native = (self._without_ran * self._lacking - self._cross * self._without_lacking) / determinant
        lacking = (self._ran * self._without_lacking - self._cross * self._without_ran) / determinant
        if not 0 <= lacking <= 1:  # the nearest that can be
            native = (self._without_ran - self._cross * (lacking > 1)) / self._ran
        return min(1.0, max(0.0, native))

    def _add(self, share: float, held: float, free: float) -> None:
        looks, other = held + free, 1 - share
        self._ran += looks * other * other
        self._lacking += looks * share * share
        self._cross += looks * other * share
        self._without_ran += free * other
        self._without_lacking += free * share
