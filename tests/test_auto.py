"""engine="auto": the rule as a table, what counts as shared memory, and the hand-over from threads to processes."""

from __future__ import annotations

import functools
import itertools
import math
import os
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

import plait
from plait._engines.choosing import auto_pilot, needs
from plait._engines.choosing.choice import Choice, Measured, choose
from plait._engines.choosing.measuring_gil import Canary
from plait._engines.choosing.seen import Seen
from plait._engines.choosing.warming import Warming
from plait._engines.reading.immutable import is_immutable
from plait._engines.reading.sharing import obstacle

T = TypeVar("T")
RESULTS: list[int] = []
LIMIT = 10
TABLE = (1, 2, 3)
counter = 0


@pytest.mark.parametrize(
    ("measured", "engine", "why"),
    [
        (Measured(calls=4, elapsed=0.2, busy=0.004, gil=0.0, left=100, cores=2), "thread", "98 % of the time it waits"),
        (Measured(calls=4, elapsed=0.2, busy=0.19, gil=0.9, left=100, cores=2), "process", "90 % of 50 ms per item"),
        (Measured(calls=4, elapsed=0.2, busy=0.19, gil=0.9, left=None, cores=2), "process", "holds the GIL"),
        (Measured(calls=4, elapsed=0.2, busy=0.19, gil=0.9, left=1, cores=2), "thread", "about 48 ms"),
        (Measured(calls=4, elapsed=0.2, busy=0.19, gil=0.9, left=100, cores=1), "thread", "only one core"),
        (Measured(calls=4, elapsed=0.2, busy=0.38, gil=0.1, left=100, cores=2), "thread", "lets the GIL go"),
        (Measured(calls=256, elapsed=256e-6, busy=256e-6, gil=0.9, left=10**6, cores=2), "thread", "1 µs per item"),
        (Measured(calls=4, elapsed=0.2, busy=0.19, gil=0.9, left=100, cores=2, free_threaded=True), "thread", "no GIL"),
        (Measured(4, 0.2, 0.2, 0.3, 100, 2, race=1.9), "thread", "two of them do 1.9 times the work of one"),
        (Measured(4, 0.2, 0.2, 0.3, 100, 2, race=1.2), "process", "two threads do only 1.2 times the work of one"),
        (Measured(4, 0.2, 0.2, 0.6, 100, 2, race=1.2), "process", "holds the GIL 60 %"),
        (Measured(4, 0.2, 0.2, 0.8, 100, 2, race=1.7), "process", "holds the GIL 80 %"),  # who holds it is not faster
        (Measured(4, 0.2, 0.2, 0.9, 100, 2, race=1.9), "process", "holds the GIL 90 %"),  # the race was disturbed
        (Measured(4, 0.2, 0.2, 0.3, 10**4, 16, race=1.6), "process", "two threads do only 1.6"),
        (Measured(4, 0.2, 0.2, 0.02, 10**4, 16, race=1.9), "thread", "1.9 times"),
        (Measured(4, 0.2, 0.08, 0.9, 100, 2), "process", "90 %"),  # others held it meanwhile, so that it seems to wait
        (Measured(40, 0.36, 0.1, 0.28, 400, 2), "thread", "72 % of the time it waits"),  # two processes wait as well
        (Measured(40, 0.36, 0.1, 0.28, 400, 2, processes=8), "process", "8 do 2.0 times the work of threads"),
        (Measured(40, 0.36, 0.1, 0.28, 4000, 16), "process", "28 % of 9 ms per item, so that 16 do 4.5 times"),
        (Measured(40, 0.36, 0.1, 0.01, 4000, 16), "thread", "72 % of the time it waits"),  # computes without the GIL
        (Measured(40, 0.36, 0.01, 0.01, 400, 2, threads=1, processes=1), "thread", "97 % of the time it waits"),
        (Measured(0, 0.021, 0.001, 0.01, 400, 2), "thread", "95 % of the first 21 ms it waited"),
        (Measured(4, 0.2, 0.2, 0.9, 100, 2, transfer=0.03, transfer_bytes=8 << 20), "thread", "to move 8 MiB per item"),
        (Measured(4, 0.2, 0.2, 0.9, 100, 2, transfer=0.01, transfer_bytes=8 << 20), "process", "90 %"),
        (Measured(4, 0.2, 0.2, 0.9, None, 2), "process", "90 %"),
        (Measured(4, 0.04, 0.04, 0.9, None, 2), "thread", "does not pay"),  # an endless input, as far as one knows yet
        (
            Measured(4, 14e-6, 14e-6, 0.9, 200_000, 2, start=0.2),
            "thread",
            "700 ms, does not pay",
        ),  # handling costs, too
        (Measured(4, 14e-6, 14e-6, 0.9, 200_000, 8, start=0.2), "process", "90 % of 4 µs"),
        (Measured(4, 0.02, 0.02, 0.9, 60, 2, start=0.12), "process", "90 % of 5 ms"),
        (Measured(4, 0.02, 0.02, 0.9, 60, 2, transfer=0.0019, start=0.12), "thread", "300 ms, does not pay"),
        (Measured(calls=0, elapsed=0.0, busy=0.0, gil=0.0, left=0, cores=2), "thread", ""),
    ],
)
def test_the_rule(measured: Measured, engine: str, why: str) -> None:
    choice = choose(measured)
    assert choice.engine == engine
    assert why in choice.reason


