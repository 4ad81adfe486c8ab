"""From a batch to one Outcome for each of its items."""

from __future__ import annotations

from _collections_abc import Iterator
from typing import Any

from plait._core.batch import Batch
from plait._core.outcome import Outcome
from plait._run.recalled import Recalled


def outcomes_of(batch: Batch, epoch: float) -> Iterator[Outcome[Any]]:
    """`epoch` is when the clock of the batch's spans stood at 0, in seconds since 1970."""
    if isinstance(batch, Recalled):
        yield from batch.outcomes()
        return
    failures = batch.failures
    for offset, item in enumerate(batch.items):
        began, ended = batch.span(offset)
        yield Outcome(
            index=batch.base + offset,
            input=item,
            value=batch.values[offset],
            error=failures.get(offset),
            attempts=batch.attempt,
            worker=batch.worker,
            started=began + epoch if began else 0.0,
            ended=ended + epoch if ended else 0.0,
        )
