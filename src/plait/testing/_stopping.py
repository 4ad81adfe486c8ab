"""The part of the contract about stopping: leaving the loop, cancelling, letting go."""

from __future__ import annotations

import gc
import itertools
import threading
import time
from collections.abc import Callable, Generator

import plait
from plait.errors import Cancelled
from plait.testing._awaiting import napping
from plait.testing._functions import (
    NAP,
    PATIENCE,
    double,
    fail_until,
    forever,
    forever_or_wait,
    mark,
    marks,
    wait_for,
)
from plait.testing._support import ContractBase, raises


class StoppingContract(ContractBase):
    """Stop means stop, whoever says so."""

    def test_leaving_the_loop_stops_the_work(self) -> None:
        with self.engine() as engine:
            for value in plait.map(double, itertools.count(), engine=engine):
                if value >= 100:
                    break
            assert list(plait.map(double, [1], engine=engine)) == [2]

    def test_leaving_the_block_stops_items_that_run(self) -> None:
        if not self.stops_items:
            return
        with self.folder() as folder, self.engine() as engine:
            items = [("value", "a"), *[("forever", f"{folder}/{n}") for n in range(self.workers + 2)]]
            began = time.monotonic()
            with plait.map(forever, items, engine=engine, workers=self.workers) as stream:
                assert next(stream) == "a"
                if self.workers > 1:
                    wait_for(f"{folder}/0")
            assert time.monotonic() - began < PATIENCE / 2
            assert stream.report.cancelled
            assert not stream.report.finished

    def test_what_the_consumer_left_comes_as_outcomes_each_once(self) -> None:
        for order in ("input", "completion"):
            with self.engine() as engine:
                stream = plait.map(double, range(3000), engine=engine, order=order)
                seen = list(itertools.islice(stream, 777))  # in the middle of a batch, as a rule
                stream.close()
                rest = list(stream.outcomes())
                assert all(outcome.value == 2 * outcome.index for outcome in rest if outcome.ok)
                assert all(isinstance(outcome.error, Cancelled) for outcome in rest if not outcome.ok)
                found = [value // 2 for value in seen] + [outcome.index for outcome in rest]
                assert sorted(found) == list(range(len(found)))

    def test_an_error_in_the_block_stops_the_work_and_is_raised(self) -> None:
        with self.engine() as engine, raises(ZeroDivisionError):
            with plait.map(double, itertools.count(), engine=engine) as stream:
                for value in stream:
                    1 // (value - 10)

    def test_letting_go_of_the_stream_stops_the_work(self) -> None:
        with self.engine() as engine:
            stream = plait.map(double, itertools.count(), engine=engine)
            assert next(stream) == 0
            del stream
            gc.collect()
            assert list(plait.map(double, [1], engine=engine)) == [2]

    def test_nothing_starts_after_the_stop(self) -> None:
        with self.folder() as folder, self.engine() as engine:
            path = f"{folder}/runs"
            with plait.map(mark, itertools.repeat(path), engine=engine) as stream:
                for _ in itertools.islice(stream, 50):
                    pass
            stopped_at = _size(path)
            assert list(plait.map(double, range(200), engine=engine)) == list(range(0, 400, 2))
            assert _size(path) == stopped_at

    def test_cancel_from_another_thread(self) -> None:
        self._stop_from_another_thread(cancel_when)

    def test_close_while_another_thread_waits_for_a_result(self) -> None:
        self._stop_from_another_thread(_close_when_begun)

    def _stop_from_another_thread(self, stop: Callable[[plait.Stream[object], str], None]) -> None:
        if not self.stops_items:
            return
        with self.folder() as folder, self.engine() as engine:
            items = itertools.repeat(("forever", f"{folder}/began"))
            stream = plait.map(forever, items, engine=engine, workers=self.workers)
            stopper = threading.Thread(target=stop, args=(stream, f"{folder}/began"))
            stopper.start()
            with raises(Cancelled):
                list(stream)
            stopper.join()
            assert stream.report.cancelled

    def test_cancel_keeps_what_was_computed(self) -> None:
        if not self.stops_items:
            return
        with self.folder() as folder, self.engine() as engine:
            began = [
                f"{folder}/{n}" for n in range(self.workers)
            ]  # every worker has got there: none still runs a value
            items = [("value", "a"), ("value", "b"), *[("forever", path) for path in began]]
            stream = plait.map(forever, items, engine=engine, workers=self.workers)
            canceller = threading.Thread(target=cancel_when, args=(stream, *began))
            canceller.start()
            outcomes = list(stream.outcomes())
            canceller.join()
            assert [outcome.value for outcome in outcomes[:2]] == ["a", "b"]
            assert len(outcomes) >= 3
            for outcome in outcomes[2:]:
                assert isinstance(outcome.error, Cancelled) or outcome.value == "told to stop"

    def test_no_item_begins_after_cancel(self) -> None:
        """Quick items make large batches; those behind them run until they are told to stop."""
        if not self.stops_items:
            return
        with self.folder() as folder, self.engine() as engine:
            path = f"{folder}/began"
            items = itertools.chain([("value", "x")] * 3000, itertools.repeat(("forever", path)))
            stream = plait.map(forever, items, engine=engine, workers=self.workers)
            canceller = threading.Thread(target=_cancel_when_begun, args=(stream, path, self.workers))
            canceller.start()
            with raises(Cancelled):
                list(stream)
            canceller.join()
            assert marks(path) == self.workers

    def test_no_item_begins_after_one_has_cancelled(self) -> None:
        if not self.shares_memory:
            return
        began: list[int] = []

        def cancel_at_3000(x: int) -> None:
            began.append(x)
            if x == 3000:
                stream.cancel()

        with self.engine() as engine:
            stream = plait.map(cancel_at_3000, itertools.count(), engine=engine, workers=1)
            with raises(Cancelled):
                list(stream)
            assert began == list(range(3001))

    def test_cancel_before_the_first_value(self) -> None:
        with self.engine() as engine:
            stream = plait.map(double, range(100), engine=engine)
            stream.cancel()
            with raises(Cancelled):
                list(stream)
            assert stream.report.items == 0

    def test_cancel_between_two_values(self) -> None:
        with self.engine() as engine:
            stream = plait.map(double, itertools.count(), engine=engine)
            assert next(stream) == 0
            stream.cancel()
            with raises(Cancelled):
                for value in stream:
                    assert value % 2 == 0

    def test_cancel_races_with_the_end(self) -> None:
        with self.engine() as engine:
            for n in range(30):
                stream = plait.map(double, range(n), engine=engine)
                canceller = threading.Thread(target=stream.cancel)
                canceller.start()
                outcomes = list(stream.outcomes())
                canceller.join()
                assert [outcome.index for outcome in outcomes] == sorted({outcome.index for outcome in outcomes})
                for outcome in outcomes:
                    assert outcome.value == 2 * outcome.index if outcome.ok else isinstance(outcome.error, Cancelled)

    def test_an_item_that_runs_is_revoked(self) -> None:
        if self.workers == 1 or not self.stops_items:
            return
        with self.folder() as folder, self.engine() as engine:
            running, going_on, end = f"{folder}/running", f"{folder}/going-on", f"{folder}/end"
            items = [("forever", running, ""), ("wait", going_on, end)]
            stream = plait.map(forever_or_wait, items, engine=engine, workers=2, order="completion")
            revoker = threading.Thread(target=_revoke_when, args=(stream, 0, running, going_on))
            revoker.start()
            outcomes = iter(stream.outcomes())
            revoked = next(outcomes)
            mark(end)
            (other,) = outcomes
            revoker.join()
            assert isinstance(revoked.error, Cancelled)
            assert (revoked.index, revoked.attempts) == (0, 1)
            assert "item 0" in str(revoked.error)
            assert (other.index, other.value) == (1, end)
            assert stream.report.finished

    def test_an_item_that_waits_is_revoked_and_never_begins(self) -> None:
        if not self.stops_items:
            return
        with self.folder() as folder, self.engine() as engine:
            began, end, never = f"{folder}/began", f"{folder}/end", f"{folder}/never"
            items = [("value", "a", "a")] * 40 + [("wait", began, end), ("wait", never, never), ("value", "b", "b")]
            stream = plait.map(_wait_or_value, items, engine=engine, workers=1, order="completion")
            busy = self.workers == 1  # with its item: it can tell the outcome only afterwards
            revoker = threading.Thread(target=_revoke_when, args=(stream, 41, began), kwargs={"then": end * busy})
            revoker.start()
            outcomes: list[plait.Outcome[str]] = []
            for outcome in stream.outcomes():
                outcomes.append(outcome)
                if outcome.index == 41:
                    mark(end)
            revoker.join()
            outcomes.sort(key=lambda outcome: outcome.index)
            assert [outcome.value for outcome in outcomes] == ["a"] * 40 + [end, None, "b"]
            assert isinstance(outcomes[41].error, Cancelled)
            assert outcomes[41].attempts == 0
            assert "item 41" in str(outcomes[41].error)
            assert marks(never) == 0

    def test_an_item_is_revoked_before_the_first_value_is_asked_for(self) -> None:
        with self.engine() as engine:
            stream = plait.map(double, range(500), engine=engine)
            for index in (0, 7, 8, 499):
                stream._run.job.revoke(index)
            outcomes = list(stream.outcomes())
            assert [outcome.index for outcome in outcomes if not outcome.ok] == [0, 7, 8, 499]
            assert all(isinstance(outcome.error, Cancelled) for outcome in outcomes if not outcome.ok)
            assert [outcome.value for outcome in outcomes if outcome.ok] == [2 * o.index for o in outcomes if o.ok]

    def test_an_item_that_waits_for_its_retry_is_revoked(self) -> None:
        with self.folder() as folder, self.engine() as engine:
            path, retry = f"{folder}/attempts", plait.Retry(1, backoff=10 * PATIENCE, longest=10 * PATIENCE, jitter=0)
            stream = plait.map(fail_until, [(path, 1)], engine=engine, retry=retry)
            revoker = threading.Thread(target=_revoke_when_retried, args=(stream, 0))
            revoker.start()
            (outcome,) = stream.outcomes()
            revoker.join()
            assert isinstance(outcome.error, Cancelled)
            assert marks(path) == 1

    def test_revoking_what_has_ended_or_does_not_exist_changes_nothing(self) -> None:
        with self.engine() as engine:
            stream = plait.map(double, range(3000), engine=engine)
            for value in stream:
                stream._run.job.revoke(value // 2)
                stream._run.job.revoke(10**6)
            assert stream.report.items == 3000
            assert stream.report.failed == 0

    def test_revoking_races_with_the_end(self) -> None:
        with self.engine() as engine:
            for n in range(1, 30):
                stream = plait.map(double, range(n), engine=engine)
                revoker = threading.Thread(target=stream._run.job.revoke, args=(n - 1,))
                revoker.start()
                outcomes = list(stream.outcomes())
                revoker.join()
                assert [outcome.index for outcome in outcomes] == list(range(n))
                assert all(outcome.value == 2 * outcome.index for outcome in outcomes[:-1])
                last = outcomes[-1]
                assert last.value == 2 * n - 2 if last.ok else isinstance(last.error, Cancelled)

    def test_an_input_that_blocks_can_be_closed_afterwards(self) -> None:
        closed: list[bool] = []
        with self.engine() as engine:
            source = _closing(closed)
            for _ in itertools.islice(plait.map(double, source, engine=engine), 3):
                pass
            source.close()
        assert closed == [True]


def cancel_when(stream: plait.Stream[object], *paths: str) -> None:
    for path in paths:
        wait_for(path)
    stream.cancel()


@napping
def _wait_or_value(item: tuple[str, str, str]) -> Generator[None, None, str]:
    if item[0] == "value":
        return item[1]
    mark(item[1])
    return (yield from wait_for.steps(item[2]))


def _revoke_when(stream: plait.Stream[object], index: int, *paths: str, then: str = "") -> None:
    for path in paths:
        wait_for(path)
    stream._run.job.revoke(index)
    if then:
        mark(then)


def _revoke_when_retried(stream: plait.Stream[object], index: int) -> None:
    end = time.monotonic() + PATIENCE
    while not stream.report.retries and time.monotonic() < end:
        time.sleep(NAP)  # nobody tells when a retry was planned
    stream._run.job.revoke(index)


def _close_when_begun(stream: plait.Stream[object], path: str) -> None:
    wait_for(path)
    stream.close()


def _cancel_when_begun(stream: plait.Stream[object], path: str, items: int) -> None:
    wait_for(path)
    end = time.monotonic() + PATIENCE
    while marks(path) < items and time.monotonic() < end:
        time.sleep(NAP)
    stream.cancel()


def _size(path: str) -> int:
    with open(path, "rb") as file:
        return len(file.read())


def _closing(closed: list[bool]) -> Generator[int, None, None]:
    try:
        yield from itertools.count()
    finally:
        closed.append(True)
