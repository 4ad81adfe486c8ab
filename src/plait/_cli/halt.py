"""GNU parallel's ``--halt``: when to stop a map before its input ends, and how. Pure."""

from __future__ import annotations

import re

_GRAMMAR = re.compile(r"(now|soon),(fail|success|done)=(\d+)(%?)")
_LEAST_FOR_SHARE = 3  # as GNU parallel: a share of fewer items means little


class Halt:
    """Says after each outcome whether the map should stop.

    Attributes:
        now: stop what is running too, instead of only starting nothing more.
        what: what is counted: ``fail``, ``success`` or ``done``.

    >>> halt = Halt.parse("now,fail=2")
    >>> [halt.reached(done=n, failed=n) for n in (0, 1, 2)]
    [False, False, True]
    """

    def __init__(self, text: str, now: bool, what: str, amount: int, share: bool) -> None:
        self.text = text
        self.now = now
        self.what = what
        self._amount = amount
        self._share = share

    @classmethod
    def parse(cls, text: str) -> Halt | None:
        """None for ``never``.

        Raises:
            ValueError: not in the grammar; the message says what is.
        """
        if text in ("never", "0"):
            return None
        found = _GRAMMAR.fullmatch(text.strip())
        if found is None:
            raise ValueError(
                f"{text!r}: expected never, or now or soon, a comma, and fail=N, fail=N%, success=N or done=N, "
                "such as now,fail=3"
            )
        when, what, amount, percent = found.groups()
        if int(amount) < 1 or (percent and int(amount) > 100):
            raise ValueError(f"{text!r}: expected a count of at least 1, or a share from 1% to 100%")
        return cls(text, when == "now", what, int(amount), bool(percent))

    def reached(self, *, done: int, failed: int, total: int | None = None) -> bool:
        """Whether it is time, now that `done` items have ended and `failed` of them failed.

        A share is of the items that have ended, at least three; ``done=N%`` is of `total`, never reached without.
        """
        count = {"fail": failed, "success": done - failed, "done": done}[self.what]
        if not self._share:
            return count >= self._amount
        if done < _LEAST_FOR_SHARE and done != total:
            return False
        whole = total if self.what == "done" else done
        return whole is not None and count > 0 and 100 * count >= self._amount * whole
