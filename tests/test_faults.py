"""The fault matrix: what one item does to its worker, on every engine, at three speeds of the items around it.

Cells that make no sense, and why: ``os._exit``, SIGKILL and a segmentation fault end the program itself inline and on
threads; C code that keeps the GIL cannot be left behind by a thread, since nobody else runs; arguments and results do
not cross anything inline and on threads, so unpicklable ones must simply work there.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from executions import Executions
from faulty import (
    DEEDS,
    ENDLESS,
    ExplodingText,
    KillsSlowly,
    Odd,
    Refuses,
    Unbuildable,
    UnpickledWrongly,
    big_result,
    big_then_dies,
    closes_all,
    eat,
    hang,
    index_of,
    many,
    maps_what_fails,
    odd_result,
    work,
)

import plait
from plait.errors import (
    Cancelled,
    MemoryExceeded,
    NotTransferable,
    PlaitError,
    RemoteError,
    TaskTimeout,
    WorkerDied,
    outcome_of,
)
from plait.testing._functions import meet

ENGINES = ["inline", "thread", "process"]
SPEEDS = {"noop": (4000, 0.0), "50us": (400, 50e-6), "5ms": (24, 5e-3)}
BOUND = 20.0  # seconds in which any cell must have ended, on a loaded machine

pytestmark = [pytest.mark.usefixtures("nothing_left"), pytest.mark.timeout(60)]


RAISED = {
    "raises": ValueError,
    "SystemExit": SystemExit,
    "GeneratorExit": GeneratorExit,
    "StopIteration": StopIteration,
    "StopAsyncIteration": StopAsyncIteration,
    "KeyboardInterrupt": KeyboardInterrupt,
    "Odd": Odd,
    "RecursionError": RecursionError,
    "MemoryError": MemoryError,
    "group": BaseExceptionGroup,
    "unbuildable": (Unbuildable, RemoteError),
    "wrong pickle": (UnpickledWrongly, RemoteError),
    "no text": (ExplodingText, RemoteError),
}
DEADLY = [name for name in DEEDS if name not in RAISED]


@pytest.fixture
def mark(nothing_left: None, tmp_path: Path) -> Iterator[Executions]:
    mark = Executions(tmp_path)
    yield mark
    mark.close()


def outcomes_of(stream: plait.Stream[Any], timed: bool) -> list[plait.Outcome[Any]]:
    """Every outcome; untimed, so that items of a microsecond run as they do for somebody who wants values."""
    if timed:
        return list(stream.outcomes())
    stream._used = True
    run = stream._run
    return [outcome for batch in run.batches(stop_at_failure=False) for outcome in all_of(run, batch)]


def all_of(run: Any, batch: Any) -> Iterator[plait.Outcome[Any]]:
    run.handing = batch, len(batch.items)
    yield from run.outcomes_of(batch)


def check_all_but(outcomes: list[plait.Outcome[Any]], count: int, at: int) -> BaseException:
    """Every index once, every value right but the culprit's, whose error it returns."""
    assert sorted(outcome.index for outcome in outcomes) == list(range(count))
    wrong = {o.index: o.error or o.value for o in outcomes if o.index != at and (o.error or o.value != o.index * 3)}
    assert not wrong, f"{len(wrong)} other items suffered: {dict(list(wrong.items())[:5])}"
    error = next(outcome.error for outcome in outcomes if outcome.index == at)
    assert error is not None
    return error


@pytest.fixture(scope="module")
def warmed() -> Iterator[dict[str, plait.engines.Engine]]:
    """Engines that have all their workers, for faults that cost none: starting them would take most of the time."""
    engines = {name: plait.engines.make_engine(name) for name in ENGINES}
    _meet(engines["process"])
    yield engines
    for engine in engines.values():
        engine.close()


@pytest.fixture(autouse=True)
def _all_workers_are_there(request: pytest.FixtureRequest) -> None:
    """Before anything is counted: who gets no core when a map ends is given up, and the next map starts another one."""
    if "warm" in request.fixturenames:
        _meet(request.getfixturevalue("warmed")["process"])


@pytest.fixture
def warm(warmed: dict[str, plait.engines.Engine], nothing_left: None) -> Iterator[dict[str, plait.engines.Engine]]:
    """The engines; new ones for the next test if one has replaced a worker, which would look as if it were left behind."""
    before = set(psutil.Process().children(recursive=True))
    yield warmed
    if set(psutil.Process().children(recursive=True)) - before:
        warmed["process"].close()
        warmed["process"] = plait.engines.make_engine("process")


