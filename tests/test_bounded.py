"""What `bounded` proves is so: it reaches all that naive enumeration of the same schedules reaches, and says when not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent, indent

import pytest

from plait._check.explore import Result, explore_script
from plait._check.record import Record
from plait.schedulers import BoundedScheduler, Event, Kind, Scheduler, ThreadState

HEAD = """
import itertools, queue, threading, time
x = y = z = 0
lock, other = threading.Lock(), threading.RLock()
event, items, jobs = threading.Event(), [], queue.SimpleQueue()
class Thing: pass
thing = Thing()
"""

WAITS = (Kind.ACQUIRE, Kind.JOIN, Kind.SLEEP)

TAIL = """
drained = []
while not jobs.empty(): drained.append(jobs.get())
print(x < y if type(x) is float else (x, y, z), items, drained)
"""

# Two threads whose order matters although no two events of theirs conflict, or not those that were executed first.
PROGRAMS = {
    "lost update": ("x = x + 1", "x = x + 1"),
    "acquired without waiting": ("if lock.acquire(False):\n    x = 1\n    lock.release()", "with lock:\n    y = 1"),
    "released by another": ("try:\n    lock.release()\nexcept RuntimeError:\n    x = 1", "lock.acquire()"),
    "after a sleep": ("y = 1\ntime.sleep(1)\nx = 1", "time.sleep(1)\nx = 2"),
    "slept last": ("time.sleep(1)\nx = 1", "time.sleep(0.5)\ntime.sleep(0.5)\nx = 2"),
    "slept within": ("y = 1\ntime.sleep(1)\nx = 1", "time.sleep(0.5)\ny = 2\ntime.sleep(0.5)\nx = 2"),
    "in vain": (
        "with lock:\n    time.sleep(2)\n    x = 1",
        "if lock.acquire(timeout=1):\n    y = x + 1\n    lock.release()",
    ),
    "asked whether set": ("x = event.is_set()", "event.set()"),
    "asked whether alive": ("x = 1", "y = threads[0].is_alive()"),
    "counted threads": ("x = 1", "y = threading.active_count()"),
    "order of a queue": ("jobs.put(1)", "jobs.put(2)"),
    "looked at the clock": ("x = time.monotonic()", "y = time.monotonic()"),
    "a bound method": ("f = items.append\nf(1)", "f = items.append\nf(2)"),
    "compared": ("x = items == [1]", "items.append(1)"),
    "joined": ("x = ''.join(items)", "items.append('a')"),
    "in place": ("x = len(items)", "same = items\nsame += [1]"),
    "by name": ("x = getattr(thing, 'v', 0)", "thing.v = 1"),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("preemptions", [0, 1])
def test_nothing_is_proved_that_was_not_tried(tmp_path: Path, name: str, preemptions: int) -> None:
    compare(tmp_path, written(PROGRAMS[name]), preemptions)


def test_daemons_that_have_not_come_to_their_end_count(tmp_path: Path) -> None:
    program = written(("x = 1", "y = 1")).replace("target=one)", "target=one, daemon=True)")
    compare(tmp_path, program.replace("for t in threads: t.join()", ""), 1)


@pytest.mark.parametrize("seed", range(12))
def test_random_programs_reach_the_same_ends(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    compare(tmp_path, written([statements(chance) for _ in range(2)]), 1)


@pytest.mark.parametrize("seed", range(12))
def test_the_quick_pass_reaches_all_that_observed_accesses_can_bring(tmp_path: Path, seed: int) -> None:
    chance = random.Random(100 + seed)
    program = written([statements(chance, only_observed=True) for _ in range(2)])
    found, _ = ends(tmp_path, program, Quick(1))
    expected, _ = ends(tmp_path, program, Naive(1))
    assert found == expected


@pytest.mark.parametrize("name", ["slept last", "slept within", "order of a queue"])
def test_the_quick_pass_knows_what_a_sleep_and_a_release_can_change(tmp_path: Path, name: str) -> None:
    found, _ = ends(tmp_path, written(PROGRAMS[name]), Quick(0))
    expected, _ = ends(tmp_path, written(PROGRAMS[name]), Naive(0))
    assert found == expected


def test_a_program_that_depends_on_something_else_is_not_proved(tmp_path: Path) -> None:
    (tmp_path / "turn").write_text("0")
    program = f"""
        import threading
        x = y = 0
        path = {str(tmp_path / "turn")!r}
        with open(path) as file: turn = int(file.read())
        with open(path, "w") as file: file.write(str(turn + 1))
        def one():
            global x, y
            if turn % 2: x = 1
            else: y = 1
        threads = [threading.Thread(target=one) for _ in range(2)]
        for t in threads: t.start()
        for t in threads: t.join()
    """
    same = dedent(program).replace("turn + 1", "turn")
    words = (ends(tmp_path, same, BoundedScheduler(1), 500)[1].verdict.word for _ in range(5))
    assert "proved" in words  # not each time: a busy disk may hold up a file, which is then a wait outside of control
    _, result = ends(tmp_path, dedent(program), BoundedScheduler(1), 500)
    assert result.verdict.word == "passed"


def test_a_search_that_is_not_over_proves_nothing(tmp_path: Path) -> None:
    scheduler = BoundedScheduler(2)
    _, result = ends(tmp_path, written(PROGRAMS["lost update"]), scheduler, runs=60)
    assert result.verdict.word == "passed"


def test_a_thread_that_asks_for_ever_is_let_be_and_nothing_is_proved(tmp_path: Path) -> None:
    _, result = ends(tmp_path, written(("while not x: pass", "x = 1")), BoundedScheduler(0))
    assert result.verdict.word == "passed"


def test_the_bound_is_told(tmp_path: Path) -> None:
    _, result = ends(tmp_path, written(("x = 1", "x = 2")), BoundedScheduler(1))
    assert tuple(result.verdict) == ("proved", "every schedule with at most 1 preemption")


class Naive:
    """Every choice in every way, as long as there are no more preemptions than that: nothing is left out."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._path: list[tuple[list[int], list[int]]] = []  # of each choice: what is left to try, and what it costs
        self._depth = self._used = 0
        self._begun = False

    def begin(self, seed: int) -> bool:
        if self._begun:
            while self._path and len(self._path[-1][0]) == 1:
                self._path.pop()
            if not self._path:
                return False
            self._path[-1][0].pop(0)
            self._path[-1][1].pop(0)
        self._begun = True
        self._depth = self._used = 0
        return True

    def choose(
        self, ready: Sequence[ThreadState], running: ThreadState | None, threads: Sequence[ThreadState]
    ) -> ThreadState:
        if self._depth == len(self._path):
            goes_on = running is not None and not (
                running.pending and running.pending.kind in WAITS and running.timed_out
            )
            costs = {thread.number: int(goes_on and thread is not running) for thread in ready}
            possible = [number for number, cost in costs.items() if self._used + cost <= self._bound]
            self._path.append((possible, [costs[number] for number in possible]))
        numbers, prices = self._path[self._depth]
        self._depth += 1
        self._used += prices[0]
        return next(thread for thread in ready if thread.number == numbers[0])

    def end(self, executed: Sequence[Event]) -> None:
        pass


