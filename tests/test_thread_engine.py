"""What the thread engine promises when nothing goes wrong."""

from __future__ import annotations

import contextlib
import contextvars
import gc
import io
import itertools
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import plait
from plait._core.feed import Feed
from plait._core.job import Job
from plait._engines.crew import Crew
from plait._engines.growth import Growth, Look
from plait._engines.halting import Seat
from plait._engines.stealing import DequePortion, Portion, TruncatedPortion
from plait._engines.thread import ThreadEngine

PORTIONS = [DequePortion] if not getattr(sys, "_is_gil_enabled", lambda: True)() else [TruncatedPortion, DequePortion]
LONG = 30.0  # seconds after which a test that waits has failed


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("plait-")]


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    before, streams = threads(), (sys.stdout, sys.stderr)
    yield
    assert threads() == before
    assert (sys.stdout, sys.stderr) == streams


@pytest.fixture(params=PORTIONS)
def engine(request: pytest.FixtureRequest) -> ThreadEngine:
    made = ThreadEngine()
    portion: type[Portion] = request.param
    made.portion = portion
    return made


def double(x: int) -> int:
    return 2 * x


@pytest.mark.parametrize("count", [0, 1, 2, 7, 1000, 100_000])
@pytest.mark.parametrize("kind", [range, lambda n: list(range(n)), lambda n: tuple(range(n)), lambda n: iter(range(n))])
@pytest.mark.parametrize("order", ["input", "completion"])
def test_every_item_once(engine: ThreadEngine, count: int, kind: Callable[[int], object], order: str) -> None:
    found = list(plait.map(double, kind(count), engine=engine, order=order))  # type: ignore[arg-type]
    assert (found if order == "input" else sorted(found)) == [2 * x for x in range(count)]


def test_items_behind_and_before_a_blocked_one_go_on(engine: ThreadEngine) -> None:
    go = threading.Event()

    def run(x: int) -> int:
        if x in (5, 700):
            assert go.wait(LONG)
        return x

    stream = plait.map(run, range(3000), engine=engine, workers=3, order="completion")
    first = list(itertools.islice(stream, 2998))
    assert sorted(first) == [x for x in range(3000) if x not in (5, 700)]
    go.set()
    assert sorted(stream) == [5, 700]


def test_items_before_a_blocked_one_are_delivered_in_order(engine: ThreadEngine) -> None:
    go = threading.Event()

    def run(x: int) -> int:
        if x == 50:
            assert go.wait(LONG)
        return x

    stream = iter(plait.map(run, range(200), engine=engine, workers=1))
    assert list(itertools.islice(stream, 50)) == list(range(50))
    go.set()
    assert list(stream) == list(range(50, 200))


def test_a_computation_without_end_does_not_hold_the_others(engine: ThreadEngine) -> None:
    stop = threading.Event()

    def run(x: int) -> int:
        while x == 3 and not stop.is_set():
            pass
        return x

    stream = plait.map(run, range(100), engine=engine, workers=2, order="completion")
    assert sorted(itertools.islice(stream, 99)) == [x for x in range(100) if x != 3]
    stop.set()
    assert list(stream) == [3]


@pytest.mark.parametrize("portion", PORTIONS)
@pytest.mark.parametrize("begun", [0, 1, 3, 4])
def test_the_rest_of_a_batch_is_run_once_however_far_its_owner_is(portion: type[Portion], begun: int) -> None:
    job = Job(double, Feed([1, 2, 3, 4]), workers=2, timeout=None, context=contextvars.copy_context())
    crew = Crew(job, portion)
    job.feed.window = 4
    job.feed.take(0)
    seat, batch = Seat("thread-1"), job.feed.take(4)
    assert batch is not None
    seat.batch, seat.portion = batch, portion(batch.items)
    for _ in range(begun):
        batch.values.append(double(next(seat.portion.iterator)))  # type: ignore[arg-type]  # the items are numbers
    with crew.lock:
        freed = crew.take_rest(seat)
        assert crew.take_rest(seat) == 0
    for item in seat.portion.iterator:
        batch.values.append(double(item))  # type: ignore[arg-type]
    for item in batch.items[len(batch.values) :]:
        batch.values.append(double(item))  # type: ignore[arg-type]  # what the owner keeps and had not begun
    crew.finish(seat, batch)
    found = {part.base + k: value for part in crew.finished for k, value in enumerate(part.values)}
    assert all(part.items for part in crew.finished)
    while (rest := job.feed.take(4)) is not None:
        found |= {rest.base + k: double(item) for k, item in enumerate(rest.items)}  # type: ignore[arg-type]
    assert found == {0: 2, 1: 4, 2: 6, 3: 8}
    assert freed in (4 - begun, 3 - begun, 0)


