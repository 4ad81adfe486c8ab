"""What ``plait.advise`` measures of one call while the machine stands still for a moment, as shared ones do."""

from __future__ import annotations

import asyncio
import time
from itertools import count

import pytest

from plait._see.advise_profile import profile, profile_coroutine

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.mark.parametrize("stalled", range(9))
def test_a_machine_that_stands_still_for_a_moment_is_not_the_function(stalled: int) -> None:
    """Of a call of 2 ms, which was the only one measured, it was said that it takes 30 ms and holds the GIL."""
    calls = count()

    def wait(_: int) -> None:
        time.sleep(0.06 if next(calls) == stalled else 0.002)

    async def wait_in_loop(_: int) -> None:
        await asyncio.sleep(0.06 if next(calls) == stalled else 0.002)

    assert profile(wait, [1, 2, 3], 0.02).seconds < 0.03
    calls = count()
    assert profile_coroutine(wait_in_loop, [1, 2, 3], 0.02).seconds < 0.03


def test_what_takes_long_by_itself_is_not_measured_again() -> None:
    calls = count()

    def wait(seconds: float) -> None:
        next(calls)
        time.sleep(seconds)

    assert profile(wait, [0.02], 0.01).calls == 1
    assert next(calls) == 2
