"""Waits for semaphores, barriers, conditions and events in a trace: by name, with the line, and who holds a semaphore."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from threads import run

import plait
from plait._core.trace import State, Trace, Wait
from plait._draw.trace_data import from_file

pytestmark = pytest.mark.usefixtures("nothing_left")


def only_wait(trace: Trace, state: State, lane: str) -> Wait:
    (found,) = (wait for wait in trace.waits if wait.state is state and trace.lanes[wait.lane].name == lane)
    return found


def until_somebody_waits(condition: threading.Condition) -> None:
    """Returns when a thread waits for it, and has done so for a while."""
    while not condition._waiters:  # type: ignore[attr-defined]
        time.sleep(0.001)
    time.sleep(0.05)


@pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore"])
@pytest.mark.parametrize("how", ["with", "acquire"])
def test_a_semaphore_its_holder_and_the_lines(kind: str, how: str) -> None:
    with plait.trace() as trace:
        slots = getattr(threading, kind)(1)
        held = threading.Event()

        def holder() -> None:
            with slots:
                held.set()
                while not slots._cond._waiters:
                    time.sleep(0.001)
                time.sleep(0.1)

        def waiter() -> None:
            held.wait()
            if how == "with":
                with slots:
                    pass
            else:
                slots.acquire()
                slots.release()

        run(holder, waiter)
    wait = only_wait(trace, State.SEMAPHORE, "waiter")
    assert wait.name.startswith("slots (test_trace_semaphores.py:")
    assert wait.where.endswith("in waiter")
    assert trace.lanes[wait.holder].name == "holder"
    assert wait.held_at.endswith("in holder")
    (said,) = (finding for finding in trace.summary if finding.startswith("slots"))
    assert "in 1 wait of 1 thread" in said
    assert "held by holder, then at test_trace_semaphores.py:" in said


def test_a_semaphore_with_several_permits_is_no_lock() -> None:
    """It goes to whoever comes next when any of those who have one lets go: nobody has held all of the wait."""
    with plait.trace() as trace:
        slots, both = threading.Semaphore(2), threading.Barrier(3)
        go = threading.Event()

        def first() -> None:
            with slots:
                both.wait()
                until_somebody_waits(slots._cond)  # type: ignore[attr-defined]
                go.set()

        def second() -> None:
            with slots:
                both.wait()
                go.wait()

        def waiter() -> None:
            both.wait()
            with slots:
                pass

        run(first, second, waiter)
    wait = only_wait(trace, State.SEMAPHORE, "waiter")
    assert wait.permits == 2
    assert trace.lanes[wait.holder].name in ("first", "second")
    assert wait.giver == -1  # either of them
    (said,) = (finding for finding in trace.summary if finding.startswith("slots"))
    assert ", 2 permits: " in said
    assert "; who had one longest was most at test_trace_semaphores.py:" in said
    assert "held by" not in said
    page = plait.show(trace, "html")
    assert [one.permits for one in from_file(page).waits] == [one.permits for one in trace.waits]


def test_a_semaphore_that_passes_word_has_no_holder() -> None:
    with plait.trace() as trace:
        word, asked, answered = threading.Semaphore(0), threading.Event(), threading.Event()

        def giver() -> None:
            word.release()
            asked.wait()
            until_somebody_waits(word._cond)  # type: ignore[attr-defined]
            word.release()

        def waiter() -> None:
            word.acquire()
            answered.set()
            asked.set()
            word.acquire()

        run(giver, waiter)
    waits = [wait for wait in trace.waits if wait.state is State.SEMAPHORE]
    assert waits
    assert {wait.holder for wait in waits} == {-1}


def test_barriers_conditions_and_events_have_names_and_lines() -> None:
    with plait.trace() as trace:
        meet = threading.Barrier(2)
        stop = threading.Event()
        ready = threading.Condition()
        told: list[bool] = []

        def early() -> None:
            meet.wait()
            stop.wait()
            with ready:
                ready.wait_for(lambda: told)

        thread = threading.Thread(target=early, name="early")
        thread.start()
        until_somebody_waits(meet._cond)  # type: ignore[attr-defined]
        meet.wait()
        until_somebody_waits(stop._cond)  # type: ignore[attr-defined]
        stop.set()
        until_somebody_waits(ready)
        with ready:
            told.append(True)
            ready.notify()
        thread.join()
    for state, name in ((State.BARRIER, "meet"), (State.EVENT, "stop"), (State.CONDITION, "ready")):
        wait = only_wait(trace, state, "early")
        assert wait.name.startswith(f"{name} (test_trace_semaphores.py:")
        assert wait.where.endswith("in early")


def test_what_nobody_has_named() -> None:
    with plait.trace() as trace:

        def waiter() -> None:
            threading.Event().wait(0.01)

        run(waiter)
    assert only_wait(trace, State.EVENT, "waiter").name.startswith("event (test_trace_semaphores.py:")


def test_a_semaphore_of_asyncio() -> None:
    async def work(slots: asyncio.Semaphore) -> None:
        async with slots:
            await asyncio.sleep(0.02)

    async def main() -> None:
        slots = asyncio.BoundedSemaphore(2)
        await asyncio.gather(*(work(slots) for _ in range(3)))

    with plait.trace() as trace:
        asyncio.run(main())
    (wait,) = (wait for wait in trace.waits if wait.state is State.SEMAPHORE)
    assert (wait.name, wait.permits) == ("slots (asyncio.BoundedSemaphore)", 2)


def test_semaphores_are_as_they_were_afterwards() -> None:
    kinds = threading.Semaphore, threading.BoundedSemaphore
    names = "acquire", "release", "__enter__"
    before = [getattr(kind, name) for kind in kinds for name in names]
    with plait.trace():
        slots = threading.BoundedSemaphore(2)
        with slots, slots:
            assert not slots.acquire(blocking=False)
        with pytest.raises(ValueError, match="too many times"):
            slots.release()
    assert [getattr(kind, name) for kind in kinds for name in names] == before
    with slots, slots:
        pass