@pytest.mark.parametrize("workers", [1, 2, 5, 40])
def test_as_many_at_the_same_time_as_asked_for_and_no_more(engine: ThreadEngine, workers: int) -> None:
    together = threading.Barrier(workers)
    lock = threading.Lock()
    now, most = 0, 0

    def run(x: int) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait(LONG)
        with lock:
            now -= 1
        return x

    stream = plait.map(run, range(4 * workers), engine=engine, workers=workers)
    assert list(stream) == list(range(4 * workers))
    assert most == workers
    assert stream.report.peak_workers == workers


def test_computing_stays_on_few_threads(engine: ThreadEngine) -> None:
    def run(x: int) -> int:
        return sum(range(200)) + x

    stream = plait.map(run, range(20_000), engine=engine)
    assert len(list(stream)) == 20_000
    assert stream.report.peak_workers <= 32


def test_an_endless_input_is_pulled_only_as_far_as_needed(engine: ThreadEngine) -> None:
    pulled = itertools.count()
    puller = set()

    def source() -> Iterator[int]:
        for x in pulled:
            puller.add(threading.get_ident())
            yield x

    stream = iter(plait.map(double, source(), engine=engine, workers=4))
    assert [next(stream) for _ in range(1000)] == [2 * x for x in range(1000)]
    del stream
    assert next(pulled) < 200_000
    assert puller == {threading.get_ident()}


def test_workers_stay_within_the_window(engine: ThreadEngine) -> None:
    started = 0
    go = threading.Event()

    def run(x: int) -> int:
        nonlocal started
        started += 1
        if x == 0:
            assert go.wait(LONG)
        else:
            time.sleep(0.0001)
        return x

    consumer = iter(plait.map(run, range(1_000_000), engine=engine, workers=2))
    release = threading.Timer(0.3, go.set)
    release.start()
    assert next(consumer) == 0
    assert started < 20_000
    del consumer
    release.join()


def test_ten_threads_map_at_once_on_one_engine(engine: ThreadEngine) -> None:
    found: dict[int, list[int]] = {}
    start = threading.Barrier(10)

    def use(number: int) -> None:
        start.wait(LONG)
        found[number] = list(plait.map(lambda x: x + number, range(5000), engine=engine))

    users = [threading.Thread(target=use, args=(number,)) for number in range(10)]
    for user in users:
        user.start()
    for user in users:
        user.join(LONG)
    assert found == {number: list(range(number, 5000 + number)) for number in range(10)}


def test_a_map_inside_a_map_inside_a_map(engine: ThreadEngine) -> None:
    def inner(x: int) -> int:
        return sum(plait.map(double, range(x), engine=engine, workers=2))

    def outer(x: int) -> int:
        return sum(plait.map(inner, range(x), engine=engine, workers=2))

    expected = [sum(sum(2 * z for z in range(y)) for y in range(x)) for x in range(12)]
    assert list(plait.map(outer, range(12), engine=engine, workers=2)) == expected


def test_a_nested_map_gets_a_share_of_the_threads() -> None:
    together = threading.Barrier(8)

    def run(_: int) -> tuple[int, str]:
        together.wait(LONG)
        plan = ThreadEngine().plan(None, None)
        together.wait(LONG)
        return plan.workers, plan.reason

    for workers, reason in plait.map(run, range(8), engine="thread", workers=8):
        assert workers == 8
        assert "8 tasks of the map around this one" in reason
    assert ThreadEngine().plan(None, None).workers == 64


@pytest.mark.parametrize(
    ("requested", "items", "workers"),
    [(None, None, 64), (None, 3, 3), (5, None, 5), (5, 3, 3), (5, 0, 1), (200, 1000, 200)],
)
def test_plan(requested: int | None, items: int | None, workers: int) -> None:
    plan = ThreadEngine().plan(requested, items)
    assert plan.workers == workers
    assert plan.reason


def test_current_knows_its_item(engine: ThreadEngine) -> None:
    def run(x: int) -> tuple[int, int, int, str, float | None, bool, str]:
        task = plait.current()
        name = threading.current_thread().name
        return x, task.index, task.attempt, task.worker, task.deadline, task.cancelled, name

    for x, index, attempt, worker, deadline, cancelled, name in plait.map(run, range(500), engine=engine):
        assert index == x
        assert (attempt, deadline, cancelled) == (1, None, False)
        assert name == f"plait-{worker}"
    with pytest.raises(LookupError, match="outside of a task"):
        plait.current()


