"""Shrinking: what remains fails in the same way, and nothing that remains can be left out."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from plait._check.record import Failure, Frame, Record, Switch
from plait._check.shrink import same_failure, shrink

BOOM = Failure("exception", "boom", 1, ValueError("boom"), (Frame("a.py", 1, "f", True),), ())


def record(switches: Sequence[Switch], failure: Failure | None) -> Record:
    return Record((), tuple(switches), (), {}, failure, "", (), 0)


def switch(step: int) -> Switch:
    return Switch(1, step, 2, f"read f:x#{step}")


class Program:
    """Fails when all needed switches are there; counts its runs."""

    def __init__(self, *needed: int) -> None:
        self.needed = set(needed)
        self.runs = 0

    def __call__(self, switches: Sequence[Switch]) -> Record:
        self.runs += 1
        fails = self.needed <= {one.step for one in switches}
        return record(switches, BOOM if fails else None)


def always() -> bool:
    return True


@given(st.sets(st.integers(0, 30), max_size=4))
def test_only_what_is_needed_remains(needed: set[int]) -> None:
    program = Program(*needed)
    found = shrink(record([switch(n) for n in range(31)], BOOM), program, always)
    assert {one.step for one in found.switches} == needed
    assert found.failure == BOOM
    assert program.runs < 150


def test_two_switches_that_need_each_other_go_together() -> None:
    def run(switches: Sequence[Switch]) -> Record:
        steps = {one.step for one in switches}
        return record(switches, BOOM if 9 in steps and len(steps & {3, 4}) != 1 else None)

    found = shrink(record([switch(n) for n in range(10)], BOOM), run, always)
    assert [one.step for one in found.switches] == [9]


def test_another_failure_does_not_count() -> None:
    other = BOOM._replace(exception=KeyError("boom"))

    def run(switches: Sequence[Switch]) -> Record:
        return record(switches, BOOM if len(switches) == 4 else other)

    found = shrink(record([switch(n) for n in range(4)], BOOM), run, always)
    assert len(found.switches) == 4
    assert found.failure == BOOM


def test_it_stops_when_time_is_up() -> None:
    program = Program(30)
    left = iter([True] * 3)
    found = shrink(record([switch(n) for n in range(31)], BOOM), program, lambda: next(left, False))
    assert program.runs <= 3
    assert found.failure == BOOM


def test_a_run_that_took_more_switches_than_it_was_given_is_no_gain() -> None:
    def run(switches: Sequence[Switch]) -> Record:
        return record([switch(n) for n in range(9)], BOOM)

    assert len(shrink(record([switch(1), switch(2)], BOOM), run, always).switches) == 2


def test_the_same_failure_is_of_the_same_kind_and_from_the_same_function() -> None:
    assert same_failure(BOOM, BOOM._replace(summary="other words", exception=ValueError("else")))
    assert not same_failure(BOOM, BOOM._replace(stack=(Frame("a.py", 9, "g", True),)))
    assert not same_failure(BOOM, None)
    hang = Failure("hang", "", 0, None, (), ())
    assert same_failure(hang, hang._replace(kind="deadlock"))
