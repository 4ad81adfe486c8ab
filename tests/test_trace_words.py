"""What is made of a trace: stretches from looks and notes, figures of maps, forecasts, sentences. Nothing runs here."""

from __future__ import annotations

import os

import pytest

from plait._core.batch import Batch
from plait._core.trace import Lane, State, Trace, Wait
from plait._see.forecast import forecast
from plait._see.items import Ran, Told, add_items
from plait._see.recorder.steps import Blocked, Step
from plait._see.recorder.transfer import Sums, TransferRecorder
from plait._see.recorder.waits import Life, Noted
from plait._see.runs import Figures, runs_of
from plait._see.sampler.samples import Counted, Samples
from plait._see.states import add_threads
from plait._see.stretches import refined
from plait._see.summary.runs import tell_runs
from plait._see.summary.summarise import summarise
from plait._see.task_lanes import add_tasks, blocked_words

PYTHON, GIL, LOCK, SLEEP, QUEUE, CORE = State.PYTHON, State.GIL, State.LOCK, State.SLEEP, State.QUEUE, State.CORE
SECOND = 1_000_000
ORIGIN = 5 * SECOND  # of what is told of batches


def made(lanes: dict[str, list[tuple[int, State]]], seconds: float = 1.0) -> Trace:
    """A trace with these threads, each in these states from these moments on."""
    trace = Trace("app.py", 0.0, int(seconds * SECOND))
    for number, (name, states) in enumerate(lanes.items(), 1):
        lane = Lane(name, "thread", 1, number)
        for moment, state in states:
            lane.add(moment, state)
        trace.lanes.append(lane)
    return trace


@pytest.mark.parametrize(
    ("looks", "found"),
    [
        ([(0, PYTHON)], "PYTHON 0-100, QUEUE 100-200, UNSEEN 200-240, PYTHON 240-300"),  # nobody looked while it waited
        ([(0, PYTHON), (150, LOCK), (230, SLEEP)], "PYTHON 0-100, QUEUE 100-200, SLEEP 200-300"),
        (
            [(0, PYTHON), (150, LOCK), (180, GIL), (210, PYTHON)],
            "PYTHON 0-100, QUEUE 100-170, GIL 170-200, UNSEEN 200-210, PYTHON 210-300",
        ),
        (
            [(0, SLEEP), (90, LOCK), (210, PYTHON)],
            "SLEEP 0-100, QUEUE 100-200, UNSEEN 200-210, PYTHON 210-300",
        ),  # seen too early
        ([(0, LOCK)], "LOCK 0-100, QUEUE 100-200, UNSEEN 200-240, LOCK 240-300"),  # one that was not noted
    ],
)
def test_stretches(looks: list[tuple[int, State]], found: str) -> None:
    wait = Noted(1, 100, 200, QUEUE, "Queue", "app.py:3")
    pieces = refined([(moment, state, 0) for moment, state in looks], [wait], 300, 40)
    assert ", ".join(f"{State(state).name} {began}-{ended}" for began, ended, state, _ in pieces) == found


def told(run: int, worker: str, base: int, items: int, began: float, ended: float) -> Told:
    batch = Batch(base, range(items))
    began, ended = began + ORIGIN / SECOND, ended + ORIGIN / SECOND
    batch.worker, batch.started, batch.ended = worker, began, ended
    batch.spans = [
        (began + (ended - began) * n / items, began + (ended - began) * (n + 1) / items) for n in range(items)
    ]
    return Told("resize", run, batch, 1)


def sentences(trace: Trace, batches: list[Told], sums: Sums | None = None) -> list[str]:
    lanes = add_items(trace, batches, [], ORIGIN)
    runs = runs_of(trace, zip(batches, lanes, strict=True), sums or Sums(), ORIGIN)
    return [text for _, text in tell_runs(trace, runs, 2)]


