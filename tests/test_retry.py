"""Retry: which errors are worth another attempt, and after how long."""

from __future__ import annotations

import math

import pytest

import plait
from plait import Retry
from plait._core.batch import Batch
from plait._run.retry import split_retries
from plait.errors import MemoryExceeded, NotTransferable, RemoteError, TaskTimeout, UsageError, WorkerDied

DIED = WorkerDied("it died")
LATE = TaskTimeout("too late")
STUCK = NotTransferable("it cannot cross")


@pytest.mark.parametrize(
    ("on", "error", "worth"),
    [
        (Exception, ValueError(), True),
        (Exception, KeyboardInterrupt(), False),
        (BaseException, KeyboardInterrupt(), True),
        (OSError, ConnectionError(), True),
        (OSError, ValueError(), False),
        ((ValueError, OSError), ConnectionError(), True),
        ((), ValueError(), False),
        (Exception, RemoteError("a.B", "text"), True),
        # A dead worker, an item that was stopped, and what cannot cross: only when they are named.
        (Exception, DIED, False), (BaseException, DIED, False), (RuntimeError, DIED, False), (WorkerDied, DIED, True),
        ((Exception, WorkerDied), DIED, True), (WorkerDied, MemoryExceeded("fat"), True), (MemoryExceeded, DIED, False),
        (MemoryError, MemoryExceeded("fat"), False),
        (Exception, LATE, False), (OSError, LATE, False), (TimeoutError, LATE, True), (TaskTimeout, LATE, True),
        (Exception, TimeoutError(), True), (TaskTimeout, TimeoutError(), False),
        (Exception, STUCK, False), (TypeError, STUCK, False), (NotTransferable, STUCK, True), (Exception, TypeError(), True),
        # A function decides about the rest.
        (lambda error: "busy" in str(error), OSError("busy"), True),
        (lambda error: "busy" in str(error), OSError("gone"), False),
        (lambda error: True, DIED, False), (lambda error: True, LATE, False),
        ((lambda error: True, WorkerDied), DIED, True),
        ((ValueError, lambda error: "busy" in str(error)), OSError("busy"), True),
    ],
)  # fmt: skip
def test_what_is_worth_another_attempt(on, error, worth):
    assert (Retry(1, on=on).delay(error, 1) is not None) is worth


@pytest.mark.parametrize(
    ("on", "kind", "name"),
    [
        (Exception, TaskTimeout, "TimeoutError"),
        ((ValueError, OSError), TaskTimeout, "TimeoutError"),
        (Exception, WorkerDied, "plait.errors.WorkerDied"),
        (ValueError, TaskTimeout, ""),
        (Exception, NotTransferable, ""),
        (TimeoutError, TaskTimeout, ""),
    ],
)
def test_what_must_be_named_says_how(on, kind, name):
    error = kind("it ended")
    Retry(2, on=on).delay(error, 1)
    said = f"plait: not run again, as half of its work may be done; Retry(2, on={name}) does it"
    assert getattr(error, "__notes__", []) == ([said] if name else [])


def test_the_delay_doubles_up_to_the_longest():
    retry = Retry(9, backoff=0.5, longest=3.0, jitter=0.0)
    assert [retry.delay(ValueError(), attempt) for attempt in range(1, 7)] == [0.5, 1.0, 2.0, 3.0, 3.0, 3.0]


def test_a_share_of_the_delay_is_random():
    retry = Retry(1, backoff=10.0, jitter=0.4)
    assert retry.delay(ValueError(), 1, roll=0.0) == 10.0
    assert retry.delay(ValueError(), 1, roll=1.0) == pytest.approx(6.0)


def test_any_number_of_attempts_has_a_delay():
    assert Retry(10**9, backoff=1.0, longest=5.0, jitter=0.0).delay(ValueError(), 10**8) == 5.0


def test_there_are_so_many_attempts_and_no_more():
    retry = Retry(2)
    assert [retry.delay(ValueError(), attempt) is None for attempt in (1, 2, 3, 4)] == [False, False, True, True]
    assert Retry(0).delay(ValueError(), 1) is None


def test_items_that_failed_together_do_not_come_back_together():
    batch = Batch(0, [1, 2, 3])
    batch.values = [None] * 3
    batch.failures = {offset: ValueError() for offset in range(3)}
    rolls = iter([0.0, 0.5, 1.0])
    final, again = split_retries(batch, Retry(1, backoff=1.0, jitter=1.0), lambda: next(rolls))
    assert final == []
    assert again == [(0, 1.0), (1, 0.5), (2, 0.0)]


@pytest.mark.parametrize(
    "arguments",
    [
        {"times": -1}, {"times": 1.5}, {"times": True}, {"times": "2"}, {"times": 1, "on": 3}, {"times": 1, "on": (OSError, 3)},
        {"times": 1, "on": int}, {"times": 1, "on": [OSError]}, {"times": 1, "backoff": -1}, {"times": 1, "backoff": "1"},
        {"times": 1, "backoff": math.nan}, {"times": 1, "backoff": math.inf}, {"times": 1, "longest": -1},
        {"times": 1, "jitter": 1.5}, {"times": 1, "jitter": -0.1},
    ],
)  # fmt: skip
def test_what_cannot_be_meant(arguments):
    with pytest.raises(UsageError, match="expected"):
        Retry(**arguments)


@pytest.mark.parametrize("retry", ["2", 1.5, True, object()])
def test_what_a_map_takes_for_retry(retry):
    with pytest.raises(UsageError, match="expected a plait.Retry, a number of times, or None"):
        plait.map(abs, [1], retry=retry)


def test_a_function_that_raises_does_not_hide_the_error_it_was_asked_about():
    def worth(error):
        raise AttributeError("no status")

    (outcome,) = plait.map(int, ["x"], engine="inline", retry=Retry(3, on=worth)).outcomes()
    assert isinstance(outcome.error, ValueError)
    assert outcome.attempts == 1
    assert any("raised AttributeError: no status" in note for note in outcome.error.__notes__)


def test_a_worker_that_died_is_tried_again_when_it_is_named(tmp_path, nothing_left):
    def die_once(name):
        import os

        path = os.path.join(str(tmp_path), name)
        if not os.path.exists(path):
            open(path, "w").close()
            os._exit(3)
        return name

    again = Retry(1, on=WorkerDied)
    assert list(plait.map(die_once, ["a", "b", "c"], engine="process", workers=2, retry=again)) == ["a", "b", "c"]
    (outcome,) = plait.map(die_once, ["d"], engine="process", retry=5).outcomes()
    assert isinstance(outcome.error, WorkerDied)
    assert outcome.attempts == 1


@pytest.mark.parametrize("engine", ["thread", "process"])
def test_an_item_that_was_stopped_is_tried_again_when_it_is_named(engine, tmp_path, nothing_left):
    def slow_once(name):
        import os

        import plait

        path = os.path.join(str(tmp_path), engine + name)
        if not os.path.exists(path):
            open(path, "w").close()
            while not plait.current().cancelled:
                pass
        return name

    again = Retry(1, on=TimeoutError)
    (outcome,) = plait.map(slow_once, ["a"], engine=engine, timeout=0.3, retry=again).outcomes()
    assert (outcome.value, outcome.attempts) == ("a", 2)
    (outcome,) = plait.map(slow_once, ["b"], engine=engine, timeout=0.3, retry=5).outcomes()
    assert isinstance(outcome.error, TaskTimeout)
    assert outcome.attempts == 1
