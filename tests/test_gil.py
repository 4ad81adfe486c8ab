"""How soon those get the GIL who wait for it: sooner for a while, and afterwards as the program had it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from plait._core.gil import Promptly


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.005)
    yield
    sys.setswitchinterval(before)


def test_it_is_as_before_when_the_last_one_has_ended() -> None:
    first, second = Promptly(), Promptly()
    first.__enter__()
    second.__enter__()
    first.__exit__()
    assert sys.getswitchinterval() == pytest.approx(0.0005)
    second.__exit__()
    assert sys.getswitchinterval() == pytest.approx(0.005)


def test_what_the_program_sets_meanwhile_stays() -> None:
    with Promptly():
        sys.setswitchinterval(0.02)
    assert sys.getswitchinterval() == pytest.approx(0.02)


def test_who_has_it_sooner_than_that_keeps_it() -> None:
    sys.setswitchinterval(0.0001)
    before = sys.getswitchinterval()
    with Promptly():
        assert sys.getswitchinterval() == before
    assert sys.getswitchinterval() == before
