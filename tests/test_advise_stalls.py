"""What ``plait.advise`` measures of one call while the machine stands still for a moment, as shared ones do."""

from __future__ import annotations

from itertools import count

import pytest

from plait._see.advise import profile as profiling
from plait._see.advise.profile import Profile, _stalled, profile, profile_coroutine

pytestmark = pytest.mark.usefixtures("nothing_left")


STALL = 0.3  # seconds


class Clock:
    """Stands in for `time`: only what is said to take time does."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return 0.0

    process_time = thread_time


def test_a_machine_that_stands_still_for_a_moment_is_not_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a call of 2 ms, which was the only one measured, it was said that it takes 30 ms and holds the GIL."""
    calls, clock = count(), Clock()
    monkeypatch.setattr(profiling, "time", clock)
    monkeypatch.setattr(profiling, "waited_for_core", lambda: 0.0)

    def wait(_: int) -> None:
        clock.now += STALL if next(calls) == 4 else 0.002  # two calls and another two have shown what it is like

    async def wait_in_loop(_: int) -> None:
        clock.now += STALL if next(calls) == 1 else 0.002

    assert profile(wait, [1, 2, 3], 0.02).seconds == pytest.approx(0.002)
    calls = count()
    assert profile_coroutine(wait_in_loop, [1, 2, 3], 0.02).seconds == pytest.approx(0.002)


@pytest.mark.parametrize(
    ("calls", "seconds", "before", "again"),
    [
        (1, 0.03, 0.002, True),
        (4, 0.03, 0.002, True),
        (5, 0.03, 0.002, False),  # calls enough to be believed
        (1, 0.03, 0.02, False),  # not so much longer than the one before
        (1, 2.0, 0.002, False),  # nor is a call made once more that takes so long
    ],
)
def test_what_is_measured_again(calls: int, seconds: float, before: float, again: bool) -> None:
    assert _stalled(Profile(calls, seconds, busy_seconds=0.0, cores=0.0, gil=0.0), before) == again
