"""The way from a search to what is told: what is tried next, what ends the search, what is shrunk and compared."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from check_records import Recording

from plait._check.investigate import Case, investigate
from plait._check.look import Look
from plait._check.record import Record, Standstill, Switch
from plait._check.token import decode
from plait._check.verdict import Tally

COUNTER = """
class Counter:
    value = 0
    def bump(self):
        self.value += 1
def test():
    assert counter.value == 2
"""
SPLIT = Switch(1, 1, 2, "write Counter.bump:self.value")


def passing() -> Recording:
    run = Recording(COUNTER).started(1, 2)
    for thread in (1, 2):
        run.read(thread, 4, "self.value", name="value")
        run.write(thread, 4, "self.value", name="value")
    return run


def losing() -> Recording:
    run = Recording(COUNTER).started(1, 2)
    run.read(1, 4, "self.value", name="value")
    run.read(2, 4, "self.value", name="value")
    run.write(2, 4, "self.value", name="value")
    run.write(1, 4, "self.value", name="value")
    return run


def program(switches: Sequence[Switch], *, fails: bool = True) -> Record:
    """Loses an update when thread 1 is stopped before its write."""
    if not any(switch[:2] == SPLIT[:2] for switch in switches):
        return passing().record(None, *switches)
    run = losing()
    return run.record(run.failed(0, 6, AssertionError("1")) if fails else None, *switches)


def test_what_passed_says_what_to_try_and_the_failure_ends_the_search() -> None:
    hints: list[Sequence[Switch]] = []
    look = Look(hints.append, passing().sources)
    assert look(program(())) is None
    assert any(switch[:2] == SPLIT[:2] for switch in hints[0])
    case = look(program(hints[0]))
    assert case is not None
    assert case.passing is not None
    assert case.record.failure is not None


def test_a_loss_that_the_program_did_not_notice_ends_the_search_too() -> None:
    hints: list[Sequence[Switch]] = []
    look = Look(hints.append, passing().sources)
    look(program(()))
    case = look(program(hints[0], fails=False))
    assert case is not None
    told = investigate(case, lambda switches: program(switches, fails=False), lambda: True, passing().sources)
    assert told.finding.kind == "data race"
    assert told.finding.gil is False
    assert "did not notice" in told.finding.why
    assert [switch[:2] for switch in told.record.switches] == [SPLIT[:2]]


def test_a_loss_that_the_program_notices_with_fewer_switches_is_told_as_its_failure() -> None:
    hints: list[Sequence[Switch]] = []
    look = Look(hints.append, passing().sources)
    look(program(()))
    noise = Switch(2, 0, 1, "noise")
    case = look(program((*hints[0], noise), fails=False))
    assert case is not None
    told = investigate(
        case, lambda switches: program(switches, fails=noise not in switches), lambda: True, passing().sources
    )
    assert told.finding.kind == "lost update"
    assert "did not notice" not in told.finding.why
    assert told.record.failure is not None


def test_what_others_add_between_two_rounds_of_a_loop_is_not_lost() -> None:
    hints: list[Sequence[Switch]] = []
    look = Look(hints.append, passing().sources)
    look(program(()))
    whole = passing()
    for thread in (1, 2):
        whole.read(thread, 4, "self.value", name="value")
        whole.write(thread, 4, "self.value", name="value")
    assert look(whole.record(None, *hints[0])) is None


def test_a_line_to_which_a_second_thread_comes_is_looked_at_anew() -> None:
    hints: list[Sequence[Switch]] = []
    look = Look(hints.append, passing().sources)
    alone = Recording(COUNTER).started(1, 2)
    for _ in range(2):
        alone.read(1, 4, "self.value", name="value")
        alone.write(1, 4, "self.value", name="value")
    look(alone.record())
    assert not any(switch[:2] == SPLIT[:2] for hint in hints for switch in hint)
    look(program(()))
    assert any(switch[:2] == SPLIT[:2] for hint in hints for switch in hint)


def test_two_functions_are_looked_at_anew_when_two_threads_run_them() -> None:
    code = "def set_it():\n    self.n = 1\ndef ask():\n    return self.n\n"
    hints: list[Sequence[Switch]] = []
    alone = Recording(code).started(1, 2)
    alone.write(1, 2, "self.n")
    alone.read(1, 4, "self.n")
    look = Look(hints.append, alone.sources)
    look(alone.record())
    assert not hints
    apart = Recording(code).started(1, 2)
    apart.write(1, 2, "self.n")
    apart.read(2, 4, "self.n")
    look(apart.record())
    assert hints


def test_a_failure_is_shrunk_compared_and_gets_a_token() -> None:
    noise = tuple(Switch(2, step, 1, "noise") for step in range(5))
    case = Case(program((*noise[:2], SPLIT, *noise[2:])))
    told = investigate(case, program, lambda: True, passing().sources)
    assert told.finding.kind == "lost update"
    assert decode(told.token) == (SPLIT,)
    assert told.record.switches == (SPLIT,)


def test_without_time_it_is_told_as_it_is() -> None:
    case = Case(program((SPLIT, Switch(2, 9, 1, "noise"))))
    told = investigate(case, program, lambda: False, passing().sources)
    assert len(told.record.switches) == 2
    assert told.finding.kind == "lost update"


def test_an_execution_that_is_cut_short_is_no_pass_if_it_is_longer_by_far_than_those_that_ended() -> None:
    reasons = []
    for turns in (2, 4000):
        run = passing()
        for _ in range(turns):
            run.read(2, 4, "self.value", name="value")
            run.write(2, 4, "self.value", name="value")
        tally = Tally()
        tally.add(passing().record())
        tally.cut_short(run.record())
        reasons.append(tally.gave_up)
    assert reasons[0] == ""
    assert "had made 8,0" in reasons[1]
    assert "lately by Thread-2 in" in reasons[1]
    assert "line 4, and not ended when the time was up" in reasons[1]


@pytest.mark.parametrize(
    ("took", "still", "said"),
    [
        (0.01, 0.0, ""),
        (0.01, 1.5, ""),  # the machine may be busy
        (0.01, 2.1, "one execution had not ended when the time was up: T has been running; give it more seconds"),
        (0.3, 2.1, ""),  # the others took their time, too
        (None, 0.0, "the time was up before the first execution had ended; give it more seconds"),
        (None, 2.1, "the time was up before the first execution had ended: T has been running; give it more seconds"),
    ],
)
def test_an_execution_that_stands_still_for_far_longer_than_others_took_is_no_pass(
    took: float | None, still: float, said: str
) -> None:
    tally = Tally()
    if took is not None:
        tally.add(passing().record(), took)
    standstill = Standstill(still, "T has been running" if still else "")
    tally.cut_short(passing().record()._replace(standstill=standstill))
    assert tally.gave_up.startswith(said)
    assert bool(tally.gave_up) == bool(said)


def test_predictions_are_tried_once() -> None:
    hints: list[Sequence[Switch]] = []
    look = Look(hints.append, passing().sources)
    for _ in range(4):
        look(program(()))
    assert len(hints) == len(set(map(tuple, hints)))


def test_lock_orders_that_did_not_come_to_a_deadlock_are_a_remark() -> None:
    code = "left = Lock()\nright = Lock()\ndef one():\n    with left:\n        with right:\n            pass\ndef two():\n    with right:\n        with left:\n            pass\n"
    run = Recording(code).started(1, 2)
    run.place("left", "Lock", 1)
    run.place("right", "Lock", 2)
    for thread, order, lines in ((1, ("left", "right"), (4, 5)), (2, ("right", "left"), (8, 9))):
        for lock, line in zip(order, lines):
            run.acquire(thread, line, lock)
        for lock in reversed(order):
            run.release(thread, lines[0], lock)
    hints: list[Sequence[Switch]] = []
    look = Look(hints.append, run.sources)
    look(run.record())
    assert look.notes == ()
    assert look(run.record()) is None
    (note,) = look.notes
    assert not note.confirmed
    assert note.title == "Taken in different orders: left and right"
    assert "Thread-1 takes `right` in line 5 while it holds `left`, taken in line 4" in note.why
    assert [side.site and side.site.line for side in note.sides] == [5, 9]
