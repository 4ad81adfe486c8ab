"""What may be run again: how often, for which errors, after how long. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from plait._core.batch import Batch
from plait._core.errors import Cancelled, UsageError, WorkerDied


@dataclass(frozen=True, slots=True, kw_only=False)
class Retry:
    """Says which failed items a map runs again; without one nothing is run twice.

    The delay before attempt ``n + 1`` is ``backoff * 2 ** (n - 1)`` seconds, at most `longest`, and a random share of
    up to `jitter` of it is taken away so that many items do not come back at once.
    A dead worker may have left half of its work behind: its item is run again only when `on` names `WorkerDied`.
    What was cancelled is not run again.

    Attributes:
        times: how often an item may be run again after its first attempt.
        on: the error types that are worth another attempt.
        backoff: seconds before the second attempt.
        longest: no delay is longer than this many seconds.
        jitter: the share of each delay, from 0 to 1, that is random.

    Raises:
        UsageError: a negative number, or something in `on` that is not an exception type.

    >>> Retry(2, backoff=1.0, jitter=0.0).delay(OSError(), attempt=2)
    2.0
    >>> Retry(2).delay(OSError(), attempt=3) is None
    True
    """

    times: int
    on: type[BaseException] | tuple[type[BaseException], ...] = Exception
    backoff: float = 0.0
    longest: float = 60.0
    jitter: float = 0.5

    def __post_init__(self) -> None:
        if not isinstance(self.times, int) or self.times < 0:
            raise UsageError(f"Retry(times={self.times!r}): expected how often an item may be run again, 0 or more")
        for kind in self.on if isinstance(self.on, tuple) else (self.on,):
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):
                raise UsageError(f"Retry(on={self.on!r}): expected an exception type or a tuple of them")
        if self.backoff < 0 or self.longest < 0 or not 0 <= self.jitter <= 1:
            raise UsageError(f"{self!r}: expected backoff and longest >= 0 seconds and jitter between 0 and 1")

    def delay(self, error: BaseException, attempt: int, roll: float = 0.0) -> float | None:
        """Seconds to wait before the item is run again after its attempt number `attempt`, or None to give up.

        `roll` is a random number from 0 to 1 that places the delay within its jitter.
        """
        if attempt > self.times or not isinstance(error, self.on):
            return None
        if isinstance(error, Cancelled) or (isinstance(error, WorkerDied) and not self._names_death(error)):
            return None
        delay = min(self.longest, self.backoff * 2.0 ** (attempt - 1))
        return delay * (1.0 - self.jitter * roll)

    def _names_death(self, error: WorkerDied) -> bool:
        kinds = self.on if isinstance(self.on, tuple) else (self.on,)
        return any(issubclass(kind, WorkerDied) and isinstance(error, kind) for kind in kinds)


def split_retries(batch: Batch, retry: Retry, roll: float) -> tuple[list[Batch], list[tuple[int, float]]]:
    """The parts of a finished batch that are final, and the offsets of the items to run again with their delays."""
    again = [
        (offset, delay)
        for offset, error in sorted(batch.failures.items())
        if (delay := retry.delay(error, batch.attempt, roll)) is not None
    ]
    if not again:
        return [batch], []
    final: list[Batch] = []
    start = 0
    for offset, _ in again:
        if offset > start:
            final.append(batch.part(start, offset))
        start = offset + 1
    if start < len(batch.items):
        final.append(batch.part(start, len(batch.items)))
    return final, again
