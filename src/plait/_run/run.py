"""One run of a map: drives an engine, retries, orders and counts what finishes, and stops the work when it must.

The walk of a batch: the engine yields it finished; items worth another attempt return to the feed; the rest is settled,
recorded in the journal if there is one, put into order and delivered; when the consumer comes back for more, the feed's
window moves.
"""

from __future__ import annotations

import threading
import time
from _collections_abc import Callable, Generator, Iterator
from typing import Any

from plait._core.batch import Batch
from plait._core.cancelling import Interruptible
from plait._core.errors import Cancelled
from plait._core.how_many import how_many
from plait._core.interrupts import drives, finishes, unwatch, watch
from plait._core.job import Job, Running
from plait._core.onlooker import ONLOOKER, name_of
from plait._core.outcome import Outcome
from plait._engines.interface import IDLE, Engine
from plait._run.accounts import Accounts
from plait._run.farewell import explain, in_words, stopping_words, taken_error, warn_abandoned, warn_mishaps
from plait._run.handing import Handing, rest_of, taken_of
from plait._run.ordering import CompletionOrder, InputOrder
from plait._run.outcomes import failure_of, outcomes_of
from plait._run.progress import Meter
from plait._run.recording.recalled import Recalled
from plait._run.report import Report, count_in
from plait._run.retry import Retry, split_retries

UNINTERRUPTIBLE = True  # see `halting`: a map inside a task of another map is told to stop, and then ends what it holds

TYPE_CHECKING = False
if TYPE_CHECKING:  # asyncio is heavy, and most runs need it for nothing else
    from plait._engines.event_loop.loop_bell import LoopBell
    from plait._run.recording.keeper import Keeper  # with sqlite3: only for those who keep a journal


