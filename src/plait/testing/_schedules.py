"""SchedulerContract: every promise of `plait.schedulers.Scheduler`, as test methods over simulated programs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

from plait._core.event import Event, Kind
from plait._schedulers.interface import Scheduler, ThreadState

_RUNS = 500  # executions in which a scheduler finds an easy bug
_LIMIT = 20_000  # steps after which a simulated program counts as endless

Body = Callable[[dict[str, int]], Iterator[tuple[Kind, str]]]


class SchedulerContract:
    """The tests every scheduler passes; derive from it and write `make_scheduler`.

    Attributes:
        explores: whether it looks for bugs; False for one that only follows what it is told.
        draws: whether its choices are drawn from the seed; False for one that goes through them in an order of its own.
    """

    explores = True
    draws = True

    def make_scheduler(self) -> Scheduler:
        """A new scheduler."""
        raise NotImplementedError(f"{type(self).__name__}.make_scheduler: return the scheduler to be tested")

    def test_the_same_seeds_give_the_same_choices(self) -> None:
        one, other = self.make_scheduler(), self.make_scheduler()
        for seed in range(20):
            began = one.begin(seed)
            assert other.begin(seed) is began
            if not began:
                return
            assert _run(one, [_adds, _adds, _adds]).choices == _run(other, [_adds, _adds, _adds]).choices

    def test_the_same_seeds_give_the_same_choices_in_another_process(self) -> None:
        kind = type(self)
        program = (
            f"import sys; sys.path[:] = {sys.path!r}\n"
            f"from {kind.__module__} import {kind.__name__} as contract\n"
            f"from {__name__} import _first_choices\n"
            "print(_first_choices(contract().make_scheduler()))"
        )
        environment = {**os.environ, "PYTHONHASHSEED": "12345"}
        run = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        assert run.stdout.strip() == str(_first_choices(self.make_scheduler()))

    def test_other_seeds_give_other_choices(self) -> None:
        if self.explores and self.draws:
            seen = set()
            for seed in range(20):
                scheduler = self.make_scheduler()
                scheduler.begin(seed)
                seen.add(tuple(_run(scheduler, [_adds, _adds, _adds]).choices))
            assert len(seen) > 1, "20 seeds have given the same choices"

    def test_an_execution_in_which_nothing_happens(self) -> None:
        scheduler = self.make_scheduler()
        for seed in range(2):
            if scheduler.begin(seed):
                scheduler.end([])
        assert all(run.done == 2 for run in _runs(scheduler, [_adds, _adds], 5))

    def test_it_chooses_one_of_those_that_are_ready(self) -> None:
        for _ in _runs(self.make_scheduler(), [_adds, _waits, _signals], 50):
            pass  # `_run` has looked at each choice

    def test_it_takes_threads_that_come_later(self) -> None:
        for run in _runs(self.make_scheduler(), [_adds, _adds], 50, later=[_adds, _adds]):
            assert run.done == 4

    def test_a_loop_that_waits_for_another_thread_ends(self) -> None:
        for run in _runs(self.make_scheduler(), [_waits, _waits, _signals], 50):
            assert run.done == 3, "a thread that asks again and again has starved the one it asks for"

    def test_a_lost_update_is_found(self) -> None:
        if self.explores:
            found = any(run.shared["n"] < 2 for run in _runs(self.make_scheduler(), [_adds, _adds], _RUNS))
            assert found, f"not in {_RUNS} executions"

    def test_either_order_is_found(self) -> None:
        if self.explores:
            seen = {run.shared["last"] for run in _runs(self.make_scheduler(), [_sets(1), _sets(2)], _RUNS)}
            assert seen == {1, 2}, f"in {_RUNS} executions only {seen} came last"

    def test_the_end_is_final(self) -> None:
        scheduler = self.make_scheduler()
        for seed in range(2 * _RUNS):
            if not scheduler.begin(seed):
                assert not scheduler.begin(seed + 1), "nothing was left to explore, and then something was"
                return
            _run(scheduler, [_sets(1), _sets(2)])


def _first_choices(scheduler: Scheduler) -> list[list[int]]:
    return [run.choices for run in _runs(scheduler, [_adds, _waits, _signals], 10)]


class _Run:
    """What a simulated execution has shown."""

    def __init__(self) -> None:
        self.shared = {"n": 0, "flag": 0, "last": 0}
        self.choices: list[int] = []
        self.executed: list[Event] = []
        self.done = 0


def _runs(scheduler: Scheduler, bodies: Sequence[Body], count: int, later: Sequence[Body] = ()) -> Iterator[_Run]:
    for seed in range(count):
        if not scheduler.begin(seed):
            return
        yield _run(scheduler, bodies, later)


def _run(scheduler: Scheduler, bodies: Sequence[Body], later: Sequence[Body] = ()) -> _Run:
    """One execution of threads that are generators: each yields what it is about to do."""
    run = _Run()
    threads: list[ThreadState] = []
    steps: list[Iterator[tuple[Kind, str]]] = []
    waiting = list(later)
    for body in bodies:
        _begin(run, threads, steps, body)
    running: ThreadState | None = None
    while (ready := [thread for thread in threads if not thread.done]) and len(run.executed) < _LIMIT:
        chosen = ready[0]
        if len(ready) > 1:
            chosen = scheduler.choose(ready, running, threads)
            assert chosen in ready, f"{chosen.number} was chosen of {[thread.number for thread in ready]}"
            run.choices.append(chosen.number)
        _go_on(run, chosen, steps[chosen.number])
        running = None if chosen.done else chosen
        if waiting:
            _begin(run, threads, steps, waiting.pop())
    scheduler.end(run.executed)
    return run


def _begin(run: _Run, threads: list[ThreadState], steps: list[Iterator[tuple[Kind, str]]], body: Body) -> None:
    thread = ThreadState(len(threads), f"thread {len(threads)}")
    threads.append(thread)
    steps.append(body(run.shared))


def _go_on(run: _Run, thread: ThreadState, steps: Iterator[tuple[Kind, str]]) -> None:
    """What is pending happens, and the thread runs until it is about to do something else."""
    if thread.pending is not None:
        run.executed.append(thread.pending)
        thread.steps += 1
    following = next(steps, None)
    if following is None:
        thread.pending = None
        thread.done = True
        run.done += 1
        run.executed.append(Event(thread.number, Kind.END, thread.number, "", None))
        thread.steps += 1
    else:
        kind, name = following
        thread.pending = Event(thread.number, kind, 100, name, None)


def _adds(shared: dict[str, int]) -> Iterator[tuple[Kind, str]]:
    yield Kind.READ, "n"
    found = shared["n"]
    yield Kind.WRITE, "n"
    shared["n"] = found + 1


def _sets(value: int) -> Body:
    def body(shared: dict[str, int]) -> Iterator[tuple[Kind, str]]:
        yield Kind.WRITE, "last"
        shared["last"] = value

    return body


def _waits(shared: dict[str, int]) -> Iterator[tuple[Kind, str]]:
    while True:
        yield Kind.READ, "flag"
        if shared["flag"]:
            return


def _signals(shared: dict[str, int]) -> Iterator[tuple[Kind, str]]:
    yield Kind.WRITE, "flag"
    shared["flag"] = 1
