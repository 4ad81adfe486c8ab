"""The loop around the user's function, for engines whose workers share this process's memory."""

from __future__ import annotations

import time
from _collections_abc import Callable, Iterable

from plait._core.batch import Batch
from plait._core.interrupts import calls_out
from plait._core.our_frames import without_our_frames


@calls_out
def run_plain(
    fn: Callable[..., object], items: Iterable[object], batch: Batch, through: tuple[type[BaseException], ...]
) -> None:
    """Call `fn` on each item; failures become the item's own, except those of the types in `through`.

    ``values.append(fn(x))`` as an attribute call is specialised by CPython 3.11+; a bound ``append`` is slower.
    """
    values = batch.values
    iterator = iter(items)
    while True:
        try:
            for item in iterator:
                values.append(fn(item))
            return
        except through:
            raise
        except BaseException as error:
            keep_failure(batch, error)


@calls_out
def run_timed(
    fn: Callable[..., object], items: Iterable[object], batch: Batch, through: tuple[type[BaseException], ...]
) -> None:
    """As `run_plain`, and note when each item began and ended."""
    clock = time.perf_counter
    values = batch.values
    for item in items:
        began = clock()
        try:
            values.append(fn(item))
        except through:
            raise
        except BaseException as error:
            keep_failure(batch, error)
        batch.spans.append((began, clock()))


def keep_failure(batch: Batch, error: BaseException) -> None:
    """The next item of the batch failed; frames of ours are cut off its traceback, and none keeps the batch alive."""
    batch.failures[len(batch.values)] = error.with_traceback(without_our_frames(error.__traceback__))
    batch.values.append(None)
