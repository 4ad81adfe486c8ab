"""engine="auto": items go on in this process until others are ready, and what is left then moves to them."""

from __future__ import annotations

import colorsys
import contextvars
import functools
import itertools
import json
import os
import re
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator

import pytest

import plait
from plait._core.batch import Batch
from plait._core.feed import Feed
from plait._core.job import Job
from plait._engines import auto
from plait._engines.choosing import auto_pilot, caller_runs, warming
from plait._engines.choosing.auto_pilot import Pilot
from plait._engines.choosing.choice import Choice, Measured, choose
from plait._engines.choosing.needs import modules_of
from plait._engines.choosing.proof import Proof
from plait._engines.choosing.seen import Seen
from plait._engines.choosing.warming import Warming
from plait._engines.process import ProcessEngine

pytestmark = pytest.mark.usefixtures("nothing_left")
LONG = 30.0


def double(x: int) -> int:
    time.sleep(0.0002)
    return 2 * x


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every function is judged to hold the GIL, once and for all."""
    monkeypatch.setattr(auto_pilot, "_CHANCES", 0)
    monkeypatch.setattr(auto_pilot, "choose", lambda _: Choice("process", "processes: for the test"))
    monkeypatch.setattr(auto_pilot, "BRIEF", 0.0)
    monkeypatch.setattr(Seen, "enough", True)
    for limit, value in (("_WORTH", 0.0), ("_AWAY", 2.0), ("only_ours", lambda: True)):
        monkeypatch.setattr(caller_runs, limit, value)


@pytest.fixture
def ready(judged: None, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Processes are ready when this is set."""
    event = threading.Event()
    monkeypatch.setattr(Warming, "over", property(lambda _: event.is_set()))
    return event


def engines(outcomes: Iterator[plait.Outcome[int]]) -> Iterator[str]:
    """Where each item ran."""
    for outcome in outcomes:
        assert outcome.value == 2 * outcome.index
        yield outcome.worker.partition("-")[0]


def test_items_go_on_in_this_process_until_others_are_ready(ready: threading.Event) -> None:
    with plait.map(double, itertools.count(), workers=2) as stream:
        ran = engines(stream.outcomes())
        assert set(itertools.islice(ran, 1000)) == {"thread", "inline"}
        ready.set()
        assert "process" in ran
        assert stream.report.engine == "process"
        assert "processes: for the test" in stream.report.why


def test_what_is_done_before_processes_are_ready_does_not_move(ready: threading.Event) -> None:
    stream = plait.map(double, range(500), workers=2)
    assert set(engines(stream.outcomes())) == {"thread", "inline"}
    assert not ready.is_set()
    assert stream.report.engine == "inline"
    assert stream.report.why == ["inline: it was over before processes were ready"]


def test_threads_go_on_where_the_caller_must_not(ready: threading.Event) -> None:
    stream = plait.map(double, range(500), workers=2, timeout=20)
    assert list(engines(stream.outcomes())) == ["thread"] * 500
    assert not ready.is_set()
    assert stream.report.engine == "thread"
    assert stream.report.why == ["threads: it was over before processes were ready"]


def test_who_leaves_while_processes_get_ready_leaves_nothing_behind(ready: threading.Event) -> None:
    for _ in range(3):
        with plait.map(double, itertools.count(), workers=2) as stream:
            assert len(list(itertools.islice(stream, 100))) == 100
    assert not ready.is_set()


def no_thread(*_: object) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("what", [(warming, "Warming"), (auto_pilot, "Canary")], ids=["warming", "canary"])
def test_where_no_thread_can_be_started_items_stay(
    ready: threading.Event, monkeypatch: pytest.MonkeyPatch, what: tuple[object, str]
) -> None:
    ready.set()
    monkeypatch.setattr(*what, no_thread)
    stream = plait.map(double, range(500), workers=2)
    assert list(stream) == [2 * x for x in range(500)]
    assert stream.report.engine == "thread"
    assert any("can't start new thread" in reason for reason in stream.report.why)


@pytest.mark.usefixtures("judged")
def test_where_no_process_can_be_started_items_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    stream = plait.map(double, range(3_000), workers=2)
    assert list(stream) == [2 * x for x in range(3_000)]
    assert stream.report.engine in ("thread", "inline")
    assert any("processes could not be started: " in why and "no/such/python" in why for why in stream.report.why)