def reads_a_constant(x: int) -> int:
    return x + LIMIT + TABLE[0]


def calls_the_library(x: float) -> float:
    return math.sqrt(x) + len(str(x))


def appends(x: int) -> None:
    RESULTS.append(x)


def only_reads(x: int) -> int:
    return len(RESULTS) + x


def counts(x: int) -> int:
    global counter
    counter += x
    return counter


def calls_what_counts(x: int) -> int:
    return counts(x)


def in_an_inner_function(x: int) -> list[int]:
    return [counts(y) for y in range(x)]


def sets_an_attribute(x: int) -> int:
    threading.plait_was_here = x  # type: ignore[attr-defined]
    return x


def with_a_default(x: int, seen: list[int] = []) -> int:
    seen.append(x)
    return len(seen)


@functools.lru_cache
def cached(x: int) -> int:
    return x


@functools.cache
def cached_for_ever(*x: int) -> int:
    return x[0]


def calls_what_is_cached(x: int) -> int:
    return cached(x)


@functools.cache
def made_once() -> int:
    return 3


def calls_what_is_made_once(x: int) -> int:
    return made_once() + x


@dataclass(frozen=True)
class Frozen:
    factor: int = 2


FROZEN = Frozen()


def uses_a_frozen_object(x: int) -> int:
    return x * FROZEN.factor


class Accumulator:
    def __init__(self) -> None:
        self.total = 0

    def add(self, x: int) -> int:
        self.total += x
        return self.total


def closure_that_counts() -> Callable[[int], int]:
    total = 0

    def add(x: int) -> int:
        nonlocal total
        total += x
        return total

    return add


def closure_over_a_number() -> Callable[[int], int]:
    factor = 3
    return lambda x: x * factor


@pytest.mark.parametrize(
    "function",
    [
        reads_a_constant,
        calls_the_library,
        calls_what_is_made_once,
        uses_a_frozen_object,
        closure_over_a_number(),
        functools.partial(pow, 2),
        math.sqrt,
        len,
        str,
        str.upper,
        os.path.basename,
    ],
)
def test_what_may_move(function: object) -> None:
    assert obstacle(function) == ""


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (appends, '"RESULTS" is shared'),
        (only_reads, '"RESULTS" is shared'),
        (counts, "assigns to the global name 'counter'"),
        (calls_what_counts, "assigns to the global name 'counter'"),
        (in_an_inner_function, "assigns to the global name 'counter'"),
        (sets_an_attribute, "assigns to an attribute of 'threading'"),
        (with_a_default, "a default argument"),
        (cached, '"cached" keeps its results in a cache of this process'),
        (cached_for_ever, '"cached_for_ever" keeps its results'),
        (calls_what_is_cached, '"cached" keeps its results'),
        (functools.partial(cached, 1), '"cached" keeps its results'),
        (closure_that_counts(), "assigns to the captured name 'total'"),
        (Accumulator().add, "has state"),
        (RESULTS.append, "belongs to a list"),
        (functools.partial(max, [1]), "an argument bound to it"),
    ],
)
def test_what_must_stay(function: object, why: str) -> None:
    assert why in obstacle(function)


