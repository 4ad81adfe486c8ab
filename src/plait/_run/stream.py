"""Stream: the results of a map, iterated from sync or async code, as values or as outcomes.

Iteration goes through ``itertools.chain`` over whole batches: delivering one value costs no Python call. Nothing here
refers back to the Stream, so leaving a loop over a temporary Stream frees it at once, and that stops the work.
"""

from __future__ import annotations

import warnings
from _collections_abc import AsyncIterator, Generator, Iterable, Iterator
from itertools import chain
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from plait._core.batch import Batch
from plait._core.errors import NotTransferable, UsageError
from plait._core.how_many import how_many
from plait._core.interrupts import drives
from plait._core.loop_here import loop_here
from plait._core.mistaken import no_attribute
from plait._core.our_frames import without_our_frames
from plait._core.outcome import Outcome
from plait._run.handing import is_handed
from plait._run.report import Report
from plait._run.run import Run

if TYPE_CHECKING:
    from plait._run.in_loop import InLoop
    from plait._run.pump import Pump

_HOW = "loop over it, or call list() on it"
_HOW_IN_A_LOOP = "in a coroutine write `async for`, as in [value async for value in plait.map(...)]"

R = TypeVar("R")


class Stream(Generic[R]):
    """The results of one `plait.map`, in input order or as completed.

    Nothing runs before the first result is asked for. Iterate it once, with ``for`` or ``async for``; leaving the loop,
    the ``with`` block, or letting go of the Stream stops the work. A value's iteration raises the first failure as soon
    as it is known, with a note that names the item; `outcomes` gives every failure as a value instead. What one
    of the two has given the other does not: `outcomes` goes on where a loop over values was left.

    >>> import plait
    >>> with plait.map(str.upper, ["a", "b"], engine="thread") as stream:
    ...     print(list(stream), stream.report.items)
    ['A', 'B'] 2
    """

    STAYS_HERE = "plait.Stream, which belongs to one process; pass its results, or map the items there"

    def __init__(self, run: Run, length: int | None) -> None:
        self._run = run
        self._length = length
        self._values = cast("Iterator[R]", chain.from_iterable(_OneAtATime(run, _values(run))))
        self._used = False

    def __iter__(self) -> Iterator[R]:
        self._used = True
        _refuse_to_block(self._run)
        return self._values

    def __next__(self) -> R:
        return next(iter(self))

    def outcomes(self) -> Outcomes[R]:
        """Every item's Outcome, failures included; iterate it with ``for`` or ``async for``.

        After an error, ``cancel()`` or Ctrl-C it gives what had been computed and not delivered yet, then a `Cancelled`
        outcome for each item that had been started and not finished.
        """
        self._used = True
        if not self._run.started:
            self._run.job.timed = True
        return Outcomes(self._run)

    def __reduce__(self) -> str:
        raise NotTransferable(f"this is a {self.STAYS_HERE}")

    @property
    def report(self) -> Report:
        """What happened so far: engine, workers, reason, counts, rate."""
        return self._run.report

    @property
    def running(self) -> list[str]:
        """The items that are being run at this moment, in words, the longest first."""
        return self._run.running

    def cancel(self) -> None:
        """Stop the work now; may be called from any thread. The iteration then raises `Cancelled`."""
        self._run.cancel()

    def close(self) -> None:
        """Stop the work and wait until it has stopped.

        Where somebody waits for the next result meanwhile, such as another thread, this only stops the work: the
        iteration there raises `Cancelled`, when the work has stopped.
        """
        run = self._run
        if run.iterating or run.awaited:
            run.cancel()
        else:
            run.halt()

    if not TYPE_CHECKING:  # else type checkers would take every name for one that it has

        def __getattr__(self, name: str) -> object:
            raise no_attribute(self, "Stream", name)

    def __length_hint__(self) -> int:
        return self._length if self._length is not None else NotImplemented

    def __enter__(self) -> Stream[R]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[R]:
        self._used = True
        return cast("AsyncIterator[R]", _values_async(self._run))

    async def __aenter__(self) -> Stream[R]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await _pump(self._run).halt(self._run)

    def __del__(self) -> None:
        if not getattr(self, "_used", True) and not self._run.job.cancelled:
            fn = getattr(self._run.job.fn, "fn", self._run.job.fn)  # of a `Star`
            name = getattr(fn, "__name__", "") or type(fn).__name__
            warnings.warn(  # with the name: the line is the one where Python let go of it, which may be anywhere
                f"plait.map({name}, ...) was never iterated, so nothing ran; "
                f"{_HOW if loop_here() is None else _HOW_IN_A_LOOP}",
                RuntimeWarning,
                stacklevel=2,
            )

    def __repr__(self) -> str:
        report = self._run.report
        state = "done" if report.finished else "cancelled" if report.cancelled else "open"
        return f"<plait.Stream on {report.engine}, {how_many(report.items, 'item')} {state}>"


