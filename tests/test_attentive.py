"""Waits of the main thread: a signal that comes just as one begins, which does not interrupt it, is heard soon."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import pytest

from plait._core import attentive
from plait._core.attentive import attentively
from plait._core.bell import Bell


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """For how long it is waited each time, with a clock that goes on by that."""
    waits: list[float | None] = []
    monkeypatch.setattr(attentive.time, "monotonic", lambda: sum(seconds or 0 for seconds in waits))
    return waits


def until(asked: list[float | None], times: int) -> Callable[[float | None], bool]:
    def wait(seconds: float | None) -> bool:
        asked.append(seconds)
        return len(asked) == times

    return wait


def test_the_main_thread_looks_up_each_second(asked: list[float | None]) -> None:
    assert attentively(until(asked, 4), None)
    assert asked == [1.0] * 4


def test_a_wait_lasts_as_long_as_it_is_to(asked: list[float | None]) -> None:
    assert not attentively(until(asked, 9), 2.5)
    assert asked == [1.0, 1.0, 0.5]
    asked.clear()
    assert not attentively(until(asked, 9), 0.3)
    assert asked == [0.3]


def test_another_thread_does_only_once(asked: list[float | None]) -> None:
    thread = threading.Thread(target=lambda: attentively(until(asked, 2), None))
    thread.start()
    thread.join()
    assert asked == [1.0, None]


def test_virtual_time_is_not_divided(asked: list[float | None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attentive, "BREATH", None)
    assert attentively(until(asked, 1), None)
    assert asked == [None]


def test_a_signal_that_another_thread_gets_ends_the_wait_of_the_main_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that arrives just as a wait begins, it is noted, and does not wake it."""
    monkeypatch.setattr(attentive, "BREATH", 0.01)
    waits = threading.Event()

    def press() -> None:
        waits.wait()
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    bell = Bell()
    with pytest.raises(KeyboardInterrupt):
        waits.set()
        bell.wait()
    thread.join()
