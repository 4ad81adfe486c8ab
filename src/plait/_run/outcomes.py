"""From a batch to one Outcome for each of its items, and from an outcome to the error that is raised."""

from __future__ import annotations

from _collections_abc import Callable, Iterator
from inspect import iscoroutine
from typing import Any

from plait._core.batch import Batch
from plait._core.notes import add_note
from plait._core.outcome import Outcome, attach
from plait._run.call_advice import note_call_advice
from plait._run.known_errors import note_known_error
from plait._run.recording.recalled import Recalled

_COROUTINE = (
    "plait: the item is a coroutine, as its function was called already: write plait.map(fetch, urls) rather than "
    "plait.map(fn, [fetch(url) for url in urls])"
)


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


def failure_of(outcome: Outcome[Any], fn: Callable[..., object]) -> BaseException:
    """The error of a call of `fn`, made to carry its item."""
    error = outcome.error
    assert error is not None
    if isinstance(error, (StopIteration, StopAsyncIteration)):  # raised as itself it would quietly end the loop
        ended = RuntimeError(f"the function raised {type(error).__name__}, which is not an error a loop can see")
        ended.__cause__ = error
        error = ended
    attach(error, outcome)
    if type(error) is TypeError:
        note_call_advice(error, fn, outcome.input)
    else:
        note_known_error(error)
    if iscoroutine(outcome.input):
        add_note(error, _COROUTINE)
    return error
