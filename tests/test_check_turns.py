"""Turns of event loops: what no other task can come in between is not tried, and a turn that is to come first does."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from check_records import Recording
from test_check_asyncio import explore

from plait._check.explore import Result
from plait._check.predict import predictions
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.steer import steer
from plait._check.reading.turns import Turns
from plait._check.record import Record, Switch
from plait._core.event import Kind
from plait._schedulers.replay import ReplayScheduler

TWO_TURNS = """
import asyncio
log = []
async def one(go):
    await go.wait()
    log.append("a")
    log.append("b")
    await asyncio.sleep(0)
    log.append("c")
async def two(go):
    await go.wait()
    log.append("x")
    await asyncio.sleep(0)
    log.append("y")
async def main():
    go = asyncio.Event()
    tasks = [asyncio.create_task(one(go)), asyncio.create_task(two(go))]
    await asyncio.sleep(1)
    go.set()
    await asyncio.gather(*tasks)
    print(*log, sep="")
asyncio.run(main())
"""


def tasks(source: str, *, of: int = 2) -> Recording:
    """A recording whose threads after the first are tasks of its loop."""
    recording = Recording(source, threads=1 + of)
    recording.threads = [info._replace(kind="task") if info.number else info for info in recording.threads]
    return recording


def turn(recording: Recording) -> int:
    return recording.add(0, Kind.PAUSE, -1, "", None)


def perform(folder: Path, source: str, switches: tuple[Switch, ...] = ()) -> Record:
    records: list[Record] = []
    replay = ReplayScheduler([switch[:3] for switch in switches], impatient=True)
    result: Result = explore(folder, source, runs=1, scheduler=replay, examine=records.append)
    assert result.verdict.word == "passed", records[0].failure
    return records[0]


def sources_of(source: str) -> Sources:
    return Sources(lambda _: dedent(source).splitlines())


def test_a_turn_is_what_a_task_does_between_two_choices_of_its_loop() -> None:
    recording = tasks("x = 1\ny = 2\n")
    first = turn(recording)
    one, two = recording.read(1, 1, "x"), recording.write(1, 2, "y")
    between = recording.read(0, 1, "x")
    second = turn(recording)
    other = recording.write(2, 1, "x")
    turns = Turns(recording.events, recording.threads)
    assert [turns.of(index) for index in (first, one, two, between, second, other)] == [0, 0, 0, -1, second, second]
    assert turns.members(first) == [first, one, two]
    assert turns.shut_out(one, other, two)
    assert not turns.shut_out(one, other, other)
    assert turns.open_at(two) == {0: first}
    assert turns.open_at(second) == {}


def test_without_tasks_there_are_no_turns() -> None:
    recording = Recording("x = 1\n")
    read = recording.read(1, 1, "x")
    turns = Turns(recording.events, recording.threads)
    assert turns.of(read) == -1
    assert not turns.shut_out(read, read, read)


def test_a_task_goes_on_to_the_end_of_its_turn_before_another_one_begins() -> None:
    recording = tasks("x = 1\ny = 2\n")
    turn(recording)
    one = recording.read(1, 1, "x")
    recording.write(1, 2, "y")
    turn(recording)
    other = recording.write(2, 1, "x")
    switches = steer(History(recording.record()), one, (other,), 1)
    assert [switch[:3] for switch in switches or ()] == [(0, 0, 2), (0, 1, 1)]


def test_a_thread_gives_way_behind_the_release_of_a_lock_since_nobody_is_asked_before() -> None:
    recording = Recording("m = 1\nwith lock:\n    other.start()\n")
    recording.start(0, 1)
    early = recording.read(1, 1, "m")
    recording.acquire(0, 2)
    recording.start(0, 2, 3)
    recording.release(0, 2)
    late = recording.write(2, 1, "m")
    switches = steer(History(recording.record()), early, (late,), 1)
    assert [switch[:3] for switch in switches or ()] == [(0, 4, 2), (2, 1, 1)]


def test_nothing_is_tried_within_a_turn(tmp_path: Path, nothing_left: None) -> None:
    source = """
        import asyncio
        n = 0
        async def add():
            global n
            seen = n
            n = seen + 1
        async def main():
            await asyncio.gather(add(), add())
        asyncio.run(main())
    """
    found = predictions(perform(tmp_path, source), sources_of(source))
    assert {prediction.kind for prediction in found} == {"order"}


def test_a_hint_has_the_order_of_tasks_that_it_asks_for(tmp_path: Path, nothing_left: None) -> None:
    plain = perform(tmp_path, TWO_TURNS)
    found = predictions(plain, sources_of(TWO_TURNS))
    outputs = {perform(tmp_path, TWO_TURNS, prediction.switches).output for prediction in found}
    assert plain.output == "abxcy\n"
    assert any(output.startswith("xab") for output in outputs), outputs