def _meet(engine: plait.engines.Engine) -> None:
    with tempfile.TemporaryDirectory() as folder:
        list(plait.map(meet, [(folder, 0, 2), (folder, 1, 2)], engine=engine, workers=2))


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("deed", RAISED)
@pytest.mark.parametrize("engine", ENGINES)
def test_an_item_that_raises_fails_alone(
    warm: dict[str, plait.engines.Engine], engine: str, deed: str, speed: str, mark: Executions
) -> None:
    if engine != "process" and deed == "KeyboardInterrupt":
        pytest.skip(
            "in the caller's own process a KeyboardInterrupt is Ctrl-C: it stops the map, see test_around_a_map"
        )
    count, seconds = SPEEDS[speed]
    at = count // 2 + 1
    began = time.monotonic()
    for timed in (False, True):
        mine = Executions(Path(mark.path).parent, f"{timed}")
        stream = plait.map(partial(work, mine, deed, at, seconds), range(count), engine=warm[engine], workers=2)
        error = check_all_but(outcomes_of(stream, timed), count, at)
        assert isinstance(error, RAISED[deed]), error
        assert mine.counts() == dict.fromkeys(range(count), 1)
        assert stream.report.workers_died == 0
    assert time.monotonic() - began < BOUND


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("deed", ["raises", "Odd", "unbuildable"])
def test_a_raised_error_names_its_item(engine: str, deed: str, mark: Executions) -> None:
    with pytest.raises(RAISED[deed]) as caught:
        list(plait.map(partial(work, mark, deed, 31, 0.0), range(64), engine=engine, workers=2))
    outcome = outcome_of(caught.value)
    assert outcome is not None
    assert outcome.index == 31
    assert any("item 31" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_error_out_of_a_map_in_an_item_names_both_items(engine: str) -> None:
    for _ in range(2):
        with pytest.raises(KeyError) as caught:
            list(plait.map(maps_what_fails, [1, 2, 70], engine=engine, workers=2))
        outcome = outcome_of(caught.value)
        assert outcome is not None
        assert (outcome.index, outcome.input) == (2, 70)
        inner, outer = caught.value.__notes__
        assert inner == "plait: item 1, 700, on thread-1"
        assert outer.startswith("plait: item 2, 70, on ")


def test_one_error_that_is_raised_time_and_again_names_each_item() -> None:
    always = KeyError("the same")

    def fail(n: int) -> None:
        raise always

    for n in (1, 2, 2):
        with pytest.raises(KeyError):
            list(plait.map(fail, [n], engine="inline"))
        outcome = outcome_of(always)
        assert outcome is not None
        assert outcome.input == n
    assert always.__notes__ == [f"plait: item 0, {n}, on inline" for n in (1, 2)]


@pytest.mark.parametrize("timed", [False, True], ids=["values", "outcomes"])
@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("deed", DEADLY)
def test_a_worker_that_dies_costs_its_item_only(deed: str, speed: str, timed: bool, mark: Executions) -> None:
    count, seconds = SPEEDS[speed]
    at = count // 2 + 1
    began = time.monotonic()
    stream = plait.map(partial(work, mark, deed, at, seconds), range(count), engine="process", workers=2)
    error = check_all_but(outcomes_of(stream, timed), count, at)
    assert isinstance(error, WorkerDied), error
    assert f"item {at}" in str(error)
    expected = {"os._exit": 5, "os._exit(0)": 0}
    signals = {"SIGKILL": 9, "SIGTERM": 15, "SIGABRT": 6, "segfault": 11}
    assert error.exit_code == expected.get(deed)
    assert error.signal == signals.get(deed)
    assert error.pid > 0
    assert mark.twice() == []
    assert mark.counts() == dict.fromkeys(range(count), 1)
    assert stream.report.workers_died == 1
    assert time.monotonic() - began < BOUND


def test_a_segmentation_fault_shows_where_it_was(mark: Executions) -> None:
    stream = plait.map(partial(work, mark, "segfault", 3, 0.0), range(8), engine="process", workers=1)
    error = check_all_but(outcomes_of(stream, True), 8, 3)
    assert "SIGSEGV" in str(error)
    assert "in segfault" in str(error)


@pytest.mark.parametrize("speed", ["noop", "50us"])
def test_many_deaths_in_one_map(speed: str, mark: Executions) -> None:
    count, seconds = SPEEDS[speed]
    culprits = set(range(7, count, count // 12))
    stream = plait.map(partial(many, mark, culprits, seconds), range(count), engine="process", workers=2)
    outcomes = outcomes_of(stream, False)
    assert sorted(o.index for o in outcomes) == list(range(count))
    assert {o.index for o in outcomes if isinstance(o.error, WorkerDied)} == culprits
    assert all(o.value == o.index for o in outcomes if o.index not in culprits)
    assert mark.counts() == dict.fromkeys(range(count), 1)


# --- never ends


@pytest.mark.parametrize("how", ENDLESS)
def test_an_item_that_never_ends_is_killed_on_time(how: str, mark: Executions) -> None:
    began = time.monotonic()
    stream = plait.map(partial(hang, mark, how, 30), range(400), engine="process", workers=2, timeout=0.3)
    error = check_all_but(outcomes_of(stream, False), 400, 30)
    assert isinstance(error, TaskTimeout), error
    assert "item 30" in str(error)
    assert time.monotonic() - began < 60  # on however busy a machine: it would never end
    assert mark.counts() == dict.fromkeys(range(400), 1)


@pytest.mark.parametrize("engine", ["inline", "thread"])
def test_a_loop_that_never_ends_is_interrupted_on_threads(engine: str, mark: Executions) -> None:
    began = time.monotonic()
    stream = plait.map(partial(hang, mark, "loop", 30), range(60), engine=engine, workers=2, timeout=0.3)
    error = check_all_but(outcomes_of(stream, False), 60, 30)
    assert isinstance(error, TaskTimeout), error
    assert time.monotonic() - began < 5
    assert mark.counts() == dict.fromkeys(range(60), 1)


@pytest.mark.parametrize("how", ENDLESS)
def test_leaving_the_loop_ends_an_item_that_never_ends(how: str, mark: Executions) -> None:
    for value in plait.map(partial(hang, mark, how, 0), range(50), engine="process", workers=2, order="completion"):
        assert value
        began = time.monotonic()
        break
    assert time.monotonic() - began < 2


# --- what does not cross


@pytest.mark.parametrize("speed", ["noop", "5ms"])
@pytest.mark.parametrize("engine", ENGINES)
def test_an_argument_that_cannot_be_pickled(engine: str, speed: str) -> None:
    count, _ = SPEEDS[speed]
    at = count // 2
    items: list[Any] = list(range(count))
    items[at] = Refuses(at)
    stream = plait.map(index_of, items, engine=engine, workers=2)
    outcomes = outcomes_of(stream, False)
    if engine != "process":
        assert [outcome.value for outcome in outcomes] == [3 * index for index in range(count)]
        return
    error = check_all_but(outcomes, count, at)
    assert isinstance(error, NotTransferable)
    assert f"item {at}" in str(error)
    assert "item.lock" in str(error)


@pytest.mark.parametrize("portable", [False, True], ids=["linux", "portable"])
def test_an_argument_that_kills_while_it_is_unpickled_fails_once(portable: bool, mark: Executions) -> None:
    """Also when others are idle, so that its worker was asked to give its items back."""
    engine = plait.engines.ProcessEngine(portable=portable)
    with contextlib.closing(engine), plait.Pool(engine, workers=2) as pool:
        futures = [pool.submit(index_of, KillsSlowly(mark, index)) for index in range(3)]
        for future in futures:
            assert isinstance(future.exception(BOUND), WorkerDied)
    assert mark.counts() == dict.fromkeys(range(3), 1)


def test_arguments_that_kill_among_others(mark: Executions) -> None:
    """A batch of several is read by more than one worker until the culprit is alone, and it is the only one to fail."""
    items: list[Any] = list(range(60))
    items[31] = KillsSlowly(mark, 31)
    error = check_all_but(outcomes_of(plait.map(index_of, items, engine="process", workers=2), False), 60, 31)
    assert isinstance(error, WorkerDied)


@pytest.mark.parametrize("count", [24, 4000])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_result_that_cannot_be_pickled(engine: str, count: int, mark: Executions) -> None:
    at = count // 2
    outcomes = outcomes_of(plait.map(partial(odd_result, mark, at), range(count), engine=engine, workers=2), False)
    assert mark.counts() == dict.fromkeys(range(count), 1)
    if engine != "process":
        assert [o.value for o in outcomes if o.index != at] == [3 * index for index in range(count) if index != at]
        return
    error = check_all_but(outcomes, count, at)
    assert isinstance(error, NotTransferable)
    assert "lock" in str(error)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_result_of_100_megabytes(engine: str) -> None:
    outcomes = outcomes_of(plait.map(big_result, range(12), engine=engine, workers=2), False)
    assert [o.value for o in outcomes if o.index != 5] == [3 * index for index in range(12) if index != 5]
    big = next(o.value for o in outcomes if o.index == 5)
    assert len(big) == 100_000_000
    assert big[0] == big[-1] == 5


def test_large_results_before_a_death_are_kept(mark: Executions) -> None:
    outcomes = outcomes_of(plait.map(partial(big_then_dies, mark), range(12), engine="process", workers=1), False)
    assert [o.index for o in outcomes if o.error] == [6]
    assert all(len(o.value) == 300_000 for o in outcomes if o.index % 2)
    assert mark.counts() == dict.fromkeys(range(12), 1)


# --- at the start of a worker

DIES_AT_ITS_IMPORT = """
import os
if os.getpid() != {parent}:
    with open({log!r}, "ab", buffering=0) as log:
        log.write(b".")
    if os.path.getsize({log!r}) <= {times}:
        os.kill(os.getpid(), {number})

def triple(x):
    return 3 * x
"""


def dying_at_its_import(path: pytest.MonkeyPatch, folder: Path, times: int, number: int) -> Any:
    """A function whose module ends the first so many workers that import it, by a signal."""
    name = f"dies_at_its_import_{folder.name}"
    source = DIES_AT_ITS_IMPORT.format(parent=os.getpid(), log=str(folder / "log"), times=times, number=number)
    (folder / f"{name}.py").write_text(source)
    path.syspath_prepend(str(folder))
    return importlib.import_module(name).triple


def test_workers_that_somebody_kills_before_they_begin_are_replaced_again_and_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    triple = dying_at_its_import(monkeypatch, tmp_path, 20, signal.SIGKILL)
    assert list(plait.map(triple, range(100), engine="process", workers=3)) == [3 * x for x in range(100)]


def test_workers_that_end_at_their_start_end_the_map_and_say_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    triple = dying_at_its_import(monkeypatch, tmp_path, 1000, signal.SIGABRT)
    with pytest.raises(PlaitError, match=r"(?s)died before they could run an item: SIGABRT.*importing the function"):
        list(plait.map(triple, range(100), engine="process", workers=3))
    assert (tmp_path / "log").stat().st_size <= 18


# --- the other end


def broken_input(count: int, error: BaseException) -> Iterator[int]:
    yield from range(count)
    raise error


@pytest.mark.parametrize("count", [0, 1, 37, 5000])
@pytest.mark.parametrize("kind", [ValueError, Odd, SystemExit, StopAsyncIteration])
@pytest.mark.parametrize("engine", ENGINES)
def test_an_error_in_the_input_iterator(
    warm: dict[str, plait.engines.Engine], engine: str, kind: type[BaseException], count: int, mark: Executions
) -> None:
    stream = plait.map(
        partial(work, mark, "raises", -1, 0.0), broken_input(count, kind("input")), engine=warm[engine], workers=2
    )
    seen: list[int] = []
    with pytest.raises(kind, match="input") as caught:
        for value in stream:
            seen.append(value)
    assert seen == [index * 3 for index in range(count)]
    assert mark.counts() == dict.fromkeys(range(count), 1)
    assert "input iterator" in caught.value.__notes__[0]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("speed", SPEEDS)
def test_a_consumer_that_stops_early(engine: str, speed: str, mark: Executions) -> None:
    count, seconds = SPEEDS[speed]
    seen = []
    for value in plait.map(partial(work, mark, "raises", -1, seconds), range(count), engine=engine, workers=2):
        seen.append(value)
        if len(seen) == 10:
            began = time.monotonic()
            break
    assert time.monotonic() - began < 2
    assert seen == [index * 3 for index in range(10)]
    assert mark.twice() == []


def test_an_item_that_outgrows_the_memory_limit() -> None:
    engine = plait.engines.ProcessEngine(memory_bytes=150 << 20)
    try:
        error = check_all_but(outcomes_of(plait.map(eat, range(10), engine=engine, workers=2), False), 10, 3)
    finally:
        engine.close()
    assert isinstance(error, MemoryExceeded)
    assert "item 3" in str(error)


# --- a worker that closes every descriptor it has


@pytest.mark.skipif(sys.platform != "linux", reason="on other systems workers are killed by their number")
@pytest.mark.parametrize("left", [False, True])
def test_a_worker_that_cuts_its_link_does_not_live_on(left: bool, tmp_path: Path) -> None:
    said = tmp_path / "pid"
    with plait.map(closes_all, [str(said)], engine="process", workers=1) as stream:
        if left:
            stopper = threading.Thread(target=cancel_when_there, args=(said, stream))
            stopper.start()
            outcomes = list(stream.outcomes())
            stopper.join()
            assert [type(outcome.error) for outcome in outcomes] in ([Cancelled], [WorkerDied])
        else:
            (outcome,) = stream.outcomes()
            assert isinstance(outcome.error, WorkerDied)
            assert "os.closerange()" in str(outcome.error)
    pid, deadline = int(said.read_text()), time.monotonic() + BOUND
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.01)  # nobody tells when the system has removed it
    assert not psutil.pid_exists(pid)


def cancel_when_there(path: Path, stream: plait.Stream[Any]) -> None:
    while not (path.exists() and path.read_text().endswith("\n")):
        time.sleep(0.001)
    stream.cancel()