class Run:
    """Drives one job to its end. Iterate `batches` from one thread at a time, in its `turn`; call `cancel` from any."""

    def __init__(
        self,
        engine: Engine,
        job: Job,
        report: Report,
        *,
        owned: bool,
        ordered: bool,
        retry: Retry | None,
        meter: Meter,
        journal: Keeper | None = None,
    ) -> None:
        self.engine = engine
        self._fn = job.fn  # which an engine may replace
        self.job = job
        self._report = report
        self._owned = owned
        self._order: InputOrder | CompletionOrder = InputOrder() if ordered else CompletionOrder()
        self._retry = retry
        self._meter = meter
        self._journal = journal
        self._settled: list[Batch] = []  # and not recorded for certain yet
        self.accounts = Accounts(job.feed.handed_out)
        self._work: Generator[Batch, None, None] | None = None
        self.turn, self.iterating = threading.RLock(), False
        self.handing: Handing | None = None
        self._pieces: Iterator[Recalled] = iter(())
        self._disturber: KeyboardInterrupt | None = None
        self.held_back: KeyboardInterrupt | None = None
        self._explained: KeyboardInterrupt | None = None
        self._interrupted: list[Running] = []
        self._began = 0.0
        self._finished = self._halted = self._closed = False
        self._bell: LoopBell | None = None
        self._epoch = time.time() - time.perf_counter()

    @property
    def started(self) -> bool:
        """Whether anybody has asked for a result."""
        return self._work is not None

    @property
    def report(self) -> Report:
        """The report as of now."""
        self._update_report()
        return self._report

    @property
    def running(self) -> list[str]:
        """The items that are being run at this moment, or were at Ctrl-C, in words, the longest first."""
        return [in_words(one) for one in sorted(self._interrupted or self.job.snapshot(), key=lambda one: -one.seconds)]

    def stopping_words(self, running: list[str]) -> str:
        """How far it was when it was stopped, what was running then, and what could not be stopped."""
        report = self._report
        return stopping_words(report.items, running, len(report.abandoned), report.engine)

    @property
    def closed(self) -> bool:
        """Whether nothing is left to do: an interrupt is raised where it comes."""
        return self._closed

    @property
    def halted(self) -> bool:
        """Whether its work has ended and its books are closed."""
        return self._halted

    @property
    def awaited(self) -> bool:
        """Whether somebody waits in it for the next batch at this moment."""
        return bool(getattr(self._work, "gi_running", False))

    @property
    def lives_in_loop(self) -> bool:
        """Whether it goes on only as long as the coroutine that iterates it asks for more."""
        return self._bell is not None and not self._halted

    @property
    def bell(self) -> LoopBell:
        """What rings when a run that lives in an event loop goes on."""
        assert self._bell is not None
        return self._bell

    def live_in(self, bell: LoopBell) -> None:
        """Run in the event loop that is running: `batches` gives `IDLE` instead of waiting for the bell."""
        self._bell = bell

    def endings(self) -> Iterator[None]:
        """Stop the work of a run that lives in an event loop: wait for the bell after each, then `halt`."""
        if self._work is None or self._halted:
            return
        if not self.job.feed.finished:
            self.cancel()
        for batch in self._work:
            if batch is not IDLE:  # it lies in `unfetched`
                return
            yield

    @drives
    def batches(self, *, stop_at_failure: bool) -> Iterator[Batch]:
        """Batches in the order of delivery. Closing this stops the work.

        With `stop_at_failure` a batch that failed is delivered as soon as it is known, before its turn. Who takes items
        of a batch notes in `handing` how far that went; another iteration, as of outcomes, goes on from there.
        """
        if self._disturber is not None:  # Ctrl-C in the body of the loop
            self.halt()
        with Interruptible(self.cancel) as wait:
            if wait.cancelled:
                self.cancel()
            try:
                try:
                    if self._work is None and not self._halted:
                        self._start()
                    if self._work is not None:
                        yield from self._working(self._work, stop_at_failure)
                except KeyboardInterrupt as interrupt:  # in the user's code, or pressed twice
                    if self._halted:
                        raise
                    self.held_back = interrupt
                finally:
                    self.halt()
            except KeyboardInterrupt as interrupt:
                self.halt()  # it may have come before the other call was made
                self.explain(interrupt)
                raise
            if self.job.cancelled and self._bell is None:  # in an event loop it is awaits that end early
                wait.check()
        for batch in self._leftovers(stop_at_failure):
            self.handing = batch, 0  # a coroutine that has been cancelled does not take it: it stays for `outcomes`
            yield batch
        if self.job.feed.error is not None:
            raise taken_error(self.job.feed)
        if stop_at_failure and self.job.cancelled:
            raise Cancelled(f"{how_many(self._report.items, 'item')} had ended {self.accounts.when}")

    def hold_back(self, interrupt: KeyboardInterrupt) -> bool:
        """See `interrupts`."""
        if self._closed or self.held_back is not None:
            return False
        self.held_back = interrupt
        self._interrupted = self.job.snapshot()  # what polls `cancelled` ends by itself, before anybody looks again
        self.job.cancel()
        return True

    def disturb(self, interrupt: KeyboardInterrupt) -> None:
        """See `interrupts`; who catches it may go on, and who asks for outcomes gets those there are."""
        self._disturber = interrupt

    def explain(self, interrupt: KeyboardInterrupt) -> None:
        """Have Ctrl-C say how far the run was and what was running, once."""
        if self._explained is not interrupt:
            self._explained = interrupt
            explain(interrupt, self.stopping_words(self.running))

    @drives
    def halt(self) -> None:
        """Stop the work now, if it still goes on, and close the books. May be called again.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed meanwhile.
        """
        if not (self._halted or self.job.feed.finished):
            self.cancel()  # a thread that drives it at this moment will not do so for long any more
        with self.turn:
            if self._halted:
                return
            try:
                self._halted = True
                self._finished = self.job.feed.finished and not self.job.cancelled
                self.job.cancelled = not self._finished
                if self._work is not None:
                    self._work.close()
            finally:
                self._close_books()

    @finishes
    def _close_books(self) -> None:
        self.job.feed.let_go()
        if self._owned:
            self.engine.close()
        try:
            if self._journal is not None:
                self._close_journal(self._journal)
        finally:
            self._update_report()
            self._report.finished, self._report.cancelled = self._finished, not self._finished
            try:
                self._meter.finish(self._report)
            finally:  # Ctrl-C in a callback
                unwatch(self)
                self._closed = True
            if self._disturber is not None:
                self.explain(self._disturber)
            if self.held_back is not None:
                self.explain(self.held_back)
                raise self.held_back
            warn_abandoned(self._report.abandoned, self._report.engine)
            warn_mishaps(self._report.mishaps)

    def cancel(self) -> None:
        """Ask the driver to stop; it does so at once, in its own thread."""
        self.job.cancel()

    def outcomes_of(self, batch: Batch) -> Iterator[Outcome[Any]]:
        """One Outcome per item of the batch."""
        return outcomes_of(batch, self._epoch)

    def failure(self, batch: Batch, offset: int) -> BaseException:
        """The error of one item of the batch, made to carry its item."""
        return failure_of(next(self.outcomes_of(batch.part(offset, offset + 1))), self._fn)

    # --- steps of `batches`

    def _working(self, work: Generator[Batch, None, None], stop_at_failure: bool) -> Iterator[Batch]:
        yield from self._deliver_ready()
        for batch in work:
            if batch is IDLE:
                yield batch
                continue
            finals = self._settle(batch) if self._journal is None else self._recorded(batch, self._journal)
            for final in finals:
                self._order.add(final)
            batch.fetched = True
            if finals is self._settled:
                self._settled = []
            yield from self._deliver_ready()
            for final in finals:
                if stop_at_failure and final.failures and not (final.delivered or self._halted):
                    self.handing = self._order.surface(final), 0  # the consumer raises, though earlier items still run
                    yield self.handing[0]

    def _deliver_ready(self) -> Iterator[Batch]:
        """What has its turn; first what another iteration, as of values before that of outcomes, left untaken."""
        while True:
            yield from self._taken_over()
            if self._halted or self.held_back is not None:  # what is left is for `_leftovers`
                return
            batch: Batch | None = next(self._pieces, None)
            if batch is None:
                if (batch := self._order.ready()) is None:
                    return
                batch.delivered = True
                if isinstance(batch, Recalled):
                    self._read(batch)
                    continue
            self.handing = batch, 0
            yield batch

    def _taken_over(self) -> Iterator[Batch]:
        """The consumer has come back for more: the window moves by what was taken of the batch last given."""
        self._disturber = None
        while not self._halted and (handing := self.handing) is not None:
            batch, taken = handing[0], taken_of(handing)
            self.job.feed.deliver(taken, known=isinstance(batch, Recalled))
            rest = batch.part(taken, len(batch.items)) if taken < len(batch.items) else None
            self.handing = None if rest is None else (rest, 0)
            if rest is not None:
                yield rest

    def _start(self) -> None:
        watch(self)
        self._began = time.perf_counter()
        self._meter.start()
        self.job.final = self._owned
        self._work = self._begin() if self._journal is None else self._begin_with(self._journal)

    def _begin(self) -> Generator[Batch, None, None]:
        if self._bell is None:
            return self.engine.run(self.job)
        run_here: Callable[[Job, LoopBell], Generator[Batch, None, None]] = self.engine.run_here  # type: ignore[attr-defined]  # who gave us a bell has looked
        return run_here(self.job, self._bell)

    def _begin_with(self, journal: Keeper) -> Generator[Batch, None, None]:
        journal.attach(self.job.feed, self._epoch)
        yield from self._begin()

    def _recorded(self, batch: Batch, journal: Keeper) -> list[Batch]:
        """What is in the journal for certain and may be delivered; nothing while there is more to commit with it."""
        self._settled += (final := self._settle(batch))
        batch.fetched = True  # it is on the books, also where it cannot be written
        for piece in final:
            journal.record(piece)
        if self.job.unfetched and self.job.unfetched[-1] is not batch and journal.may_gather:
            return []
        journal.commit()
        return self._settled

    def _read(self, batch: Recalled) -> Iterator[Recalled]:
        assert self._journal is not None
        self._pieces = self._journal.read(batch)
        return self._pieces

    def _close_journal(self, journal: Keeper) -> None:
        """What has been computed is recorded, whether anybody will ask for it or not."""
        self._fetch_rest()
        for piece in self._settled:
            journal.record(piece)
        journal.close(self._report)

    def _fetch_rest(self) -> None:
        """What the engine had finished and nobody has taken."""
        while self.job.unfetched:
            batch = self.job.unfetched.popleft()
            if not batch.fetched:
                self._settled += self._settle(batch)

    def _settle(self, batch: Batch) -> list[Batch]:
        final, report = [batch], self._report
        if isinstance(batch, Recalled):
            report.failed += batch.failed
        elif batch.failures and self._retry is not None and not self.job.cancelled:
            import random  # slow to import, and here only where something failed

            final, again = split_retries(batch, self._retry, random.random)  # jitter, not a secret
            now = time.perf_counter()
            for offset, delay in again:
                self.job.feed.retry(batch.base + offset, batch.items[offset], batch.attempt + 1, now + delay)
            report.retries += len(again)
        if ONLOOKER.told is not None:
            ONLOOKER.told(name_of(self._fn), batch, self.job)
        for piece in final:
            count = len(piece.items)
            self.accounts.settle(piece)
            self.job.feed.settle(count)
            report.items += count
            report.failed += len(piece.failures)
        self._meter.advance(report.items, report.failed)
        return final

    def _leftovers(self, stop_at_failure: bool) -> Iterator[Batch]:
        """After a stop: what had finished and was not delivered, then one Cancelled per item that had not."""
        yield from rest_of(self.handing)
        yield from self._pieces
        self._fetch_rest()
        for final in self._settled:
            self._order.add(final)
        self._settled = []
        for batch in self._order.rest(gapless=stop_at_failure):  # what lies behind a gap stays for `outcomes`
            batch.delivered = True
            yield from self._read(batch) if isinstance(batch, Recalled) else [batch]
        if self._journal is not None:
            self._journal.close(self._report)
        if self.job.cancelled:
            yield from self.accounts.unended()

    def _update_report(self) -> None:
        report = self._report
        count_in(report, self.job.tally)
        if self._journal is not None:
            self._journal.update(report)
        if self._began and not report.finished and not report.cancelled:
            report.seconds = time.perf_counter() - self._began
