"""What a trace says of who keeps others waiting at queues and barriers."""

from __future__ import annotations

import asyncio
import queue
import threading
from pathlib import Path

import pytest

import plait
from plait._core.trace import Lane, State, Trace, Wait
from plait._see.lines import Lines
from plait._see.loops_that_look import asks, looks
from plait._see.recorder.lines import Look
from plait._see.recorder.waits import GIVEN_BY, LAST, RETURNED, TAKEN_BY
from plait._see.summary.queues import tell_queues
from plait._see.summary.signals import tell_signals
from plait._see.summary.summarise import summarise

TENTH, SECOND = 100_000, 1_000_000


def made(lanes: dict[str, str]) -> Trace:
    """A second; a letter for each tenth of it: what a lane does then, by the first letter of its state."""
    trace = Trace("app.py", 0.0, SECOND)
    known = {state.name[0]: state for state in (State.QUEUE, State.BARRIER, State.SLEEP, State.PYTHON, State.LOCK)}
    for at, (name, letters) in enumerate(lanes.items()):
        lane = Lane(name, "thread", 1, at + 1)
        for tenth, letter in enumerate(letters):
            lane.add(tenth * TENTH, known[letter])
        trace.lanes.append(lane)
    return trace


def wait(trace: Trace, lane: int, state: State, tenth: int, name: str, tenths: int = 1) -> None:
    where = f"app.py:{lane} in {trace.lanes[lane].name}"
    trace.waits.append(Wait(lane, tenth * TENTH, (tenth + tenths) * TENTH, state, name, where))