def test_current_knows_its_deadline(engine: ThreadEngine) -> None:
    def run(_: int) -> float:
        deadline = plait.current().deadline
        assert deadline is not None
        return deadline - time.perf_counter()

    assert all(8.0 < left <= 9.0 for left in plait.map(run, range(10), engine=engine, timeout=9.0))


def test_each_thread_has_a_copy_of_the_callers_context(engine: ThreadEngine) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("caller")
    together = threading.Barrier(3)

    def run(x: int) -> tuple[str, str]:
        before = variable.get()
        together.wait(LONG)
        variable.set(f"item {x}")
        together.wait(LONG)
        return before, variable.get()

    found = list(plait.map(run, range(3), engine=engine, workers=3))
    assert found == [("caller", f"item {x}") for x in range(3)]
    assert variable.get() == "caller"


def test_outcomes_say_who_and_when(engine: ThreadEngine) -> None:
    before = time.time()
    found = list(plait.map(double, range(2000), engine=engine).outcomes())
    after = time.time()
    assert [outcome.value for outcome in found] == [2 * x for x in range(2000)]
    assert {outcome.worker.partition("-")[0] for outcome in found} == {"thread"}
    assert all(before - 0.1 <= outcome.started <= outcome.ended <= after + 0.1 for outcome in found)
    assert [outcome.index for outcome in found] == list(range(2000))


def test_retries_run_when_they_are_due(engine: ThreadEngine) -> None:
    tries: dict[int, int] = {}

    def run(x: int) -> int:
        tries[x] = tries.get(x, 0) + 1
        if x % 10 == 0 and tries[x] < 3:
            raise OSError(x)
        return x

    stream = plait.map(run, range(100), engine=engine, retry=plait.Retry(3, backoff=0.01))
    assert list(stream) == list(range(100))
    assert stream.report.retries == 20
    assert set(tries.values()) == {1, 3}


def test_an_error_of_the_input_ends_it_after_what_was_pulled(engine: ThreadEngine) -> None:
    def source() -> Iterator[int]:
        yield from range(100)
        raise OSError("the disk is gone")

    found: list[int] = []
    with pytest.raises(OSError, match="the disk is gone"):
        found.extend(plait.map(double, source(), engine=engine))
    assert found == [2 * x for x in range(100)]


def test_nothing_is_left_to_the_garbage_collector(engine: ThreadEngine) -> None:
    class Heavy:
        """Can be referred to weakly."""

    def use(order: str) -> list[weakref.ref[Any]]:
        items = [Heavy() for _ in range(100)]

        def function(item: Heavy) -> Heavy:
            return item

        used: list[weakref.ref[Any]] = [weakref.ref(function), weakref.ref(items[0]), weakref.ref(items[-1])]
        assert len(list(plait.map(function, items, engine=engine, order=order))) == 100
        for _ in plait.map(function, items, engine=engine, order=order):
            break
        return used

    gc.disable()
    try:
        for order in ("input", "completion"):
            assert [reference() for reference in use(order)] == [None, None, None]
    finally:
        gc.enable()


def test_the_runs_running_items_can_be_seen(engine: ThreadEngine) -> None:
    inside, go = threading.Semaphore(0), threading.Event()

    def run(x: int) -> int:
        inside.release()
        assert go.wait(LONG)
        return x

    job = Job(run, Feed(["a", "b"]), workers=2, timeout=None, context=contextvars.copy_context())
    seen = []

    def look() -> None:
        for _ in range(2):
            assert inside.acquire(timeout=LONG)
        seen.extend(job.snapshot())
        go.set()

    looker = threading.Thread(target=look)
    looker.start()
    for batch in engine.run(job):
        job.feed.settle(len(batch.items))
        job.feed.deliver(len(batch.items))
    looker.join(LONG)
    assert sorted((running.index, running.item, running.worker) for running in seen) == [
        (0, "a", "thread-1"),
        (1, "b", "thread-2"),
    ]
    assert all(0 <= running.seconds < LONG for running in seen)
    assert job.snapshot() == []
    assert job.tally.peak == 2


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_prints_come_in_whole_lines(name: str) -> None:
    class Torn(io.StringIO):
        """Lets others run between any two writes, as a pipe does."""

        def write(self, text: str) -> int:
            time.sleep(0)
            return super().write(text)

    target = Torn()
    together = threading.Barrier(8)

    def run(x: int) -> None:
        together.wait(LONG)
        for y in range(20):
            print("item", x, "line", y, file=getattr(sys, name))

    redirect = contextlib.redirect_stdout if name == "stdout" else contextlib.redirect_stderr
    with redirect(target):
        list(plait.map(run, range(8), engine="thread", workers=8))
    assert sorted(target.getvalue().splitlines()) == sorted(f"item {x} line {y}" for x in range(8) for y in range(20))


