"""engine="auto": where one thread does as much as more, it is the caller's own, as long as that makes no difference."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

import plait
from plait._core.feed import Feed
from plait._core.job import Job
from plait._engines.choosing import auto_pilot, caller_runs
from plait._engines.choosing.caller_runs import CallerRuns
from plait._engines.choosing.choice import Choice
from plait._engines.choosing.seen import Seen

pytestmark = pytest.mark.usefixtures("nothing_left", "alone")

COUNTED: list[int] = []
LOCK = threading.Lock()


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every function it is said, after its first calls, that more threads do no more than one."""
    monkeypatch.setattr(auto_pilot, "choose", lambda _: Choice("thread", "threads: for the test", alone=True))
    monkeypatch.setattr(auto_pilot, "_CHANCES", 0)
    monkeypatch.setattr(auto_pilot, "BRIEF", 0.0)
    monkeypatch.setattr(auto_pilot, "wants_race", lambda _: False)  # a busy machine is no reason to try two threads
    monkeypatch.setattr(Seen, "enough", True)
    for limit, value in (("_WORTH", 0.0), ("_AWAY", 2.0), ("_WAITING", 2.0)):  # a busy machine is no reason to go back
        monkeypatch.setattr(caller_runs, limit, value)
    monkeypatch.setattr(caller_runs, "only_ours", lambda: True)  # pytest-timeout has a handler of its own


def judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on what speaks against the caller is judged as it is outside of tests."""
    monkeypatch.setattr(caller_runs, "_AWAY", 0.5)
    monkeypatch.setattr(caller_runs, "_WAITING", 0.25)


def compute(x: int) -> int:
    """The same number, after a while."""
    for _ in range(1_000):
        x ^= 1
    return x


def where(x: int) -> int:
    compute(x)
    return threading.get_ident()


def counts(x: int) -> int:
    COUNTED.append(compute(x))
    return threading.get_ident()


def under_a_lock(x: int) -> int:
    with LOCK:
        compute(x)
    return threading.get_ident()


@plait.per_worker
def own() -> list[int]:
    return []


def has_its_own(x: int) -> int:
    own().append(compute(x))
    return threading.get_ident()


def only_here(stream: plait.Stream[int]) -> bool:
    """Whether the calling thread ran items at last, and others before that."""
    ran = list(stream)
    here = threading.get_ident()
    return ran[0] != here and ran[-1] == here


def until_here(stream: plait.Stream[int]) -> None:
    """Take results until one comes from the calling thread."""
    here = threading.get_ident()
    while next(stream) != here:
        pass


def test_the_caller_runs_what_is_left_and_the_report_says_so() -> None:
    stream = plait.map(where, range(5_000))
    assert only_here(stream)
    assert stream.report.engine == "inline"
    assert stream.report.workers == stream.report.peak_workers == 1
    assert stream.report.why == ["inline: for the test"]


def test_nothing_is_lost_or_comes_twice() -> None:
    assert list(plait.map(compute, itertools.islice(itertools.count(), 5_000))) == list(range(5_000))


def test_failures_and_retries_are_as_everywhere() -> None:
    tried: list[int] = []

    def fails_once(x: int) -> int:
        compute(x)
        if x % 100 == 0 and x not in tried:
            tried.append(x)
            raise ValueError(x)
        return x

    assert list(plait.map(fails_once, range(2_000), retry=plait.Retry(2, backoff=0))) == list(range(2_000))
    many = 10_000  # the thread of a busy machine takes some of them ahead
    outcomes = list(plait.map(where, [*range(many), "no number", 1]).outcomes())
    assert [outcome.index for outcome in outcomes if outcome.error is not None] == [many]
    assert outcomes[-1].worker == "inline"


def test_who_waits_between_the_results_has_a_thread_go_on_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = plait.map(where, itertools.count())
    here = threading.get_ident()
    with stream:
        until_here(stream)
        judge(monkeypatch)
        for _ in range(100_000):
            time.sleep(0.0005)  # the consumer's own work
            if next(stream) != here:
                break
        assert next(stream) != here
        report = stream.report
    assert report.engine == "thread"
    assert any("spent on the results" in reason or "it has waited" in reason for reason in report.why), report.why


def test_one_long_pause_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = plait.map(where, itertools.count())
    here = threading.get_ident()
    with stream:
        until_here(stream)
        judge(monkeypatch)
        time.sleep(2)  # far longer than it has taken to come here
        assert here not in itertools.islice(stream, 3_000, 3_100)


def test_items_that_begin_to_wait_get_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller_runs, "_WAITING", 0.25)

    def waits_later(x: int) -> int:
        if x > 3_000:
            time.sleep(0.002)
        return compute(x)

    stream = plait.map(waits_later, range(3_600))
    assert list(stream) == list(range(3_600))
    assert stream.report.engine == "thread"
    assert stream.report.peak_workers > 4
    assert any("it has waited" in reason for reason in stream.report.why)


def test_items_whose_memory_is_taken_from_the_system_each_time_get_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    since: list[float] = []
    monkeypatch.setattr(
        caller_runs, "page_faults", lambda: int(200_000 * (time.perf_counter() - since[0])) if since else 0
    )
    stream = plait.map(where, itertools.count())
    here = threading.get_ident()
    with stream:
        until_here(stream)
        assert here in itertools.islice(stream, 100)
        since.append(time.perf_counter())
        ran = iter(stream)
        assert next(thread for thread in ran if thread != here)
        assert here not in itertools.islice(ran, 100, 200)
        assert stream.report.why[-1].startswith("threads: the memory of large objects is taken")


def test_as_many_pages_as_on_threads_are_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller_runs, "page_faults", lambda: int(400_000 * time.perf_counter()))
    assert only_here(plait.map(where, range(5_000)))


@pytest.mark.parametrize(
    "start",
    [
        lambda: plait.map(where, range(3_000), timeout=20),
        lambda: plait.map(under_a_lock, range(3_000)),  # which the caller may have
        lambda: plait.map(has_its_own, range(3_000)),
        lambda: plait.map(where, range(3_000), rate="1000000/s"),
    ],
    ids=["timeout", "lock", "per_worker", "rate"],
)
def test_what_could_tell_the_difference_stays_on_threads(start: Callable[[], plait.Stream[int]]) -> None:
    assert threading.get_ident() not in list(start())


def test_what_only_shares_data_is_run_by_the_caller() -> None:
    stream = plait.map(counts, range(3_000))
    COUNTED.clear()
    assert threading.get_ident() in list(stream)
    assert stream.report.engine == "inline"
    assert len(COUNTED) == 3_000


def test_a_task_or_a_block_that_may_be_cancelled_has_its_items_on_threads() -> None:
    with plait.scope(deadline=60):
        assert threading.get_ident() not in list(plait.map(where, range(2_000)))

    def inner(_: int) -> bool:
        return threading.get_ident() in list(plait.map(where, range(2_000)))

    assert list(plait.map(inner, range(2), engine="thread")) == [False, False]


def test_what_a_signal_handler_raises_is_no_failure_of_an_item() -> None:
    script = """
