"""When the watchdog takes a process to be at a standstill."""

from __future__ import annotations

import itertools

import pytest

from plait._see import standstill
from plait._see.standstill import Standstill


@pytest.mark.parametrize("others", ["are ready for a core", "had none for a while", "stand still"])
def test_who_has_no_core_because_others_have_them_does_not_stand_still(
    monkeypatch: pytest.MonkeyPatch, others: str
) -> None:
    waited = itertools.count(step=10.0 if others == "had none for a while" else 0.0)
    monkeypatch.setattr(standstill, "core_times", lambda _: {0: (0.0, next(waited))})
    monkeypatch.setattr(standstill, "is_runnable", lambda _: others == "are ready for a core")
    looks = Standstill()
    assert looks.reached(0.0) is None  # has never looked before
    found = [looks.reached(0.0) for _ in range(3)]
    assert any(each is not None for each in found) == (others == "stand still")