def test_a_print_without_newline_is_written_when_its_batch_ends() -> None:
    target = io.StringIO()
    with contextlib.redirect_stdout(target):
        list(plait.map(lambda x: print(x, end=";"), range(10), engine="thread", workers=1))
    assert target.getvalue() == "0;1;2;3;4;5;6;7;8;9;"


def test_a_flushed_print_is_seen_at_once() -> None:
    target = io.StringIO()
    seen = []

    def run(_: int) -> None:
        print("no newline", end="", flush=True)
        seen.append(target.getvalue())

    with contextlib.redirect_stdout(target):
        list(plait.map(run, [0], engine="thread"))
    assert seen == ["no newline"]


def test_output_streams_keep_their_attributes_and_may_be_swapped() -> None:
    plain = sys.stdout
    swapped = io.StringIO()
    consumer = iter(plait.map(double, range(100_000), engine="thread", workers=1))
    assert next(consumer) == 0
    assert sys.stdout is not plain
    assert sys.stdout.encoding == plain.encoding
    assert sys.stdout.isatty() == plain.isatty()
    with contextlib.redirect_stdout(swapped):
        other = iter(plait.map(lambda x: print("inner", x), range(3), engine="thread"))
        list(other)
        print("body")
    del consumer
    assert sys.stdout is plain
    assert swapped.getvalue() == "inner 0\ninner 1\ninner 2\nbody\n"


def test_streams_are_put_back_when_runs_overlap() -> None:
    plain = sys.stdout
    first = iter(plait.map(double, range(100_000), engine="thread", workers=1))
    second = iter(plait.map(double, range(100_000), engine="thread", workers=1))
    next(first), next(second)
    shared = sys.stdout
    del first
    assert sys.stdout is shared
    del second
    assert sys.stdout is plain


# --- threads that are too many


class OneTooMany(Growth):
    """Wants two threads until both have run something, then one, unless that is stuck and may be helped."""

    def __init__(
        self, ceiling: int, cores: int, late: float, seen: set[int], rested: threading.Event, *, help_it: bool = False
    ) -> None:
        super().__init__(ceiling, cores, late)
        self.seen = seen
        self.rested = rested
        self.help_it = help_it

    def change(self, look: Look) -> int:
        if self.rested.is_set():
            return 1 if look.stuck and self.help_it else 0
        if look.threads < 2:
            return 1
        if len(self.seen) < 2:
            return 0
        self.rested.set()
        return -1


@pytest.mark.parametrize("leave", ["to the end", "early"])
def test_a_thread_that_is_too_many_rests(engine: ThreadEngine, leave: str) -> None:
    seen: set[int] = set()
    rested = threading.Event()
    engine.growth = lambda *args: OneTooMany(*args, seen=seen, rested=rested)

    def run(x: int) -> bool:
        seen.add(threading.get_ident())
        rested.wait(0.001)
        return rested.is_set()

    items = itertools.takewhile(lambda _: sum(later) < 2000, itertools.count())
    later = [False]
    outcomes = []
    for outcome in plait.map(run, items, engine=engine).outcomes():
        later.append(outcome.value)
        outcomes.append(outcome)
        if leave == "early" and sum(later) > 100:
            break
    else:
        assert len({outcome.worker for outcome in outcomes}) == 2
        assert len({outcome.worker for outcome in outcomes[-300:]}) == 1


def test_a_thread_that_rests_is_called_back(engine: ThreadEngine) -> None:
    seen: set[int] = set()
    rested, met = threading.Event(), threading.Event()
    engine.growth = lambda *args: OneTooMany(*args, seen=seen, rested=rested, help_it=True)

    def run(x: int) -> int:
        seen.add(threading.get_ident())
        if x < 1000:
            rested.wait(0.001)
        elif x == 1000:
            assert met.wait(LONG)
        else:
            met.set()
        return x

    stream = plait.map(run, range(1100), engine=engine)
    assert list(stream) == list(range(1100))
    assert rested.is_set()
    assert stream.report.peak_workers == 2