def test_the_item_that_ends_last() -> None:
    trace = made({"MainThread": [(0, State.FUTURE)], "thread-1": [(0, PYTHON)], "thread-2": [(0, PYTHON)]})
    batches = [told(7, f"thread-{1 + n % 2}", n, 1, n // 2 / 10, n // 2 / 10 + 0.1) for n in range(10)]
    batches.append(told(7, "thread-1", 10, 1, 0.5, 1.0))
    assert sentences(trace, batches) == [
        (
            "resize, item 10 took 0.50 s on thread-1, 5 times the median of 11 items; it ended last: given first, it would "
            "have let the map end after about 0.75 s, not 1.00 s"
        )
    ]


def test_a_batch_that_is_too_large_for_the_end() -> None:
    trace = made({"MainThread": [(0, State.FUTURE)], "thread-1": [(0, PYTHON)], "thread-2": [(0, PYTHON)]})
    batches = [told(7, "thread-2", 0, 1, 0.0, 0.4), told(7, "thread-1", 1, 20_000, 0.0, 1.0)]
    assert sentences(trace, batches) == [
        (
            "resize: items 1 to 20000 were one batch that ran 0.60 s longer than anything else, on thread-1: the batch was "
            "too large for the end of the map"
        )
    ]


def test_workers_without_items() -> None:
    trace = made({"MainThread": [(0, SLEEP)], "thread-1": [(0, State.IDLE)]})
    batches = [told(7, "thread-1", n, 1, n / 10, n / 10 + 0.01) for n in range(10)]
    (text,) = sentences(trace, batches)
    assert text.startswith(
        "resize: its worker had no item for 90% of the time in which items were still to come (0.81 s of 0.90 s); "
        "MainThread, which"
    )
    assert "spent 0.91 s sleeping: the loop around the map, or its input, is what is slow" in text


def test_workers_are_without_items_only_while_there_are_some_to_come() -> None:
    """One that has had its last is, until the last item of the map is given to another; from then on nobody lacks any."""
    trace = made({"MainThread": [(0, SLEEP)], "thread-1": [(0, State.IDLE)], "thread-2": [(0, State.IDLE)]})
    batches = [
        told(7, "thread-1", 0, 1, 0.0, 0.1),
        told(7, "thread-2", 1, 1, 0.0, 0.1),
        told(7, "thread-2", 2, 1, 0.4, 1.0),
    ]
    (text,) = (one for one in sentences(trace, batches) if "no item" in one)
    assert text.startswith(
        "resize: its 2 workers had no item for 75% of the time in which items were still to come (0.60 s of 0.80 s)"
    )


def test_a_trace_that_is_too_short_says_just_that() -> None:
    trace = made({"a": [(0, PYTHON)], "b": [(0, CORE)]}, 0.003)
    trace.facts["rate"] = 1000.0
    assert summarise(trace, [], [], 2) == ["it was too short to say where the time went: 3.0 ms, in 3 looks"]


def test_what_nobody_holds_comes_last() -> None:
    trace = made({"a": [(0, State.BARRIER)], "b": [(0, State.SEMAPHORE)], "c": [(0, SLEEP)]})
    trace.waits.append(Wait(0, 0, SECOND, State.BARRIER, "meet (app.py:3)", "app.py:9 in a"))
    trace.waits.append(
        Wait(1, 0, SECOND // 2, State.SEMAPHORE, "slots (app.py:4)", "app.py:7 in b", 2, "app.py:5 in c")
    )
    trace.waits.append(Wait(2, 0, SECOND // 10, State.EVENT, "stop (app.py:1)", "app.py:2 in c"))  # too little
    found = summarise(trace, [], [], 2)
    assert [found[0], *found[2:]] == [
        "where the time went: 33% waiting for a barrier, 33% waiting for a semaphore, 33% sleeping",
        (
            "slots (app.py:4): 0.50 s of waiting in 1 wait of 1 thread; 0.50 s of it held by c, then at app.py:5 in c; "
            "waited for at app.py:7 in b"
        ),
        "meet (app.py:3): 1.00 s of waiting for a barrier, in 1 wait of 1 thread; waited for at app.py:9 in a",
    ]


def test_times_of_a_lane_and_of_its_index() -> None:
    trace = made({"a": [(0, PYTHON)], "b": [(0, SLEEP)]})
    assert (
        [trace.times(lane) for lane in trace.lanes] == [trace.times(0), trace.times(1)] == [{PYTHON: 1.0}, {SLEEP: 1.0}]
    )


def test_no_more_cores_are_busy_than_there_are() -> None:
    trace = made({name: [(0, PYTHON)] for name in "abc"})
    assert "2.00 cores were busy" in summarise(trace, [], [], 2)[1]


def test_what_is_seen_before_the_trace_and_after_it_is_no_part_of_it() -> None:
    trace = Trace("app.py", 0.0, 100)
    looks: list[tuple[int, int, int]] = [(0, PYTHON, 0), (40, SLEEP, 0), (160, PYTHON, 0), (190, SLEEP, 0)]
    samples = Samples({1: looks}, threads=[Counted(0, 1, "", 0, 1.0, 0.0)], rate=1e6)
    late = Noted(1, 140, 180, SLEEP, "sleep", "app.py:3")
    add_threads(trace, samples, [late], {1: "MainThread"}, {}, 50, {}, {})
    assert [(began, ended) for began, ended, _, _ in trace.lanes[0].stretches(100)][-1][1] == 100
    assert sum(trace.times(0).values()) == pytest.approx(100e-6)
    assert [(wait.began, wait.ended) for wait in trace.waits] == [(90, 100)]


def test_data_on_their_way() -> None:
    worker = "process-1 (pid 9)"
    trace = made({"MainThread": [(0, State.FUTURE)], worker: [(0, PYTHON)]})
    batches = [told(7, worker, n, 1, n / 10, n / 10 + 0.05) for n in range(10)]
    (text,) = sentences(trace, batches, Sums(10, 1024, 0.1, 4 << 20, 0.2))
    assert text.startswith("resize: 1 KiB went to the workers and 4 MiB came back for 10 items; that took 0.30 s")
    assert "busy for 0.45 s between items, beside 0.50 s of work in them" in text


def test_what_moves_is_counted_while_it_is_asked() -> None:
    import plait
    from plait._engines import remote_run

    before = vars(remote_run)["pack_items"]
    recorder = TransferRecorder()
    recorder.install()
    try:
        list(plait.map(bytes, [200_000, 200_000], engine="process", workers=1))
    finally:
        recorder.remove()
    sums = recorder.sums()
    assert sums.batches >= 1
    assert sums.read_bytes >= 400_000
    assert 0 < sums.sent_bytes < 1000
    assert vars(remote_run)["pack_items"] is before


@pytest.mark.parametrize("waits", [State.JOIN, State.FUTURE])
def test_who_waits_for_the_others_goes_as_they_go(waits: State) -> None:
    """As the main thread, which has to ask for the GIL once it has started them, and waits for their ends."""
    first, last = [(0, PYTHON), (SECOND // 2, GIL)], [(0, GIL), (SECOND // 2, PYTHON)]
    follows = made({"main": [(0, GIL), (SECOND // 10, waits)], "a": first, "b": last})
    assert forecast(follows, frozenset(), frozenset(), 2) == (1.0, 0.5, (1, 2))
    works = made({"main": [*first, (SECOND * 6 // 10, waits)], "a": last})
    assert forecast(works, frozenset(), frozenset(), 2) == (1.0, 0.5, (0, 1))


def test_processes_instead() -> None:
    """Each of two has run for 0.5 s and waited for the other as long: two cores take half the time."""
    both = made({"a": [(0, PYTHON), (SECOND // 2, GIL)], "b": [(0, GIL), (SECOND // 2, PYTHON)]})
    seen = forecast(both, frozenset(), frozenset(), 2)
    assert seen is not None
    assert (seen.now, seen.then, seen.lanes) == (1.0, 0.5, (0, 1))
    assert forecast(both, frozenset(), frozenset(), 1) == (1.0, 1.0, (0, 1))
    assert forecast(made({"a": [(0, PYTHON)], "b": [(0, SLEEP)]}), frozenset(), frozenset(), 2) is None
    text = summarise(both, [], [], 2)[2]
    assert text.startswith(
        "50% of thread time waits for the GIL (1.00 s, most of it a with 0.50 s): 1.00 s of Python ran"
    )
    assert "2 processes in place of these threads would take about 0.50 s instead of 1.00 s on 2 free cores" in text
    run = Figures("work", 5, elsewhere=False, lanes={0: (0, SECOND), 1: (0, SECOND)}, items=2, work=1.0)
    assert 'engine="process" would take about 0.50 s' in summarise(both, [run], [], 2)[2]
    run.items = 1_000_000
    assert "an item of work is too short for another process" in summarise(both, [run], [], 2)[2]
    assert "there is one core" in summarise(both, [], [], 1)[2]


def test_the_gravest_comes_first() -> None:
    trace = made({"a": [(0, LOCK)], "b": [(0, CORE), (SECOND // 4, SLEEP)]})
    trace.waits.append(Wait(0, 0, SECOND, LOCK, "TABLE (app.py:3)", "app.py:9 in a", 1, "app.py:5 in b", 1))
    found = summarise(trace, [], [(0.5, "the event loop was blocked")], 2)
    assert found[0] == "where the time went: 50% waiting for a lock, 38% sleeping, 12% waiting for a core"
    assert found[1] == "2.00 s of thread time in 1.00 s; 0.00 cores were busy on average"
    assert found[2] == (
        "TABLE (app.py:3): 1.00 s of waiting in 1 wait of 1 thread; 1.00 s of it held by b, then at app.py:5 in b; "
        "waited for at app.py:9 in a"
    )
    assert found[3] == "the event loop was blocked"
    assert found[4].startswith("12% of thread time waits for a core (0.25 s)")


def test_what_a_holder_waited_for_is_told_when_nobody_looked_just_then() -> None:
    trace = made({"a": [(0, LOCK)], "b": [(0, SLEEP)]})
    trace.waits.append(Wait(0, 0, SECOND, LOCK, "TABLE (app.py:3)", "app.py:9 in a", 1, "", 1))
    trace.waits.append(Wait(1, 0, SECOND, SLEEP, "time.sleep", "app.py:6 in b", -1, "", -1))
    assert "; its holder was mostly sleeping at app.py:6 in b; " in summarise(trace, [], [], 2)[2]


def test_how_long_a_brief_trace_was() -> None:
    assert str(made({}, 0.0014)) == "app.py: 1.4 ms"
    assert str(made({}, 0.25)) == "app.py: 0.25 s"
    assert summarise(made({"a": [(0, PYTHON)]}, 0.0014), [], [], 2)[0].startswith("it was too short")


def test_how_many_tasks_a_sentence_is_about() -> None:
    trace = made({"main": [(0, PYTHON)]})
    steps = []
    for task in range(600):
        steps.append(Step(task, 1, 0, task, task + 1, SLEEP, "sleep", "app.py:4 in nap"))
        steps.append(Step(task, 1, SECOND - task, SECOND - task, SECOND - task, State.ABSENT, "", ""))
    add_tasks(trace, steps, {task: f"nap ({task})" for task in range(600)}, 0)
    assert summarise(trace, [], [], 2)[2].startswith("the longest 500 of 600 tasks took ")


def test_who_waits_for_room_in_a_queue_learns_who_is_slower() -> None:
    trace = made({"producer": [(0, QUEUE)], "consumer": [(0, SLEEP)], "logger": [(0, QUEUE)]})
    for began in range(0, SECOND, SECOND // 4):
        trace.waits.append(Wait(0, began, began + SECOND // 5, QUEUE, "Queue.put", "app.py:4 in produce", -1, "", -1))
    trace.waits.append(Wait(2, 0, SECOND, QUEUE, "SimpleQueue.get", "app.py:9 in log", -1, "", -1))  # is only idle
    found = summarise(trace, [], [], 2)
    said = "producer waited 0.80 s for room in a queue, most at app.py:4 in produce: whoever takes from it is slower"
    assert [one for one in found if "queue, most at" in one] == [said]


def test_who_was_woken_and_waits_for_a_core_waits_for_no_queue() -> None:
    """On a busy machine both ends would be told that the other one is slower."""
    stages = [(at * SECOND // 10, State.QUEUE if at % 5 == 0 else State.CORE) for at in range(10)]
    trace = made({"producer": stages, "consumer": stages})
    for began in range(0, SECOND, SECOND // 2):
        for lane, method in ((0, "put"), (1, "get")):
            for at in (began, began + SECOND // 4):
                line = f"app.py:{lane} in f"
                trace.waits.append(Wait(lane, at, at + SECOND // 4, QUEUE, f"Queue.{method}", line, -1, "", -1))
    found = [one for one in summarise(trace, [], [], 2) if "queue, most at" in one]
    assert [one.partition(" for ")[0] for one in found] == ["producer waited 0.20 s", "consumer waited 0.20 s"]


def test_many_tasks_that_block_their_loop_at_one_line_are_one_finding() -> None:
    trace = made({"MainThread": [(0, SLEEP)]})
    blocks = [
        Blocked(1, at * 200_000, at * 200_000 + 100_000, f"handle ({at})", "app.py:7 in handle") for at in range(3)
    ]
    (found,) = blocked_words(trace, blocks, [], 0)
    assert "blocked for 0.30 s by handle (0) and 2 others at app.py:7 in handle, in 3 steps" in found[1]


def test_brief_steps_are_told_when_they_delay_others_again_and_again() -> None:
    trace = made({"MainThread": [(0, SLEEP)]})  # of one second
    blocks = [Blocked(1, at * 100_000, at * 100_000 + 25_000, "handle", "app.py:7 in handle") for at in range(5)]
    late = [Step(2, 1, block.began + 5_000, block.ended, block.ended + 10, SLEEP, "", "") for block in blocks]
    (found,) = blocked_words(trace, blocks, late, 0)
    assert "blocked for 0.12 s by handle at app.py:7 in handle, in 5 steps; 1 task was ready" in found[1]
    assert blocked_words(trace, blocks, [], 0) == []
    assert blocked_words(trace, blocks[:3], late, 0) == []


def test_where_the_holders_of_a_lock_were() -> None:
    trace = made({"a": [(0, LOCK)], "b": [(0, LOCK)], "c": [(0, SLEEP)]})
    waits = [(0, 0, 4, 2), (1, 1, 8, 2), (0, 5, 9, 1)]  # waiter, from, to, and who had it first
    for lane, began, ended, holder in waits:
        at = "app.py:5 in keep"
        trace.waits.append(
            Wait(lane, began * 100_000, ended * 100_000, LOCK, "TABLE", "app.py:4 in keep", holder, at, holder)
        )
    text = next(one for one in summarise(trace, [], [], 2) if one.startswith("TABLE"))
    assert "app.py:5 in keep" in text
    assert text.endswith("waited for at app.py:4 in keep")


def test_a_lock_that_many_threads_had_in_turn() -> None:
    """As where each request has a thread of its own: who of them had it longest says nothing."""
    trace = Trace("app.py", 0.0, 1_000_000)
    for at in range(8):
        lane = Lane(f"request {at}", "thread", 1, at + 1)
        lane.add(0, State.LOCK)
        trace.lanes.append(lane)
        wait = Wait(
            at, at * 100_000, at * 100_000 + 90_000, State.LOCK, "lock (app.py:1)", "app.py:3", (at + 1) % 8, "app.py:4"
        )
        trace.waits.append(wait)
    (said,) = (text for text in summarise(trace, [], [], 2) if text.startswith("lock"))
    assert "; held by 8 threads, one after the other; its holder was mostly at app.py:4; waited for at app.py:3" in said


def test_a_blocked_loop_and_who_was_ready() -> None:
    """One step of 0.3 s; a task was ready from its middle on, another one only when it was over."""
    trace = made({"MainThread": [(0, SLEEP)]})
    block = Blocked(1, 100_000, 400_000, "audit", "app.py:7 in audit")
    late = Step(2, 1, 250_000, 400_100, 400_200, State.ABSENT, "", "")
    punctual = Step(3, 1, 400_250, 400_300, 400_400, State.ABSENT, "", "")
    (found,) = blocked_words(trace, [block], [late, punctual], 0)
    assert found[1].startswith("the event loop was blocked for 0.30 s by audit at app.py:7 in audit; 1 task was ready")
    assert "had to wait, for up to 0.15 s" in found[1]
    assert blocked_words(made({"MainThread": [(0, CORE)]}), [block], [late], 0) == []  # it had no core


def test_a_task_that_is_ready_does_not_wait_any_more() -> None:
    trace = made({})
    steps = [
        Step(1, 1, 0, 0, 10, SLEEP, "sleep", "app.py:3 in work"),
        Step(1, 1, 600_000, 900_000, 900_010, State.ABSENT, "", ""),
    ]
    add_tasks(trace, steps, {1: "work"}, 0)
    times = trace.times(0)
    assert times[SLEEP] == pytest.approx(0.6, abs=0.001)
    assert times[State.READY] == pytest.approx(0.3, abs=0.001)
    assert [(wait.began, wait.ended) for wait in trace.waits] == [(10, 600_000)]


def test_a_worker_between_items_is_idle() -> None:
    trace = made({"plait-thread-1": [(0, PYTHON), (300_000, LOCK), (600_000, PYTHON)]})
    add_items(
        trace,
        [],
        [Ran(1, 0, 301_000, "load('a')", failed=False), Ran(1, 600_000, 900_000, "load('b')", failed=True)],
        0,
    )
    assert [(one.name, one.group, one.failed) for one in trace.slices] == [
        ("load('a')", "load", False),
        ("load('b')", "load", True),
    ]
    assert trace.times(0)[State.IDLE] == pytest.approx(0.3)


def test_a_thread_that_was_over_before_anybody_looked_did_not_run() -> None:
    """It was there for a tenth of a second and had a core for a thousandth: nobody knows what it waited for."""
    trace, here = Trace("app.py", 0.0, SECOND), os.getpid()
    samples = Samples(rate=50.0, threads=[Counted(here, 1, "", 0, 0.0, 0.0)], changes={1: [(0, SLEEP, 0)]})
    lives = {2: Life(100, 100_100, 0.001, 0.0), 3: Life(100, 100_100, 0.0999, 0.0)}
    add_threads(trace, samples, [], {1: "main", 2: "waits", 3: "runs"}, lives, 0, {}, {})
    states = {lane.name: State(lane.states[0]) for lane in trace.lanes}
    assert states == {"main": SLEEP, "waits": State.UNSEEN, "runs": PYTHON}
    times = {lane.name: trace.times(lane) for lane in trace.lanes}
    assert times["waits"][State.UNSEEN] == pytest.approx(0.099)
    assert State.UNSEEN not in times["runs"]


def test_a_busy_machine_does_not_hide_the_gil() -> None:
    """Of the time in which threads were not kept from a core, a half waits for the GIL."""
    tenths = [(0, CORE), (8 * SECOND // 10, PYTHON), (9 * SECOND // 10, GIL)]
    found = summarise(made({"a": tenths, "b": tenths, "main": [(0, State.JOIN)]}), [], [], 2)
    assert any(one.startswith("7% of thread time waits for the GIL") for one in found)
    assert any("waits for a core" in one for one in found[2:])


@pytest.mark.parametrize(
    ("threads", "said"),
    [
        (1, "it wants 1.0 of 2 cores on average, so that mostly other processes have them"),
        (3, "than there are cores (2)"),
    ],
)
def test_who_has_the_cores(threads: int, said: str) -> None:
    trace = made({f"{n}": [(0, PYTHON), (SECOND // 2, CORE)] for n in range(threads)})
    (found,) = (one for one in summarise(trace, [], [], 2) if "waits for a core" in one)
    assert found.endswith(said)


def test_a_program_that_has_nothing_to_do_is_told_so() -> None:
    """What little else there was says where that went, and is no reason to speak of cores."""
    main = [(0, PYTHON), (20_000, CORE), (50_000, State.IDLE)]
    found = summarise(made({"main": main}), [], [], 2)
    assert found[1].endswith("; threads were idle for 0.95 s beside that")
    assert not any(one.startswith("60% of thread time waits for a core") for one in found)
