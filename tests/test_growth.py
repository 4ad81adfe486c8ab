"""The decision how many threads to add, as a table."""

from __future__ import annotations

import pytest

from plait._engines.growth import Growth, late_limit


@pytest.mark.parametrize(
    ("threads", "backlog", "late", "busy", "stuck", "added", "why"),
    [
        (1, 100, 0.0, 0.9, False, 1, "working threads are doubled"),
        (4, 100, 0.0, 0.9, False, 12, "threads that only wait are quadrupled"),
        (4, 100, 0.0, 1.3, False, 4, "threads that work a third of their time are doubled"),
        (4, 100, 0.0, None, False, 4, "where CPU time cannot be read, doubled"),
        (4, 3, 0.0, 0.0, False, 3, "no more than there are batches waiting"),
        (24, 100, 0.0, 0.0, False, 8, "no more than the ceiling"),
        (32, 100, 0.0, 0.0, False, 0, "none at the ceiling"),
        (32, 100, 0.0, 0.0, True, 0, "none at the ceiling, even when all are stuck"),
        (4, 0, 0.0, 0.0, False, 0, "none when nothing waits"),
        (4, 0, 0.0, 0.0, True, 0, "none when nothing waits, even when all are stuck"),
        (1, 100, 0.005, 1.0, False, 0, "none when the GIL is busy"),
        (1, 100, 0.005, 1.0, True, 1, "one when the GIL is busy with items that may never end"),
        (2, 100, 0.0, 1.7, False, 0, "none when the cores are busy"),
        (2, 100, 0.0, 1.9, True, 1, "one when the cores are busy with items that may never end"),
        (0, 5, 0.0, None, False, 1, "the first"),
    ],
)
def test_growth(threads: int, backlog: int, late: float, busy: float | None, stuck: bool, added: int, why: str) -> None:
    growth = Growth(ceiling=32, cores=2, late_limit=0.002)
    assert growth.add(threads, backlog, late, busy, stuck=stuck) == added, why


def test_the_reason_is_the_last_refusal() -> None:
    growth = Growth(ceiling=32, cores=2, late_limit=0.002)
    growth.add(1, 10, 0.005, None)
    assert "GIL" in growth.reason
    growth.add(2, 10, 0.0, 1.9)
    assert growth.reason == "2 cores were busy"
    growth.add(2, 10, 0.0, 0.1)
    assert growth.reason == ""


@pytest.mark.parametrize(("interval", "limit"), [(0.005, 0.002), (0.001, 0.0004), (1.0, 0.002)])
def test_lateness_is_judged_by_the_switch_interval(interval: float, limit: float) -> None:
    assert late_limit(interval) == pytest.approx(limit)
