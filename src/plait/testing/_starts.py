"""The part of the contract about when items start: rates, and the delays of retries."""

from __future__ import annotations

import time

import plait
from plait.testing._functions import began, fail_until
from plait.testing._support import ContractBase

_CLOCKS = 0.005  # seconds by which the clocks of two processes, and of two kinds, may differ


class StartsContract(ContractBase):
    """Rates and delays."""

    def test_a_rate_limits_the_starts(self) -> None:
        with self.engine() as engine:
            before = time.time()
            found = list(plait.map(began, range(12), engine=engine, rate="60/s"))
            assert _earliest_lead(before, found, 60) > -_CLOCKS

    def test_a_rate_limits_endless_inputs_of_any_kind(self) -> None:
        with self.engine() as engine:
            for items in (iter(range(40)), range(40)):
                before = time.time()
                found = list(plait.map(began, items, engine=engine, rate=400, order="completion"))
                assert _earliest_lead(before, found, 400) > -_CLOCKS

    def test_another_attempt_is_another_start(self) -> None:
        with self.folder() as folder, self.engine() as engine:
            items = [(f"{folder}/{n}", 2) for n in range(3)]
            before = time.perf_counter()
            stream = plait.map(fail_until, items, engine=engine, rate=50, retry=2)
            assert list(stream) == [3, 3, 3]
            assert time.perf_counter() - before >= 8 / 50  # nine starts

    def test_nothing_waits_for_the_delay_of_a_retry(self) -> None:
        with self.folder() as folder, self.engine() as engine:
            items = [(f"{folder}/{n}", 1 if n == 0 else 0) for n in range(30)]
            again = plait.Retry(1, backoff=0.4, jitter=0.0)
            outcomes = list(
                plait.map(fail_until, items, engine=engine, workers=1, order="completion", retry=again).outcomes()
            )
            first = next(outcome for outcome in outcomes if outcome.index == 0)
            others = [outcome for outcome in outcomes if outcome.index]
            assert first.attempts == 2
            assert len(others) == 29
            assert sum(outcome.started < first.started for outcome in others) > 10

    def test_a_rate_does_not_delay_the_stop(self) -> None:
        with self.engine() as engine:
            before = time.perf_counter()
            for _ in plait.map(began, range(9), engine=engine, rate="2/h"):
                break
            assert time.perf_counter() - before < 20


def _earliest_lead(before: float, starts: list[float], per_second: float) -> float:
    """How many seconds the start that is closest to being too early comes after its time."""
    return min(start - before - number / per_second for number, start in enumerate(sorted(starts)))
