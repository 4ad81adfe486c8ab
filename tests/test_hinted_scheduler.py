"""Hints: each is followed in one execution, in order, and the strategy has all the others."""

from __future__ import annotations

from collections.abc import Sequence

from plait._core.event import Event
from plait._schedulers.hinted import HintedScheduler, Turns
from plait._schedulers.interface import ThreadState

ONE, TWO = ThreadState(0, "one"), ThreadState(1, "two")


class Always:
    """Chooses the thread of this number and notes what it is asked."""

    def __init__(self, number: int, executions: int = 9) -> None:
        self.number, self.left, self.seeds, self.ends = number, executions, [], 0

    def begin(self, seed: int) -> bool:
        self.seeds.append(seed)
        self.left -= 1
        return self.left >= 0

    def choose(
        self, ready: Sequence[ThreadState], running: ThreadState | None, threads: Sequence[ThreadState]
    ) -> ThreadState:
        return ready[self.number]

    def end(self, executed: Sequence[Event]) -> None:
        self.ends += 1


def choice(scheduler: HintedScheduler) -> int:
    return scheduler.choose([ONE, TWO], ONE, [ONE, TWO]).number


def test_hints_first_then_the_strategy() -> None:
    followed: list[Turns] = []

    def follow(turns: Turns) -> Always:
        followed.append(turns)
        return Always(1)

    strategy = Always(0)
    scheduler = HintedScheduler(strategy, follow)
    scheduler.hint([(1, 2, 0, "read")])
    choices = []
    for seed in (7, 8, 9):
        assert scheduler.begin(seed)
        choices.append(choice(scheduler))
        scheduler.end([])
    assert choices == [1, 0, 0]
    assert followed == [[(1, 2, 0)]]
    assert strategy.seeds == [8, 9]
    assert strategy.ends == 3


def test_it_ends_when_the_strategy_does() -> None:
    scheduler = HintedScheduler(Always(0, executions=1), lambda turns: Always(1))
    assert scheduler.begin(1)
    scheduler.hint([])
    assert scheduler.begin(2)
    assert not scheduler.begin(3)
    assert scheduler.proof == "every schedule"


def test_many_hints_leave_every_second_execution_to_the_strategy() -> None:
    scheduler = HintedScheduler(Always(0, executions=99), lambda turns: Always(1))
    for _ in range(16):
        scheduler.hint([(1, 2, 0, "read")])
    choices = []
    for seed in range(22):
        scheduler.begin(seed)
        choices.append(choice(scheduler))
        assert scheduler.follows == (choices[-1] == 1)
    assert choices == [1] * 12 + [0, 1] * 4 + [0, 0]
