"""How many items may start now, so that no more of them do than so many a second. Pure: told the time."""

from __future__ import annotations

import math
import re

from plait._core.errors import UsageError

_SLACK = 0.02  # seconds that a start may come late without lowering the mean; more than a driver ever sleeps too long
_MOST = 1e300  # starts a second that a float can be made of
_PER = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_GRAMMAR = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*/\s*(s|min|h|d)\s*")


class RateLimit:
    """Spreads starts evenly: one every ``1 / per_second`` seconds.

    A start that comes late is made up for, up to `_SLACK` seconds, so the mean is kept although nobody wakes up on the
    dot. In any span of T seconds at most ``1 + per_second * (T + _SLACK)`` items start; unused starts are not saved up.

    The algorithm is the generic cell rate algorithm (ITU-T I.371): `due` is the theoretical time of the next start.

    >>> limit = RateLimit(10)
    >>> limit.allowed(5.0)  # the first start is free
    1
    >>> limit.start(1, 5.0)
    >>> limit.allowed(5.05), limit.due, limit.allowed(5.1)
    (0, 5.1, 1)
    """

    __slots__ = ("_interval", "due")

    def __init__(self, per_second: float) -> None:
        self._interval = 1.0 / per_second
        self.due = -math.inf

    @property
    def per_second(self) -> float:
        """How many may start in a second."""
        return 1.0 / self._interval

    def allowed(self, now: float) -> int:
        """How many items may start at the time `now`."""
        if self.due == -math.inf:
            return 1
        late = min(now - self.due, _SLACK)
        # A tolerance of a millionth of a start: sums of intervals are off by rounding.
        return int(late / self._interval + 1.000001) if late > -1e-6 * self._interval else 0

    def start(self, items: int, now: float) -> None:
        """So many items start at the time `now`."""
        self.due = (now if self.due == -math.inf else max(self.due, now - _SLACK)) + items * self._interval

    def give_back(self, items: int) -> None:
        """So many items that were to start did not, and will ask again."""
        self.due -= items * self._interval


def parse_rate(rate: object) -> float:
    """Starts per second from ``"10/s"``, ``"100/min"``, ``"5/h"``, ``"1000/d"``, or from a number per second.

    Raises:
        UsageError: anything else.

    >>> parse_rate("90/min"), parse_rate(2)
    (1.5, 2.0)
    """
    if isinstance(rate, str) and (found := _GRAMMAR.fullmatch(rate)) is not None:
        per_second = float(found[1]) / _PER[found[2]]
    elif isinstance(rate, (int, float)) and not isinstance(rate, bool):
        per_second = float(rate) if rate < _MOST else math.inf
    else:
        per_second = 0.0
    if not 0 < per_second < math.inf:
        raise UsageError(f'rate={rate!r}: expected starts per time, such as "10/s", "100/min", "5/h", or 2.5 a second')
    return per_second