class Outcomes(Generic[R]):
    """The outcomes of a Stream, for ``for`` and ``async for``."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._iterator: Iterator[Outcome[R]] | None = None

    def __iter__(self) -> Iterator[Outcome[R]]:
        if self._iterator is None:
            run = self._run
            _refuse_to_block(run)
            batches = run.batches(stop_at_failure=False)
            self._iterator = chain.from_iterable(_OneAtATime(run, (_outcomes(run, batch) for batch in batches)))
        return self._iterator

    def __next__(self) -> Outcome[R]:
        return next(iter(self))

    def groups(self) -> Iterator[list[Outcome[R]]]:
        """The outcomes in lists as they arrive: between two lists there may be a wait, within one there is not."""
        run = self._run
        for batch in run.batches(stop_at_failure=False):
            group = list(run.outcomes_of(batch))
            run.handing = batch, len(group)
            yield group

    async def __aiter__(self) -> AsyncIterator[Outcome[R]]:
        async with _pump(self._run)(self._run, self._run.batches(stop_at_failure=False)) as batches:
            async for batch in batches:
                for outcome in _outcomes(self._run, batch):
                    yield outcome


def _refuse_to_block(run: Run) -> None:
    if run.lives_in_loop:
        raise UsageError(
            "this stream is being iterated with `async for`, in whose event loop its functions run; "
            "go on with `async for`, which does not block that loop"
        )


class _OneAtATime:
    """The batches for a `chain`. Asked for the next one while it waits for one, a chain would lose both, or crash.

    It is a `Driver` for the steps between the run and the chain: raised in one of them, Ctrl-C would carry a traceback
    that keeps the run open, and so would not say what was running.
    """

    __slots__ = ("__weakref__", "_run", "_source")  # weak: else a check would keep it, and the work, alive

    def __init__(self, run: Run, source: Iterator[Iterable[Any]]) -> None:
        self._run = run
        self._source = source

    def __iter__(self) -> Iterator[Iterable[Any]]:
        return self

    @drives
    def __next__(self) -> Iterable[Any]:
        run = self._run
        if run.iterating or (run.awaited and not run.halted):
            return _refusal()  # not raised here, which would end the chain for whoever waits
        with run.turn:  # another thread may be closing it
            if run.awaited:  # by this one, which asks in what it calls meanwhile
                return _refusal()
            try:
                try:
                    run.iterating = True
                    values = next(self._source)
                finally:
                    run.iterating = False
                if run.held_back is not None:
                    run.halt()
            except KeyboardInterrupt as interrupt:  # it says what was running, and where: not through what it has come
                raise interrupt.with_traceback(without_our_frames(interrupt.__traceback__)) from interrupt.__cause__
        return values

    def hold_back(self, interrupt: KeyboardInterrupt) -> bool:
        """See `interrupts`; when it is pressed twice within these steps, the first will be raised soon enough."""
        return self._run.hold_back(interrupt) or not self._run.closed


def _refusal() -> Iterator[Any]:
    raise UsageError(
        "this stream is waiting for its next result already: for another thread, or for the function or input that is "
        "asking now; iterate it in one thread, or call next() on it under a lock"
    )
    yield


# How far the consumer is in a batch is noted right before it gets each value, so that an interrupt finds it exact.


def _values(run: Run) -> Generator[Iterable[object], None, None]:
    try:
        for batch in run.batches(stop_at_failure=True):
            if batch.failures:
                yield _raising(run, batch)
            else:
                values = iter(batch.values)
                run.handing = batch, values
                yield values
    except KeyboardInterrupt as interrupt:
        run.explain(interrupt)
        raise


def _raising(run: Run, batch: Batch) -> Generator[object, None, None]:
    """The values before the first failure of the batch, then that failure; what comes after it stays for `outcomes`."""
    first = min(batch.failures)
    for offset in range(first):
        if not is_handed(run.handing, batch):
            return
        run.handing = batch, offset + 1
        yield batch.values[offset]
    if not is_handed(run.handing, batch):
        return
    run.handing = batch, first + 1
    _blame(run, batch.base + first)
    run.halt()
    raise run.failure(batch, first)


def _outcomes(run: Run, batch: Batch) -> Iterator[Outcome[Any]]:
    for position, outcome in enumerate(run.outcomes_of(batch), 1):
        if not is_handed(run.handing, batch):
            return
        run.handing = batch, position
        yield outcome


async def _values_async(run: Run) -> AsyncIterator[object]:
    async with _pump(run)(run, run.batches(stop_at_failure=True)) as batches:
        async for batch in batches:
            first = min(batch.failures, default=None)
            for position, value in enumerate(batch.values[:first], 1):
                run.handing = batch, position
                yield value
                if not is_handed(run.handing, batch):
                    break
            else:  # one that failed before its turn was never handed out
                if first is not None:
                    run.handing = batch, first + 1
                    _blame(run, batch.base + first)
                    await _pump(run).halt(run)
                    raise run.failure(batch, first)


def _blame(run: Run, index: int) -> None:
    """It is the failure of this item that stops the work, unless something has stopped it already."""
    if not run.job.cancelled:
        run.accounts.blame(index)


def _pump(run: Run) -> type[Pump | InLoop]:
    """How async code waits for the batches of a run. asyncio is heavy: who iterates without it need not wait for it."""
    if hasattr(run.engine, "run_here") and (run.lives_in_loop or not run.started):
        from plait._run.in_loop import InLoop

        return InLoop
    from plait._run.pump import Pump

    return Pump
