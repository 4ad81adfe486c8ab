"""Deadlocks: predicted from lock orders, with gates and orders that make them impossible; and cycles that happened."""

from __future__ import annotations

from check_records import Recording, stuck

from plait._check.explain.cause import explain
from plait._check.reading.deadlocks import predicted, waiting_cycle
from plait._check.reading.history import History

CODE = """
gate = Lock()
left = Lock()
right = Lock()
def one():
    with left:
        with right:
            work()
def two():
    with right:
        with left:
            work()
"""


def nested(recording: Recording, thread: int, *locks: tuple[str, int]) -> None:
    for lock, line in locks:
        recording.acquire(thread, line, lock)
    for lock, line in reversed(locks):
        recording.release(thread, line, lock)


def recording() -> Recording:
    made = Recording(CODE)
    for lock, line in (("gate", 1), ("left", 2), ("right", 3)):
        made.place(lock, "Lock", line)
    return made


def test_opposite_orders_are_predicted_with_the_switches_that_show_it() -> None:
    run = recording().started(1, 2)
    nested(run, 1, ("left", 5), ("right", 6))
    nested(run, 2, ("right", 9), ("left", 10))
    (cycle,) = predicted(History(run.record()))
    assert [edge.thread for edge in cycle.edges] == [1, 2]
    assert [(switch.thread, switch.step, switch.to) for switch in cycle.switches] == [
        (0, 2, 1),
        (1, 1, 2),
        (2, 1, 1),
    ]


def test_a_gate_an_order_one_thread_or_one_order_predict_nothing() -> None:
    gated = recording().started(1, 2)
    nested(gated, 1, ("gate", 1), ("left", 5), ("right", 6))
    nested(gated, 2, ("gate", 1), ("right", 9), ("left", 10))
    ordered = recording()
    ordered.start(0, 1)
    nested(ordered, 1, ("left", 5), ("right", 6))
    ordered.end(1)
    ordered.join(0, 1)
    nested(ordered, 0, ("right", 9), ("left", 10))
    alone = recording()
    nested(alone, 0, ("left", 5), ("right", 6))
    nested(alone, 0, ("right", 9), ("left", 10))
    same = recording().started(1, 2)
    nested(same, 1, ("left", 5), ("right", 6))
    nested(same, 2, ("left", 5), ("right", 6))
    for run in (gated, ordered, alone, same):
        assert predicted(History(run.record())) == []


def test_three_locks_in_a_ring() -> None:
    run = recording().started(1, 2, 3)
    nested(run, 1, ("gate", 5), ("left", 6))
    nested(run, 2, ("left", 5), ("right", 6))
    nested(run, 3, ("right", 9), ("gate", 10))
    (cycle,) = predicted(History(run.record()))
    assert len(cycle.edges) == 3


def test_a_cycle_that_happened_says_who_holds_what_since_where() -> None:
    run = recording().started(1, 2)
    run.acquire(1, 5, "left")
    run.acquire(2, 9, "right")
    failure = stuck("deadlock", run.blocked(1, 6, lock="right", holder=2), run.blocked(2, 10, lock="left", holder=1))
    assert [blocked.thread for blocked in waiting_cycle(failure)] == [1, 2]
    finding = explain(run.record(failure), None, run.sources)
    assert finding.kind == "deadlock"
    assert finding.why == (
        "Thread-1 holds `left` since line 5 and waits for `right` in line 6; "
        "Thread-2 holds `right` since line 9 and waits for `left` in line 10. Neither can ever go on."
    )
    assert "`left` before `right`" in finding.fix
    assert finding.gil is True


def test_a_lock_taken_twice_by_one_thread() -> None:
    run = recording()
    run.acquire(0, 5, "left")
    finding = explain(run.record(stuck("deadlock", run.blocked(0, 10, lock="left", holder=0))), None, run.sources)
    assert finding.kind == "self-deadlock"
    assert "since line 5" in finding.why
    assert "RLock" in finding.fix


def test_a_join_under_the_lock_that_the_other_needs() -> None:
    run = recording().started(1)
    run.acquire(0, 5, "left")
    failure = stuck("deadlock", run.blocked(0, 6, joins=1, holder=1), run.blocked(1, 10, lock="left", holder=0))
    finding = explain(run.record(failure), None, run.sources)
    assert "waits for the end of Thread-1" in finding.why
    assert "Let go of `left` before waiting for the thread in line 6" in finding.fix