def test_immutable_values() -> None:
    assert all(is_immutable(value) for value in (1, "a", b"a", None, 1.5, (1, ("a",)), range(3), math, Frozen))
    assert not any(is_immutable(value) for value in ([], {}, set(), (1, []), bytearray(), threading.Lock()))


def double(x: int) -> int:
    time.sleep(0.0005)  # so that there is something left when the first results are looked at
    return 2 * x


def fail_at_seven(x: int) -> int:
    time.sleep(0.0005)
    if x == 7:
        raise ValueError(x)
    return x


def change(item: list[int]) -> int:
    time.sleep(0.002)
    item.append(1)
    return len(item)


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every function is judged to hold the GIL, after its first call, and no item runs while processes get ready."""
    monkeypatch.setattr(auto_pilot, "choose", lambda _: Choice("process", "processes: for the test"))
    monkeypatch.setattr(auto_pilot, "_CHANCES", 0)
    monkeypatch.setattr(auto_pilot, "BRIEF", 0.0)
    monkeypatch.setattr(Seen, "enough", True)

    def over(warming: Warming) -> bool:
        warming._thread.join()
        return True

    monkeypatch.setattr(Warming, "over", property(over))


@pytest.mark.usefixtures("moves")
@pytest.mark.parametrize("source", [range(2_000), list(range(2_000))])
def test_the_rest_moves_and_nothing_is_lost(source: object) -> None:
    stream = plait.map(double, source, engine="auto", workers=2)  # type: ignore[call-overload]
    assert list(stream) == [2 * x for x in range(2_000)]
    assert stream.report.engine == "process"
    assert "processes: for the test" in stream.report.why


@pytest.mark.usefixtures("moves")
def test_an_endless_input_moves() -> None:
    with plait.map(double, itertools.count(), engine="auto", workers=2) as stream:
        assert list(itertools.islice(stream, 2_000)) == [2 * x for x in range(2_000)]


@pytest.mark.usefixtures("moves")
def test_failures_and_order_survive_the_move() -> None:
    outcomes = list(plait.map(fail_at_seven, range(300), engine="auto", workers=2).outcomes())
    assert [outcome.index for outcome in outcomes] == list(range(300))
    assert [outcome.index for outcome in outcomes if not outcome.ok] == [7]


@plait.per_worker
def noted(file: str) -> Iterator[int]:
    """An instance that leaves a trace."""
    with open(file, "a") as opened:
        print("up", os.getpid(), file=opened)
    yield os.getpid()
    with open(file, "a") as opened:
        print("down", os.getpid(), file=opened)


@pytest.mark.usefixtures("moves")
def test_what_workers_hold_is_torn_down_before_and_after_the_move(tmp_path: Path) -> None:
    file = str(tmp_path / "events")
    pids = set()
    for pid in plait.map(lambda file: noted(file), itertools.repeat(file), engine="auto", workers=2):
        pids.add(pid)
        if len(pids) > 1:
            break
    assert os.getpid() in pids
    events = Path(file).read_text().splitlines()
    for pid in pids:
        assert events.count(f"up {pid}") == events.count(f"down {pid}") > 0


@pytest.mark.usefixtures("moves")
def test_a_function_that_changes_its_argument_stays() -> None:
    items: list[list[int]] = [[] for _ in range(50)]
    stream = plait.map(change, items, engine="auto", workers=2)
    assert list(stream) == [1] * 50
    assert items == [[1]] * 50
    assert stream.report.engine == "thread"
    assert any("changes its argument" in reason for reason in stream.report.why)


@pytest.mark.usefixtures("moves")
def test_shared_state_stays_right() -> None:
    accumulator = Accumulator()
    stream = plait.map(accumulator.add, [1] * 500, engine="auto", order="completion")
    assert len(list(stream)) == 500
    assert stream.report.engine == "thread"
    assert accumulator.total > 0


@pytest.mark.usefixtures("moves")
def test_arguments_and_results_that_cannot_cross_stay() -> None:
    stream = plait.map(lambda lock: lock.locked(), [threading.Lock() for _ in range(50)], engine="auto")
    assert list(stream) == [False] * 50
    assert stream.report.engine == "thread"
    stream2 = plait.map(lambda _: threading.Lock(), [[] for _ in range(50)], engine="auto")
    assert len(list(stream2)) == 50
    assert stream2.report.engine == "thread"


def test_tiny_items_are_not_moved_and_those_that_turn_slow_get_threads() -> None:
    turned = threading.Event()

    def tiny(x: int) -> int:
        if x >= 300_000:
            turned.wait(0.02)  # nobody sets it
        return x

    stream = plait.map(tiny, range(300_100))
    assert list(stream) == list(range(300_100))
    assert any("moving items would cost more" in reason for reason in stream.report.why)
    assert stream.report.peak_workers > 4


def test_a_thread_that_rests_goes_on_when_items_begin_to_wait_for_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto_pilot, "choose", lambda _: Choice("thread", "threads: for the test", alone=True))
    monkeypatch.setattr(auto_pilot, "_CHANCES", 0)
    monkeypatch.setattr(auto_pilot, "wants_race", lambda measured: measured.race is None)
    monkeypatch.setattr(auto_pilot, "_SOON_HEARD", float("inf"))
    met = threading.Event()

    def meet(x: int) -> int:
        if x == 800:
            assert met.wait(20)
        elif x == 801:
            met.set()
        else:
            compute(3000)
        return x

    assert list(plait.map(meet, range(900))) == list(range(900))


@pytest.mark.parametrize(
    ("measured", "alone"),
    [
        (Measured(calls=4, elapsed=0.2, busy=0.19, gil=0.9, left=1, cores=2), True),  # does not pay for processes
        (Measured(calls=4, elapsed=0.2, busy=0.19, gil=0.7, left=1, cores=2), False),  # it may let the GIL go
        (Measured(4, 0.2, 0.2, 0.3, 1, 2, race=1.1), True),
        (Measured(4, 0.2, 0.2, 0.3, 1, 2, race=1.4), False),
        (Measured(calls=4, elapsed=0.2, busy=0.19, gil=0.9, left=100, cores=1), True),
        (Measured(calls=256, elapsed=256e-6, busy=256e-6, gil=0.9, left=10**6, cores=2), True),
        (Measured(4, 0.2, 0.2, 0.9, 100, 2, transfer=0.03, transfer_bytes=8 << 20), True),
        (Measured(calls=4, elapsed=0.2, busy=0.004, gil=0.1, left=100, cores=2), False),  # it waits
        (Measured(calls=4, elapsed=0.2, busy=0.38, gil=0.1, left=100, cores=2), False),
        (Measured(calls=4, elapsed=0.2, busy=0.19, gil=0.9, left=100, cores=2, free_threaded=True), False),
    ],
)
def test_when_one_thread_does_as_much_as_more(measured: Measured, alone: bool) -> None:
    assert choose(measured).engine == "thread"
    assert choose(measured).alone is alone


def test_one_call_that_was_held_up_does_not_make_tiny_items_long() -> None:
    def run() -> plait.Report:
        calls = itertools.count()

        def held_up_once(x: int) -> int:
            if next(calls) == 100:
                threading.Event().wait(0.005)  # as when others have the core or the GIL; nobody sets it
            return x

        stream = plait.map(held_up_once, range(100_000))
        assert list(stream) == list(range(100_000))
        return stream.report

    assert any("moving items would cost more" in reason for report in tries(run) for reason in report.why)


def test_items_that_hold_the_gil_move_and_say_how_long_they_held_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "start_seconds", lambda _: 0.01)  # a test run has imported very much

    counts = iter([400, 800, 1600, 3200, 6400])  # on a busy machine processes are ready late

    def run() -> plait.Report:
        count = next(counts)
        stream = plait.map(compute, [30_000] * count, workers=2)
        assert list(stream) == [compute(30_000)] * count
        return stream.report

    def says(report: plait.Report) -> bool:
        found = [re.match(r"processes: it holds the GIL (\d+) % of .* per item", reason) for reason in report.why]
        return report.engine == "process" and [int(each[1]) >= 50 for each in found if each] == [True]

    seen: list[list[str]] = []
    assert any(says(report) or seen.append(report.why) for report in tries(run)), seen


def test_items_that_wait_get_many_threads_at_once() -> None:
    def run() -> plait.Report:
        stream = plait.map(lambda _: time.sleep(0.01), range(200))
        list(stream)
        return stream.report

    def says(report: plait.Report) -> bool:
        waits = any("it wait" in reason for reason in report.why)  # all the time, or until it was decided
        return waits and report.engine == "thread" and report.peak_workers > 8

    assert any(says(report) for report in tries(run))


def test_items_that_wait_more_than_they_compute_are_measured_before_they_wait_for_one_another() -> None:
    def mixed(_: int) -> None:
        time.sleep(0.004)
        began = time.thread_time()
        while time.thread_time() - began < 0.002:
            pass

    def run() -> plait.Report:
        stream = plait.map(mixed, range(100))
        list(stream)
        return stream.report

    says = [re.match(r"threads: (\d+) % of the time it waits", report.why[0]) for report in tries(run)]
    shares = [int(found[1]) for found in says if found]
    assert shares  # a busy machine hinders some of them
    assert all(50 < share < 95 for share in shares)


def counts_up(n: int) -> Iterator[int]:
    compute(10_000)
    yield from range(n)


async def counts_up_later(n: int) -> AsyncIterator[int]:
    for x in range(n):
        yield x


def lets_it_be_mapped(n: int) -> Iterator[int]:
    compute(2_000)  # so that this alone takes a while
    return map(compute, range(n))


@pytest.mark.parametrize("items", [3, 3_000])
@pytest.mark.parametrize(
    ("function", "what"),
    [(counts_up, "a generator"), (counts_up_later, "an asynchronous"), (lets_it_be_mapped, "a map object")],
)
def test_what_has_yet_to_run_stays_and_is_not_called_tiny(
    function: Callable[[int], object], what: str, items: int
) -> None:
    stream = plait.map(function, [2] * items)
    assert len(list(stream)) == items
    assert stream.report.engine in ("thread", "inline")
    assert stream.report.why[0].startswith(("threads:", "inline:"))
    assert f": a call only makes {what}" in stream.report.why[0]


def test_what_returns_its_argument_itself_stays() -> None:
    items = [[x] for x in range(1000)]

    def same(item: list[int]) -> list[int]:
        compute(3000)
        return item

    stream = plait.map(same, items, workers=2)
    assert all(found is item for found, item in zip(stream, items, strict=True))
    assert stream.report.engine in ("thread", "inline")


@pytest.mark.usefixtures("nothing_left")
def test_measuring_leaves_nothing_behind() -> None:
    for _ in range(3):
        with plait.map(compute, itertools.repeat(30_000), workers=2) as stream:
            assert len(list(itertools.islice(stream, 20))) == 20


def test_the_canary_knows_who_holds_the_gil() -> None:
    def heard(work: Callable[[], object]) -> float:
        canary = Canary()
        work()
        waiting = canary.waiting
        canary.join()
        return waiting

    assert any(1 >= held > 0.6 for held in tries(lambda: heard(lambda: compute(1_000_000))))
    assert any(0.4 > released >= 0 for released in tries(lambda: heard(lambda: time.sleep(0.05))))


def tries(measure: Callable[[], T]) -> Iterator[T]:
    """What it gives, five times: a machine that is busy with other things may blur a measurement, hardly all of them."""
    return (measure() for _ in range(5))


def compute(n: int) -> int:
    total = 0
    for x in range(n):
        total += x * x
    return total


def test_one_worker_or_one_item_is_inline() -> None:
    for stream in (plait.map(double, [1], engine="auto"), plait.map(double, [1, 2], engine="auto", workers=1)):
        caller = threading.get_ident()
        assert list(plait.map(lambda _: threading.get_ident(), [0], engine="auto")) == [caller]
        list(stream)
        assert stream.report.engine == "inline"


def test_an_empty_input() -> None:
    assert list(plait.map(double, [], engine="auto")) == []