def test_items_that_wait_for_others_get_help_while_processes_get_ready(ready: threading.Event) -> None:
    met = threading.Event()

    def run(x: int) -> int:
        if x == 200:
            assert met.wait(LONG)
        elif x > 200:
            met.set()
        return double(x)

    assert list(plait.map(run, range(300), workers=2)) == [2 * x for x in range(300)]
    assert not ready.is_set()


def test_an_error_while_processes_get_ready_ends_the_map(ready: threading.Event) -> None:
    def run(x: int) -> int:
        if x == 300:
            raise ValueError(x)
        return double(x)

    with pytest.raises(ValueError, match="300"):
        list(plait.map(run, itertools.count(), workers=2))


def test_a_worker_imports_what_the_function_needs_before_it_gets_items() -> None:
    loaded = of_main(lambda _: "colorsys" in sys.modules)  # which itself needs nothing
    engine, cold = ProcessEngine(), ProcessEngine()
    try:
        warm = Warming(engine, colorsys.rgb_to_hls, 1)
        warm._thread.join(LONG)
        assert warm.over
        for one, found in ((engine, True), (cold, False)):
            job = Job(loaded, Feed([0]), workers=1, timeout=None, context=contextvars.Context())
            assert [_kept(job, batch.values) for batch in one.run(job)] == [[found]]
    finally:
        warm.end()
        engine.close()
        cold.close()


def _kept(job: Job, values: list[object]) -> list[object]:
    job.feed.settle(len(values))
    return values


class Calls:
    def __call__(self, x: int) -> str:
        return json.dumps(x)


def needs_a_module(x: int) -> str:
    import colorsys

    return json.dumps([x, colorsys.ONE_THIRD])


def of_main(fn: Callable[..., object]) -> Callable[..., object]:
    """As if the program itself had defined it."""
    fn.__module__ = "__main__"
    return fn


def calls_another(fn: Callable[..., object]) -> Callable[..., object]:
    """One of a script, which calls another one of it."""

    def caller(x: int) -> object:
        return called(x) or caller  # type: ignore[name-defined]  # noqa: F821  # its module has it

    scope = {"called": of_main(fn), "__name__": "__main__"}
    made = types.FunctionType(caller.__code__, scope, "caller", None, caller.__closure__)
    scope["caller"] = made
    return made


@pytest.mark.parametrize(
    ("fn", "modules"),
    [
        (json.loads, ["json"]),
        (functools.partial(json.loads, cls=None), ["functools", "json"]),
        (json.JSONEncoder().encode, ["json.encoder"]),
        (Calls(), [__name__]),
        (len, []),
        (needs_a_module, ["colorsys", __name__]),
        (of_main(lambda x: json.dumps(x)), ["json"]),
        (of_main(lambda x: threading.Event() or Job), ["plait._core.job", "threading"]),
        (calls_another(lambda x: json.dumps(x)), ["json"]),
    ],
)
def test_what_a_function_needs(fn: Callable[..., object], modules: list[str]) -> None:
    assert sorted(modules_of(fn)) == modules


# --- nobody knows how many items there are


def test_an_unsure_choice_is_made_again_when_there_are_more_items() -> None:
    job = Job(abs, Feed(iter(range(10_000))), workers=64, timeout=None, context=contextvars.copy_context())
    followed: list[Choice] = []
    pilot = Pilot(job, abs, followed.append)
    pilot.meter.samples.append((1, 1))
    measured = Measured(calls=20, elapsed=0.04, busy=0.04, gil=0.95, left=None, cores=2)
    pilot.choice, pilot.unsure = choose(measured), measured
    assert pilot.choice.engine == "thread"
    job.feed.taken = 21
    pilot.look()
    assert pilot.unsure is measured
    job.feed.taken = 30
    pilot.look()
    assert pilot.choice.engine == "thread"
    assert pilot.unsure.calls == 30
    job.feed.taken = 200
    pilot.look()
    assert pilot.choice.reason == "processes: it holds the GIL 95 % of 2 ms per item"
    assert pilot.unsure is None
    assert [choice.engine for choice in followed] == ["thread", "thread", "process"]
    pilot.end()


