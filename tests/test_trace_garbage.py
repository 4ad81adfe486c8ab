"""What a trace and an advice say of the collector of reference cycles."""

from __future__ import annotations

import gc
import threading
from dataclasses import replace

import pytest

import plait
from plait._core.trace import Lane, State, Trace
from plait._draw.trace_data import encode, from_file
from plait._see.advise.profile import Profile
from plait._see.advise.words import facts
from plait._see.garbage import add_garbage, tell_garbage
from plait._see.recorder.garbage import Collection, Garbage, GarbageRecorder, _place
from plait._see.recorder.steps import Blocked
from plait._see.summary.summarise import summarise
from plait._see.task_lanes import blocked_words

PYTHON, GARBAGE, SLEEP = State.PYTHON, State.GARBAGE, State.SLEEP
SECOND = 1_000_000


def of_a_second(cpu: float = 0.8) -> Trace:
    trace = Trace("app.py", 0.0, SECOND)
    lane = Lane("MainThread", "thread", 1, 7, cpu=cpu, queued=0.0, native=0.1)
    for moment, state in ((0, PYTHON), (800_000, SLEEP)):
        lane.add(moment, state)
    trace.lanes.append(lane)
    return trace


def test_collections_are_seen_where_they_were_and_counted_whole() -> None:
    trace = of_a_second()
    shown = (
        Collection(7, 5_100_000, 5_300_000),
        Collection(7, 5_750_000, 5_850_000),
        Collection(8, 5_000_000, 5_400_000),
    )
    add_garbage(trace, Garbage(90, 0.4, {7: 0.4, 8: 0.4}, shown=shown), 5_000_000)
    seen = [(began, ended, state.name) for began, ended, state, _ in trace.lanes[0].stretches(SECOND)]
    assert seen == [
        (0, 100_000, "PYTHON"),
        (100_000, 300_000, "GARBAGE"),
        (300_000, 750_000, "PYTHON"),
        (750_000, 850_000, "GARBAGE"),
        (850_000, SECOND, "SLEEP"),
    ]
    times = trace.times(0)
    assert {state: round(seconds, 6) for state, seconds in times.items()} == {
        PYTHON: 0.3,
        State.NATIVE: 0.1,
        GARBAGE: 0.4,
        SLEEP: 0.2,
    }
    again = from_file(f'"{encode(trace)}"')
    assert again.times(0) == times
    assert "40% collecting garbage" in summarise(trace, [], [], 2)[0]


@pytest.mark.parametrize(
    ("garbage", "words"),
    [
        (
            Garbage(1200, 0.4, {7: 0.4}, found=0, longest=0.03, longest_at="app.py:3", where="app.py:9 in load"),
            (
                "collecting garbage took 0.40 s, 50% of the time on cores, in 1,200 collections, most of it at app.py:9 in "
                "load; there was none; the longest kept the GIL from all others for 30 ms, at app.py:3. It looks at what "
                "is alive, again and again: gc.freeze(), after what stays has been made, leaves that out, and "
                "gc.set_threshold(50_000, 20, 20) lets it look less often"
            ),
        ),
        (
            Garbage(3, 0.2, {7: 0.2}, found=1, longest=0.01, where="app.py:9", asked="app.py:9"),
            (
                "collecting garbage took 0.20 s, 25% of the time on cores, in 3 collections, most of it at app.py:9; 1 object "
                "was garbage. gc.collect() is called at app.py:9: Python does it by itself when there is reason to"
            ),
        ),
        (Garbage(3, 0.01, {7: 0.01}, found=5, longest=0.01), ""),
    ],
)
def test_the_sentence(garbage: Garbage, words: str) -> None:
    assert [text for _, text in tell_garbage(of_a_second(), garbage)] == ([words] if words else [])


def test_a_long_pause_is_told_however_small_its_share() -> None:
    trace = of_a_second(cpu=20.0)
    trace.microseconds = 30 * SECOND
    ((seconds, text),) = tell_garbage(trace, Garbage(1, 0.15, {7: 0.15}, 400, 0.15, "app.py:3", "app.py:3"))
    assert seconds == 0.15
    assert "; 400 objects were garbage; the longest kept the GIL from all others for 150 ms. It looks" in text


def test_a_loop_that_is_blocked_by_the_collector() -> None:
    trace = of_a_second()
    add_garbage(trace, Garbage(1, 0.3, {7: 0.3}, shown=(Collection(7, 100_000, 400_000),)), 0)
    ((_, text),) = blocked_words(trace, [Blocked(7, 50_000, 450_000, "work (Task-2)", "app.py:5")], [], 0)
    assert text == (
        "the event loop was blocked for 0.40 s by work (Task-2) at app.py:5, of which 0.30 s went into collecting "
        "garbage; no other task was ready meanwhile"
    )


def test_what_a_program_asks_for_and_what_it_brings_on() -> None:
    before = list(gc.callbacks)
    with plait.trace() as trace:
        kept = [[n] for n in range(100_000)]
        for _ in range(8):
            gc.collect()
    assert gc.callbacks == before
    (lane,) = (lane for lane in trace.lanes if lane.tid == threading.get_native_id())
    seconds = trace.facts["garbage"]
    assert lane.garbage == seconds > 0
    assert 0 < trace.times(lane)[GARBAGE] <= seconds + 1e-9
    assert GARBAGE in lane.states
    (told,) = (finding for finding in trace.summary if "collecting garbage took" in finding)
    assert f"gc.collect() is called at {__file__.rpartition('/')[2]}:" in told, told
    assert kept


def test_the_line_whose_objects_bring_them_on() -> None:
    recorder = GarbageRecorder()
    recorder.install()
    kept = []
    while recorder.sums().where == "":
        kept.append([[n] for n in range(10_000)])
    recorder.remove()
    found = recorder.sums()
    assert "test_trace_garbage.py" in found.where
    assert not found.asked
    assert found.collections > 0
    gc.collect()
    assert recorder.sums().collections == found.collections


def test_a_program_that_takes_away_all_callbacks() -> None:
    recorder = GarbageRecorder()
    recorder.install()
    before, gc.callbacks[:] = list(gc.callbacks), []
    recorder.remove()
    assert gc.callbacks == []
    gc.callbacks[:] = [callback for callback in before if callback != recorder._heard]


def test_a_collection_without_a_frame_as_at_the_end_of_a_process() -> None:
    assert _place(None) == ("", False)


def test_an_advice_says_what_of_a_call_collects_garbage() -> None:
    found = plait.advise(lambda n: gc.collect(), range(3), seconds=0.3)
    assert found.profile.garbage > 0.2
    assert found.profile.collects_at.startswith("test_trace_garbage.py:")


def test_the_words_of_an_advice() -> None:
    profile = Profile(calls=30, seconds=0.01, busy_seconds=0.01, cores=1.0, gil=0.97, garbage=0.61)
    (told,) = facts(profile)[1:]
    assert told.startswith("61 % of it collects garbage. It looks at what is alive")
    assert told.endswith("Worker processes leave out what was there when they started.")
    assert facts(replace(profile, garbage=0.05))[1:] == []
    (told,) = facts(replace(profile, garbage=0.0, paging=0.4))[1:]
    assert told.startswith("40 % of it is the system's, for memory: large objects take theirs from the system")
