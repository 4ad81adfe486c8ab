"""How much of a thread's time went without the GIL, from looks of which nobody knows whether it had a core."""

from __future__ import annotations

import random

import pytest

from plait._see.sampler.looks import Looks

MILLISECOND = 1_000_000


def looked_at(native: float, seed: int, woken: bool, many: int = 400) -> float:
    """What is made of many looks at a thread that has no core for a part of its time, which is another each time.

    It runs C without the GIL for a share of its time on a core. Who was `woken` wants the GIL, and looks as if it ran
    without, while it has no core; who was interrupted looks as before.
    """
    chance, looks = random.Random(seed), Looks()
    for _ in range(many):
        ran, lacked = chance.uniform(0.1, 5.0), chance.choice((0.0, chance.uniform(0.01, 5.0)))
        on_core = chance.random() < ran / (ran + lacked)
        without = chance.random() < native if on_core or not woken else True
        looks.add(not without, without, int(ran * MILLISECOND), int(lacked * MILLISECOND))
    return looks.native()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("native", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("woken", [True, False])
def test_looks_without_a_core_do_not_count_as_c(native: float, seed: int, woken: bool) -> None:
    assert looked_at(native, seed, woken) == pytest.approx(native, abs=0.12)


def test_what_is_believed_before_any_look() -> None:
    looks = Looks()
    assert looks.native() == 0
    looks.add(0, 3, 0, 0)  # neither ran nor was ready: nothing is known of these
    assert looks.native() == 0
    looks.add(0, 9, MILLISECOND, 0)
    assert looks.native() > 0.9