def test_few_items_of_an_unknown_number_say_why_they_stayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "Warming", None)
    monkeypatch.setattr(
        auto_pilot,
        "choose",
        lambda _: Choice("thread", "threads: what is left, about 1 ms, does not pay for processes"),
    )
    monkeypatch.setattr(auto_pilot, "BRIEF", 0.0)
    monkeypatch.setattr(Seen, "enough", True)
    stream = plait.map(double, iter(range(300)), workers=2)
    assert list(stream) == [2 * x for x in range(300)]
    assert "threads: what is left, about 1 ms, does not pay for processes" in stream.report.why


def slow_elsewhere(pid: int, x: int) -> int:
    """Takes five times as long in another process than this, as what they all have to share may do."""
    end = time.thread_time() + (0.0002 if os.getpid() == pid else 0.001)
    while time.thread_time() < end:
        pass
    return 2 * x


def test_what_processes_do_not_do_faster_comes_back(judged: None) -> None:
    with plait.map(functools.partial(slow_elsewhere, os.getpid()), itertools.count(), workers=2) as stream:
        ran = engines(stream.outcomes())
        assert "process" in ran
        assert "inline" in ran
        assert set(list(itertools.islice(ran, 2000))[-500:]) == {"inline"}  # those before had been sent already
        assert stream.report.engine == "inline"
        assert re.fullmatch(r"inline: 2 processes did only 0\.\d times the work of one thread", stream.report.why[-1])


def test_what_comes_back_loses_nothing_and_keeps_its_order(judged: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Proof, "_speed", lambda *_: 0.5)
    stream = plait.map(functools.partial(slow_elsewhere, os.getpid()), range(3000), workers=2)
    assert list(engines(stream.outcomes())).count("process") > 0
    assert stream.report.items == 3000


def test_dearer_items_are_no_reason_to_come_back(judged: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "Proof", lambda _, *limits: Proof(0.0002, *limits))  # what the first ones really cost
    stream = plait.map(slower_and_slower, range(1500), workers=2)
    ran = list(engines(stream.outcomes()))
    assert ran[-1] == "process"
    assert stream.report.engine == "process"
    first = ran.index("process")
    assert "inline" in ran[first:]  # it was tried


def slower_and_slower(x: int) -> int:
    end = time.thread_time() + (0.0002 if x < 300 else 0.002)
    while time.thread_time() < end:
        pass
    return 2 * x


def batch(worker: str, items: int, seconds: float) -> Batch:
    one = Batch(0, list(range(items)))
    one.values = list(range(items))
    one.worker, one.started, one.ended = worker, 1.0, 1.0 + seconds
    return one


@pytest.fixture
def cores_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has waited for a core: batches took as long as they say, whatever else this machine does."""
    monkeypatch.setattr("plait._engines.choosing.proof.waited_for_core", lambda *_: 0.0)


def test_processes_are_doubted_after_a_while_and_compared_with_what_is_here(cores_for_all: None) -> None:
    proof = Proof(0.001, 2, cores=8)
    assert not proof.note(batch("process-1", 1, 5.0))  # it imports
    assert not proof.note(batch("process-2", 1, 5.0))
    assert not proof.note(batch("process-1", 20, 0.09))
    assert proof.note(batch("process-2", 5, 0.02))
    assert not proof.note(batch("process-2", 5, 0.02))  # it has been said
    assert not proof.note_here(batch("inline", 1, 1.0))
    assert not proof.note_here(batch("inline", 20, 0.04))
    assert proof.note_here(batch("inline", 5, 0.01))
    assert proof.failed == "threads: 2 processes did only 0.9 times the work of one thread"
    assert proof.note_here(batch("inline", 5, 0.1))  # items have become dearer
    assert proof.failed == ""


def test_processes_that_have_done_well_are_not_doubted_later(cores_for_all: None) -> None:
    proof = Proof(0.001, 2, cores=8)
    for _ in range(2):
        assert not proof.note(batch("process-1", 1, 0.001))
    assert not proof.note(batch("process-1", 1000, 1.0))
    assert not proof.note(batch("process-1", 1, 100.0))
    assert not proof.doubted
