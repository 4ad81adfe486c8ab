"""What may be run again: how often, for which errors, after how long. Pure."""

from __future__ import annotations

import math
from _collections_abc import Callable
from dataclasses import dataclass

from plait._core.batch import Batch
from plait._core.errors import Cancelled, NotTransferable, TaskTimeout, UsageError, WorkerDied
from plait._core.mistaken import known_options
from plait._core.notes import add_note

Worth = type[BaseException] | Callable[[BaseException], object]

# Errors after which another attempt may do harm or no good, and what `on` must name for them to count.
_ONLY_WHEN_NAMED: tuple[tuple[type[BaseException], type[BaseException]], ...] = (
    (WorkerDied, WorkerDied),
    (TaskTimeout, TimeoutError),
    (NotTransferable, NotTransferable),
)
_HALF_DONE = {WorkerDied: "plait.errors.WorkerDied", TimeoutError: "TimeoutError"}
_MOST_DOUBLINGS = 1000  # 2.0 ** 1024 is no float any more


@dataclass(frozen=True, slots=True)
class Retry:
    """Says which failed items a map runs again; without one nothing is run twice.

    The delay before attempt ``n + 1`` is ``backoff * 2 ** (n - 1)`` seconds, at most `longest`, and a random share of
    up to `jitter` of it is taken away so that many items do not come back at once. Nobody waits for it: the worker
    takes other items meanwhile.

    Three errors count only when `on` names their type, whatever else it says: a dead worker (`WorkerDied`) and an item
    that was stopped (`TaskTimeout`, or `TimeoutError`) may have left half of their work behind, and what cannot cross
    to another process (`NotTransferable`) never will.
    What was cancelled is not run again.

    Attributes:
        times: how often an item may be run again after its first attempt.
        on: what is worth another attempt: an error type, a function that is given the error and says whether it is,
            or a tuple of such.
        backoff: seconds before the second attempt.
        longest: no delay is longer than this many seconds.
        jitter: the share of each delay, from 0 to 1, that is random.

    Raises:
        UsageError: a negative number, or something in `on` that is neither an exception type nor a function.

    >>> Retry(2, backoff=1.0, jitter=0.0).delay(OSError(), attempt=2)
    2.0
    >>> Retry(2).delay(OSError(), attempt=3) is None
    True
    >>> busy = Retry(2, on=lambda error: "busy" in str(error))
    >>> busy.delay(OSError("busy"), attempt=1), busy.delay(OSError("gone"), attempt=1)
    (0.0, None)
    """

    times: int
    on: Worth | tuple[Worth, ...] = Exception
    backoff: float = 0.0
    longest: float = 60.0
    jitter: float = 0.5

    def __post_init__(self) -> None:
        if not isinstance(self.times, int) or isinstance(self.times, bool) or self.times < 0:
            raise UsageError(f"Retry(times={self.times!r}): expected how often an item may be run again, 0 or more")
        for worth in self._all_worth:
            if not (issubclass(worth, BaseException) if isinstance(worth, type) else callable(worth)):
                raise UsageError(
                    f"Retry(on={self.on!r}): expected an exception type, a function of the error, or a tuple of them"
                )
        for name, most in (("backoff", math.inf), ("longest", math.inf), ("jitter", 1)):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not 0 <= value <= most or value == math.inf:
                limits = "a share between 0 and 1" if most == 1 else "seconds, 0 or more"
                raise UsageError(f"Retry({name}={value!r}): expected {limits}")

    def delay(self, error: BaseException, attempt: int, roll: float = 0.0) -> float | None:
        """Seconds to wait before the item is run again after its attempt number `attempt`, or None to give up.

        `roll` is a random number from 0 to 1 that places the delay within its jitter.
        """
        if attempt > self.times or isinstance(error, Cancelled) or not self._is_worth_it(error):
            return None
        delay = min(self.longest, self.backoff * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS))
        return delay * (1.0 - self.jitter * roll)

    @property
    def _all_worth(self) -> tuple[Worth, ...]:
        return self.on if isinstance(self.on, tuple) else (self.on,)

    def _is_worth_it(self, error: BaseException) -> bool:
        must_name = next((name for kind, name in _ONLY_WHEN_NAMED if isinstance(error, kind)), None)
        seems = False
        for worth in self._all_worth:
            if isinstance(worth, type):
                if isinstance(error, worth) and (must_name is None or issubclass(worth, must_name)):
                    return True
                seems = seems or isinstance(error, worth)
            elif must_name is None and _says_yes(worth, error):
                return True
        if seems and must_name is not None and (name := _HALF_DONE.get(must_name)):
            add_note(
                error, f"plait: not run again, as half of its work may be done; Retry({self.times}, on={name}) does it"
            )
        return False


Retry.__init__ = known_options("plait.Retry")(Retry.__init__)  # type: ignore[method-assign]  # dataclass has made it


def split_retries(batch: Batch, retry: Retry, roll: Callable[[], float]) -> tuple[list[Batch], list[tuple[int, float]]]:
    """The parts of a finished batch that are final, and the offsets of the items to run again with their delays."""
    again = [
        (offset, delay)
        for offset, error in sorted(batch.failures.items())
        if (delay := retry.delay(error, batch.attempt, roll())) is not None
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


def _says_yes(worth: Callable[[BaseException], object], error: BaseException) -> bool:
    """Ask the user's function. When it raises, the error it was asked about must not be lost over that."""
    try:
        return bool(worth(error))
    except Exception as own:
        add_note(error, f"plait: not run again, because Retry(on={worth!r}) raised {type(own).__name__}: {own}")
        return False