class Quick(BoundedScheduler):
    """The first pass alone."""

    def begin(self, seed: int) -> bool:
        return super().begin(seed) and not self._whole


def compare(folder: Path, program: str, preemptions: int) -> None:
    expected, naive = ends(folder, program, Naive(preemptions))
    found, result = ends(folder, program, BoundedScheduler(preemptions))
    assert naive.coverage.schedules < 5000, "not all were enumerated"
    assert result.verdict.word == "proved"
    assert found == expected


def ends(folder: Path, program: str, scheduler: Scheduler, runs: int = 5000) -> tuple[set[str], Result]:
    """What the program printed at its end, under all schedules that were tried."""
    file = folder / "program.py"
    file.write_text(program)
    seen: set[str] = set()

    def note(record: Record) -> None:
        assert record.failure is None, record.failure
        seen.add(record.output)

    return seen, explore_script(file, runs=runs, seconds=None, scheduler=scheduler, examine=note)


def written(bodies: Sequence[str]) -> str:
    text = HEAD
    for name, body in zip(("one", "two"), bodies, strict=True):
        text += f"def {name}():\n    global x, y, z, items\n{indent(body, '    ')}\n"
    text += "threads = [threading.Thread(target=one), threading.Thread(target=two)]\n"
    text += "for t in threads: t.start()\nfor t in threads: t.join()\n"
    return text + TAIL


def statements(chance: random.Random, *, only_observed: bool = False) -> str:
    """A few of them, with what they share."""
    plain = ["x = y + 1", "y = x", "z = z + 1", "items.append(x)", "x = len(items)", "with lock:\n    x = y = 5"]
    plain += [
        "with lock:\n    z = x\n    with other:\n        x = z + 2",
        "time.sleep(1)\nz = 7",
        "with other:\n    y += 1",
    ]
    hidden = ["items += [y]", "same = items\nsame += [1]", "z = int(items == [1])", "event.set()", "z = event.is_set()"]
    hidden += ["if lock.acquire(False):\n    y = 3\n    lock.release()", "jobs.put(x)", "z = jobs.empty()"]
    return "\n".join(chance.choice(plain if only_observed else plain + hidden) for _ in range(chance.randint(1, 3)))
