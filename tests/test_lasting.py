"""What lasts in a worker process is left out when it collects garbage; what is garbage is not."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator

import pytest

import plait
from plait._engines.lasting import Lasting

ROWS = 60_000


class Node:
    """Garbage, once it refers to itself."""


@plait.per_worker
def table() -> dict[int, list[int]]:
    return {n: [n] for n in range(ROWS)}


@plait.per_worker
def gone() -> list[int]:
    return []


def beside_a_table(n: int) -> tuple[int, int]:
    """How many objects a collection looks at, and how many it leaves out."""
    assert len(table()) == ROWS
    return len(gc.get_objects()), gc.get_freeze_count()


def leaves_garbage(n: int) -> list[int]:
    if n == 0:
        rows = [[k] for k in range(ROWS)]
        node = Node()
        node.own = rows, node  # type: ignore[attr-defined]  # a circle
        weakref.finalize(node, gone().append, n)
    return gone()


def sees_to_it_itself(n: int) -> int:
    gc.disable()
    table()
    return gc.get_freeze_count()


def makes_little(n: int) -> int:
    return gc.get_freeze_count()


def in_one_worker(fn: object, items: int = 12) -> list[object]:
    with plait.Pool("process", workers=1) as pool:
        return [pool.submit(fn, n).result() for n in range(items)]  # type: ignore[arg-type]  # one batch for each


def test_what_a_function_has_loaded_is_left_out() -> None:
    first, *_, last = in_one_worker(beside_a_table)
    assert first[0] >= ROWS  # type: ignore[index]
    assert last[0] < ROWS / 2  # type: ignore[index]
    assert last[1] >= first[1] + ROWS  # type: ignore[index]


def test_garbage_is_collected_before() -> None:
    assert in_one_worker(leaves_garbage)[-1] == [0]


@pytest.mark.parametrize("fn", [sees_to_it_itself, makes_little])
def test_who_sees_to_it_and_who_makes_little_is_left_alone(fn: object) -> None:
    first, *_, last = in_one_worker(fn)
    assert first == last


@pytest.fixture
def collector() -> Iterator[None]:
    """As it was."""
    before = gc.get_freeze_count()
    yield
    if not before:
        gc.unfreeze()


@pytest.mark.usefixtures("collector")
def test_it_looks_after_a_few_batches_only() -> None:
    lasting = Lasting()
    assert lasting.looks == 0
    lasting.expect()
    kept = []
    while lasting.looks:
        kept.append([[k] for k in range(30_000)])
        lasting.look()
    assert len(kept) == 3
    lasting.expect()
    while lasting.looks:
        lasting.look()
    assert len(gc.get_objects()) < 90_000


@pytest.mark.skipif(sys.version_info < (3, 14), reason="there is no engine of interpreters")
def test_interpreters_leave_nothing_behind_for_it() -> None:
    with plait.Pool("interpreter", workers=1) as pool:
        found = [pool.submit(beside_a_table, n).result() for n in range(6)]
    assert found[0][1] == found[-1][1]
