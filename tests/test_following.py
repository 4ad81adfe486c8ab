"""Calls of a pool that follow one another on one worker: fewer hand-overs, and otherwise as if each came by itself."""

from __future__ import annotations

import random
import threading
from concurrent.futures import CancelledError, Future, wait

import pytest

import plait
from plait._core.batch import Batch
from plait._engines import crew, following
from plait._run.pool_call import Call
from plait._run.pool_feed import QueueFeed
from plait.errors import Cancelled

PATIENCE = 30.0

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[Batch]:
    """What workers hand in."""
    seen: list[Batch] = []
    finish = crew.Crew.finish

    def note(self: crew.Crew, seat: crew.Seat, batch: Batch) -> None:
        seen.append(batch)
        finish(self, seat, batch)

    monkeypatch.setattr(crew.Crew, "finish", note)
    return seen


def queue(calls: int) -> QueueFeed:
    feed = QueueFeed(lambda: None, lambda: None)
    for x in range(calls):
        feed.put(Call(abs, (x,), {}, Future()))
    return feed


def test_brief_calls_that_wait_share_one_batch(monkeypatch: pytest.MonkeyPatch, batches: list[Batch]) -> None:
    monkeypatch.setattr(following, "BATCH_SECONDS", PATIENCE)
    go = threading.Event()
    with plait.Pool("thread", workers=1) as pool:
        first = pool.submit(go.wait, PATIENCE)
        indices = [pool.submit(lambda: plait.current().index) for _ in range(100)]
        go.set()
        assert first.result()
        assert [future.result() for future in indices] == list(range(1, 101))
    assert [len(batch.items) for batch in batches if batch.base == 0] == [101]


def test_one_that_took_long_is_the_last_of_its_batch(monkeypatch: pytest.MonkeyPatch, batches: list[Batch]) -> None:
    monkeypatch.setattr(following, "BATCH_SECONDS", 0.0)
    with plait.Pool("thread", workers=1) as pool:
        wait([pool.submit(abs, x) for x in range(20)])
    assert [len(batch.items) for batch in batches] == [1] * 20


def test_none_follows_out_of_turn() -> None:
    """The index of a call is its place among all: when another worker has taken one meanwhile, the batch ends."""
    feed = queue(4)
    one, other = feed.take(1), feed.take(1)
    assert one is not None
    assert other is not None
    assert not feed.extend(one)
    assert feed.extend(other)
    assert feed.extend(other)
    assert not feed.extend(other)  # there is none
    assert [call.index for call in other.items] == [1, 2, 3]
    assert len(feed.running()) == 4
    feed.forget(other)
    assert [call.index for call in feed.running()] == [0]


def test_one_that_was_cancelled_is_passed_over() -> None:
    feed = queue(1)
    batch = feed.take(1)
    assert batch is not None
    cancelled: Future[object] = Future()
    cancelled.cancel()
    feed.put(Call(abs, (1,), {}, cancelled))
    feed.put(Call(abs, (2,), {}, Future()))
    assert feed.extend(batch)
    assert [call.args for call in batch.items] == [(0,), (2,)]
    assert batch.end == feed.taken == 2


def test_calls_may_wait_for_any_that_were_submitted_later() -> None:
    """Each waits for one that is behind it in the queue, which no worker may keep to itself."""
    later: list[Future[int]] = []
    ready = threading.Event()

    def waits(x: int) -> int:
        ready.wait(PATIENCE)
        return later[x].result(PATIENCE) + 1

    with plait.Pool("thread", workers=8) as pool:
        chance = random.Random(1)
        for _ in range(30):
            ready.clear()
            later.clear()
            waiting = [pool.submit(waits, x) for x in range(7)]
            kinds = [chance.random() < 0.5 for _ in range(7)]
            brief = [pool.submit(abs, x) for x in range(50)]
            later += [pool.submit(abs, x) if kind else brief[x] for x, kind in enumerate(kinds)]
            ready.set()
            assert [future.result(PATIENCE) for future in waiting] == [x + 1 for x in range(7)]
            wait(brief)


def test_what_follows_a_call_that_ends_the_pool_is_cancelled() -> None:
    with plait.Pool("thread", workers=1) as pool:
        go = threading.Event()
        first = pool.submit(go.wait, PATIENCE)
        ends = pool.submit(pool.shutdown, wait=False, cancel_futures=True)
        rest = [pool.submit(abs, x) for x in range(50)]
        go.set()
        assert first.result()
        ends.result(PATIENCE)
        wait(rest, PATIENCE)
        assert all(future.cancelled() for future in rest)


def test_every_call_of_a_scope_that_is_cancelled_among_brief_ones_has_its_end() -> None:
    def run(x: int) -> int:
        if x == 200:
            stop()
        return x

    for _ in range(30):
        with plait.scope(workers=2) as s:
            stop = s.cancel
            futures = []
            try:
                futures += [s.submit(run, x) for x in range(400)]
            except Cancelled:
                pass
        assert all(future.done() for future in futures)
        ended = [future for future in futures if not future.cancelled() and future.exception() is None]
        assert all(isinstance(future.result(), int) for future in ended)


def test_one_running_call_is_revoked_and_the_next_is_not() -> None:
    begun = threading.Event()

    def spin() -> None:
        begun.set()
        while True:
            pass

    with plait.scope(workers=1) as s:
        before = [s.submit(abs, x) for x in range(20)]
        spins = s.submit(spin)
        after = [s.submit(abs, x) for x in range(20)]
        assert begun.wait(PATIENCE)
        spins.cancel()
        with pytest.raises((Cancelled, CancelledError)):
            spins.result(PATIENCE)
        assert [future.result(PATIENCE) for future in before + after] == 2 * list(range(20))