def seen(trace: Trace, lane: int) -> Lines:
    """A lane is at one line, whatever it does."""
    looks = [Look(moment, lane + 1, "app.py:7 in works") for moment in range(0, SECOND, TENTH // 2)]
    return Lines(trace, looks)


def by_turns(state: str = "S", others: int = 5) -> Trace:
    """Who asks others by queues, and waits for each answer."""
    names = {"asks": "Q" * 10} | {
        f"answers{n}": "".join("QS"[k % others == n] for k in range(10)) for n in range(others)
    }
    trace = made({name: letters.replace("S", state) for name, letters in names.items()})
    for tenth in range(10):
        wait(trace, 0, State.QUEUE, tenth, f"Queue.get{GIVEN_BY}answers{tenth % others}")
    for at in range(others):
        wait(trace, at + 1, State.QUEUE, 0, f"Queue.get{GIVEN_BY}asks", 10)
    return trace


def test_who_waits_for_each_answer_before_the_next_question() -> None:
    trace = by_turns()
    ((_, text),) = tell_queues(trace, 6.0, Lines(trace), 2)
    assert text.startswith("asks waited 10 times for an answer of one of 5 threads, most at app.py:0 in asks, and mean")
    assert text.endswith("which would take about 0.20 s instead of 1.00 s")


def test_answers_that_are_computed_come_no_sooner_together() -> None:
    trace = by_turns("P")
    ((_, text),) = tell_queues(trace, 6.0, Lines(trace), 2)
    assert text.endswith("then wait for what they answer")


def test_one_that_is_asked_again_and_again_is_slower() -> None:
    trace = by_turns(others=1)
    ((_, text),) = tell_queues(trace, 2.0, seen(trace, 1), 2)
    assert text.endswith("answers0, which puts into it, is slower, sleeping at app.py:7 in works")


def test_who_puts_and_waits_itself_is_not_slower() -> None:
    trace = made({"takes": "Q" * 10, "puts": "Q" * 8 + "SS"})
    for tenth in range(10):
        wait(trace, 0, State.QUEUE, tenth, f"Queue.get{GIVEN_BY}puts")
    ((_, text),) = tell_queues(trace, 2.0, seen(trace, 1), 2)
    assert text.endswith("whoever puts into it is slower")


@pytest.mark.parametrize(("brief", "mutual"), [(True, True), (False, True), (True, False)])
def test_who_hands_over_one_small_item_at_a_time(brief: bool, mutual: bool) -> None:
    """Of two that wait for one another neither is the slower one."""
    trace = made({"gives": "QS" * 5, "takes": "SQ" * 5})
    trace.lanes[0].states[:], trace.lanes[1].states[:] = bytes([State.QUEUE] * 10), bytes([State.QUEUE] * 10)
    step = 500 if brief else 5000
    for began in range(0, SECOND, 2 * step):
        for lane, name in ((0, f"Queue.put{TAKEN_BY}takes"), (1, f"Queue.get{GIVEN_BY * mutual}{'gives' * mutual}")):
            wait = Wait(lane, began + lane * step, began + (lane + 1) * step, State.QUEUE, name, f"app.py:{lane} in f")
            trace.waits.append(wait)
    told = [text for _, text in tell_queues(trace, 2.0, Lines(trace), 2)]
    one = (
        "gives and takes waited 2,000 times for one another at a queue, 500 µs each, most at app.py:0 in f and app.py:1"
    )
    assert [text.startswith(one) for text in told] == ([True] if brief and mutual else [False, False])


@pytest.mark.parametrize(("works", "gain"), [("S", True), ("P", False)])
def test_what_it_would_take_with_one_for_each(works: str, gain: bool) -> None:
    """Four threads share what one at a time can have, and need it for a quarter of the time each."""
    trace = made({f"t{n}": "".join(works if tenth % 4 == n else "Q" for tenth in range(10)) for n in range(4)})
    for at in range(4):
        for tenth in range(10):
            if tenth % 4 != at:
                wait(trace, at, State.QUEUE, tenth, f"LifoQueue.get{RETURNED}")
    ((_, text),) = tell_queues(trace, 4.0, Lines(trace), 2)
    assert ("One for each would take about 0.30 s instead of 1.00 s" in text) is gain


def at_barrier(works: str, late: str = "last") -> Trace:
    trace = made({"first": f"B{works}" * 5, "last": works * 10})
    for tenth in range(0, 10, 2):
        wait(trace, 0, State.BARRIER, tenth, f"meet (app.py:1){LAST}{late}")
    return trace


def test_who_comes_last_to_a_barrier_is_told_with_what_it_does() -> None:
    trace = at_barrier("S")
    ((_, text),) = tell_signals(trace, 2.0, seen(trace, 1), 2)
    assert "; 0.50 s of it for last, which came last, sleeping at app.py:7 in works. If each of the 2" in text
    assert text.startswith("meet (app.py:1): 0.50 s of waiting for a barrier, in 5 waits of 1 thread")
    assert text.endswith("it would take about 0.75 s instead of 1.00 s")


def test_what_computes_is_not_shared_out_by_a_barrier() -> None:
    trace = at_barrier("P")
    ((_, text),) = tell_signals(trace, 2.0, seen(trace, 1), 2)
    assert "last, which came last, running Python" in text
    assert "instead of" not in text


def test_of_several_threads_of_one_name_nobody_knows_which_came_last() -> None:
    trace = at_barrier("S")
    trace.lanes.append(Lane("last", "thread", 1, 9))
    ((_, text),) = tell_signals(trace, 2.0, seen(trace, 1), 2)
    assert text.endswith("waited for at app.py:0 in first")


@pytest.mark.parametrize(("microseconds", "told"), [(4000, False), (6000, True)])
def test_what_would_be_told_as_nothing_is_not_told(microseconds: int, told: bool) -> None:
    trace = made({"a": "S" * 10, "b": "S" * 10})
    trace.microseconds = SECOND // 4
    trace.lanes[0].add(0, State.LOCK)
    trace.lanes[0].moments, trace.lanes[0].states = trace.lanes[0].moments[:1], bytearray([State.LOCK])
    trace.waits.append(Wait(0, 0, microseconds, State.LOCK, "lock (app.py:1)", "app.py:2 in f", 1))
    assert any(text.startswith("lock (app.py:1)") for text in summarise(trace, [], [], 2)) is told


@pytest.mark.parametrize(("free", "told"), [(0.0, True), (1.0, False)])
def test_a_lock_around_what_the_gil_lets_one_do_at_a_time(free: float, told: bool) -> None:
    trace = made({"a": "PL" * 5, "b": "LP" * 5})
    trace.facts["free"] = free
    for tenth in range(10):
        trace.waits.append(
            Wait(tenth % 2 == 0, tenth * TENTH, (tenth + 1) * TENTH, State.LOCK, "lock", "app.py:2 in f", tenth % 2)
        )
    (text,) = (one for one in summarise(trace, [], [], 2) if one.startswith("lock: "))
    assert (
        text.endswith(
            "The GIL lets one thread at a time run Python without that lock, too; processes run it side by side"
        )
        is told
    )


def test_a_task_that_sleeps_and_looks_is_told_what_would_wake_it() -> None:
    class Job:
        done = False

    async def work(job: Job) -> None:
        await asyncio.sleep(0.01)
        job.done = True

    async def main() -> None:
        for _ in range(6):
            job = Job()
            task = asyncio.create_task(work(job))
            while not job.done:
                await asyncio.sleep(0.02)
            await task

    with plait.trace() as trace:
        asyncio.run(main())
    (text,) = (one for one in trace.summary if one.startswith("sleep in a loop: "))
    assert "; its loop goes on while `not job.done`: an Event" in text


def test_a_lock_for_which_only_the_library_waits_is_not_told() -> None:
    trace = made({"feeds": "L" * 10, "works": "S" * 10})
    wait(trace, 0, State.LOCK, 0, "self._notempty (queues.py:75)", 10)
    told = [summarise(trace, [], [], 2, services=services) for services in (frozenset({0}), frozenset[int]())]
    assert [any("_notempty" in text for text in one) for one in told] == [False, True]


def test_the_ends_of_queues_and_barriers_are_known() -> None:
    asked: queue.Queue[int] = queue.Queue()
    barrier = threading.Barrier(2)
    with plait.trace() as trace:

        def gives() -> None:
            barrier.wait()
            while not barrier.n_waiting:
                pass
            asked.put(1)
            barrier.wait()

        def takes() -> None:
            barrier.wait()
            barrier.wait()

        threads = [threading.Thread(target=run, name=run.__name__) for run in (gives, takes)]
        for thread in threads:
            thread.start()
        asked.get()
        for thread in threads:
            thread.join()
    names = {wait.name for wait in trace.waits}
    assert "Queue.get, put into by gives" in names, names
    assert any(name.endswith(", last to come gives") for name in names), names


@pytest.mark.parametrize(
    ("loop", "ends", "queue"),
    [
        ("while jobs.empty():\n    time.sleep(1)", "", "jobs"),
        ("while not jobs.empty():\n    time.sleep(1)", "goes on while `not jobs.empty()`", ""),
        ("while not ready:\n    time.sleep(1)", "goes on while `not ready`", ""),
    ],
)
def test_who_sleeps_until_a_queue_has_something_may_wait_for_it(
    tmp_path: Path, loop: str, ends: str, queue: str
) -> None:
    file = tmp_path / "app.py"
    file.write_text(loop)
    assert looks(str(file), 2) == ends
    assert not queue or asks(str(file), 2) == queue