import os, signal, plait
from plait._engines.choosing import auto_pilot, caller_runs
from plait._engines.choosing.choice import Choice

def terminate(*_):
    raise SystemExit("terminated in good order")

def work(x):
    if x == 5_000:
        os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(3_000):
        x ^= 1
    return x

auto_pilot.choose = lambda _: Choice("thread", "threads: for the test", alone=True)
signal.signal(signal.SIGTERM, terminate)
print("never here", [one for one in plait.map(work, range(10_000)).outcomes() if one.error])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.strip() == "terminated in good order"
    assert done.stdout == ""


def test_no_event_loop_is_in_the_way_of_one_that_an_item_starts() -> None:
    async def nothing() -> int:
        return 1

    def starts_a_loop(x: int) -> int:
        if x > 1_000 and x % 500 == 0:
            return asyncio.run(nothing())
        return compute(x)

    async def main() -> list[int]:
        return list(plait.map(starts_a_loop, range(2_000)))

    assert asyncio.run(main()).count(1) >= 2


def test_no_thread_of_ours_runs_items_for_a_coroutine() -> None:
    async def main() -> set[str]:
        return {outcome.worker async for outcome in plait.map(compute, range(3_000)).outcomes()}

    assert "inline" not in asyncio.run(main())


def test_whoever_goes_on_with_a_coroutine_gets_threads() -> None:
    async def rest(stream: plait.Stream[int]) -> list[int]:
        return [ident async for ident in stream]

    stream = plait.map(where, range(5_000))
    here = threading.get_ident()
    until_here(stream)
    ran = asyncio.run(rest(stream))
    assert ran[-1] != here
    assert stream.report.items == 5_000


def test_context_variables_and_the_current_item_are_those_of_the_map() -> None:
    def position(x: int) -> int:
        compute(x)
        return plait.current().index

    assert list(plait.map(position, range(3_000))) == list(range(3_000))
    with pytest.raises(LookupError):
        plait.current().index  # the item is over


class TestWhetherTheCallerShould:
    def job(self, items: int = 100) -> Job:
        import contextvars

        feed = Feed(range(items))
        return Job(compute, feed, workers=2, timeout=None, context=contextvars.copy_context())

    def test_brief_items_of_which_enough_are_left(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(caller_runs, "_WORTH", 0.005)
        assert CallerRuns(self.job()).consider(0.001, 100, lambda: False)
        assert CallerRuns(self.job()).consider(0.001, None, lambda: False)
        assert not CallerRuns(self.job()).consider(0.001, 4, lambda: False)
        assert not CallerRuns(self.job()).consider(0.05, 100, lambda: False)
        assert not CallerRuns(self.job()).consider(0.001, 100, lambda: True)

    def test_it_is_asked_only_once(self) -> None:
        caller = CallerRuns(self.job())
        assert not caller.consider(0.05, 100, lambda: False)
        assert not caller.consider(0.001, 100, lambda: False)

    def test_a_caller_who_is_elsewhere_does_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        judge(monkeypatch)

        def batches() -> Iterator[None]:
            yield None

        caller = CallerRuns(self.job())
        for _ in caller.watched(batches()):  # type: ignore[arg-type]  # what is in them is of no matter
            time.sleep(0.01)  # its own work
        assert not caller.consider(0.001, 100, lambda: False)
