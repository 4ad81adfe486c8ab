"""Trial: threads that run beside the first call when it seems to wait, to see whether others wait as well."""

from __future__ import annotations

import enum

from plait._core.gil import Promptly
from plait._engines.choosing.seen import Seen

_MOST = 8  # threads when the first call has waited; before that, twice as many as there are each time that
_STILL_WAIT = 0.003  # seconds more have gone by in which hardly anybody has computed


class Trial:
    """Comes once. While it lasts nobody keeps the GIL for long: if they compute after all, that is to be seen soon.

    Attributes:
        threads: how many there should be.
    """

    def __init__(self) -> None:
        self.threads = 1
        self._stage = _Stage.MAY_COME
        self._since = 0.0
        self._promptly: Promptly | None = None

    @property
    def may_come(self) -> bool:
        return self._stage is _Stage.MAY_COME

    @property
    def lasts(self) -> bool:
        """Whether it says how many threads there should be: it runs, or those that it has added come to rest."""
        return self._stage in (_Stage.RUNS, _Stage.FAILED)

    @property
    def failed(self) -> bool:
        """Whether all threads but one are to come to rest, since they do not wait."""
        return self._stage is _Stage.FAILED

    def go_on(self, seen: Seen, threads: int) -> None:
        """So many threads wait, as was seen: begin, or have more of them try."""
        if self.may_come or seen.calls or seen.now - self._since >= _STILL_WAIT:
            self._enter(_Stage.RUNS)
            self._since = seen.now
            self.threads = _MOST if seen.calls else min(_MOST, 2 * threads)

    def fail(self) -> None:
        self._enter(_Stage.FAILED)
        self.threads = 1

    def end(self) -> None:
        """It is over, whatever it has shown."""
        self._stage = _Stage.OVER
        if self._promptly is not None:
            self._promptly.__exit__()
            self._promptly = None

    def _enter(self, stage: _Stage) -> None:
        self._stage = stage
        if self._promptly is None:
            self._promptly = Promptly()
            self._promptly.__enter__()


class _Stage(enum.Enum):
    MAY_COME = enum.auto()
    RUNS = enum.auto()
    FAILED = enum.auto()
    OVER = enum.auto()
