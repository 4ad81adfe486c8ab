"""Explanations of executions that ended with an exception: the right cause, the right fix, GIL or free-threaded."""

from __future__ import annotations

import queue
from concurrent.futures import InvalidStateError

import pytest
from check_records import Recording

from plait._check.explain.cause import explain
from plait._check.findings import KINDS
from plait._check.reading.history import History
from plait._check.reading.words import Words
from plait._check.record import Failure, Switch
from plait._core.event import Kind

COUNTER = """
class Counter:
    def plain(self):
        self.value += 1
    def called(self):
        old = self.value
        log(old)
        self.value = old + 1
def test():
    assert counter.value == 2
"""


def lost(line: int, second: int) -> Recording:
    run = Recording(COUNTER).started(1, 2)
    run.read(1, line, "self.value", name="value")
    run.read(2, line, "self.value", name="value")
    run.write(2, second, "self.value", name="value")
    run.write(1, second, "self.value", name="value")
    run.read(0, 9, "counter.value", name="value")
    return run


def test_a_lost_update_without_a_call_needs_a_free_threaded_build() -> None:
    run = lost(3, 3)
    finding = explain(run.record(run.failed(0, 9, AssertionError("1"))), None, run.sources)
    assert finding.kind == "lost update"
    assert finding.title == "Lost update of self.value"
    assert finding.gil is False
    assert "Hold one lock over line 3" in finding.fix
    assert finding.moments[-1].does == "fails: AssertionError: 1"
    assert [number for number, _ in finding.threads] == [0, 1, 2]


def test_a_call_in_the_window_makes_it_possible_on_a_gil_build() -> None:
    run = lost(5, 7)
    finding = explain(run.record(run.failed(0, 9, AssertionError())), None, run.sources)
    assert finding.gil is True
    assert "log()" in finding.reason
    assert "lines 5 to 7" in finding.fix


CACHE = """
def get(key):
    if key not in cache:
        cache[key] = load(key)
    return cache[key]
def drop(key):
    if key in cache:
        del cache[key]
def use():
    if self.conn is not None:
        self.conn.send()
def close():
    self.conn = None
"""


def test_a_check_that_no_longer_holds() -> None:
    run = Recording(CACHE).started(1, 2)
    run.read(1, 6, "cache", name="['k']")
    run.read(2, 6, "cache", name="['k']")
    run.write(2, 7, "cache", name="['k']")
    run.write(1, 7, "cache", name="['k']")
    finding = explain(run.record(run.failed(1, 7, KeyError("k"))), None, run.sources)
    assert finding.kind == "check then act"
    assert finding.why.startswith("Thread-1 checks `cache` in line 6 and acts on the answer in line 7.")
    assert "lines 6 and 7" in finding.fix


def test_a_check_of_an_attribute_that_another_thread_ends() -> None:
    run = Recording(CACHE).started(1, 2)
    run.read(1, 9, "self.conn")
    run.write(2, 12, "self.conn")
    run.read(1, 10, "self.conn")
    finding = explain(run.record(run.failed(1, 10, AttributeError("send"))), None, run.sources)
    assert finding.kind == "check then act"
    assert finding.gil is False


INIT = """
def start():
    self.ready = True
    self.data = load()
def use():
    while not self.ready:
        pause()
    return self.data.first
def stop():
    self.data = None
"""


def test_a_use_before_the_value_is_there() -> None:
    passing = Recording(INIT).started(1, 2)
    passing.write(1, 2, "self.ready")
    passing.write(1, 3, "self.data")
    passing.read(2, 5, "self.ready")
    passing.read(2, 7, "self.data")
    failing = Recording(INIT).started(1, 2)
    failing.write(1, 2, "self.ready")
    failing.read(2, 5, "self.ready")
    failing.read(2, 7, "self.data")
    record = failing.record(failing.failed(2, 7, AttributeError("data")))
    finding = explain(record, passing.record(), failing.sources)
    assert finding.kind == "used before ready"
    assert "writes `self.ready` in line 2 and only then `self.data` in line 3" in finding.why


def test_a_use_after_the_end() -> None:
    passing = Recording(INIT).started(1, 2)
    passing.write(1, 3, "self.data")
    passing.read(2, 7, "self.data")
    passing.write(1, 9, "self.data")
    failing = Recording(INIT).started(1, 2)
    failing.write(1, 3, "self.data")
    failing.write(1, 9, "self.data")
    failing.read(2, 7, "self.data")
    record = failing.record(failing.failed(2, 7, AttributeError("first")))
    finding = explain(record, passing.record(), failing.sources)
    assert finding.kind == "used after the end"
    assert "after Thread-1 has changed it in line 9" in finding.why


def test_what_both_executions_have_in_common_is_not_the_cause() -> None:
    def common(run: Recording) -> None:
        run.read(1, 5, "self.value", of="other")
        run.write(2, 7, "self.value", of="other")
        run.write(1, 7, "self.value", of="other")

    passing = Recording(COUNTER).started(1, 2)
    common(passing)
    run = Recording(COUNTER).started(1, 2)
    common(run)
    run.read(1, 3, "self.value")
    run.write(2, 3, "self.value")
    run.write(1, 3, "self.value")
    finding = explain(run.record(run.failed(0, 9, AssertionError())), passing.record(), run.sources)
    assert "line 3" in finding.why


def test_a_dict_that_changes_while_it_is_iterated() -> None:
    code = "def show():\n    for key in table:\n        print(key)\ndef add():\n    table[1] = 2\n"
    run = Recording(code).started(1, 2)
    run.read(1, 2, "table", name="[]")
    run.write(2, 5, "table", name="[1]")
    run.read(1, 2, "table", name="[]")
    error = RuntimeError("dictionary changed size during iteration")
    finding = explain(run.record(run.failed(1, 2, error)), None, run.sources)
    assert finding.kind == "changed while iterated"
    assert "Thread-2 changes it in line 5" in finding.why


WAITS = """
def take():
    with cond:
        if not items:
            cond.wait()
        return items.pop()
"""


@pytest.mark.parametrize(("word", "kind"), [("if", "wait without loop"), ("while", "check then act")])
def test_a_wait_under_an_if(word: str, kind: str) -> None:
    run = Recording(WAITS.replace("if", word)).started(1, 2)
    run.acquire(1, 2, "cond")
    run.read(1, 3, "items", name="[]")
    run.release(1, 4, "cond")
    run.acquire(1, 4, "waiter")
    run.acquire(2, 2, "cond")
    run.write(2, 5, "items", name="[]")
    run.release(2, 2, "cond")
    run.acquire(1, 4, "cond")
    run.write(1, 5, "items", name="[]")
    finding = explain(run.record(run.failed(1, 5, IndexError("pop from empty list"))), None, run.sources)
    if kind == "wait without loop":
        assert finding.kind == kind
        assert "`while` instead of `if` around `cond.wait()`" in finding.fix
    else:
        assert finding.kind != "wait without loop"


def test_one_side_holds_a_lock_that_the_other_does_not_take() -> None:
    code = COUNTER + "def locked():\n    with lock:\n        counter.value = 5\n"
    run = Recording(code).started(1, 2)
    run.read(1, 3, "self.value", name="value")
    run.acquire(2, 11)
    run.write(2, 12, "counter.value", name="value")
    run.release(2, 11)
    run.write(1, 3, "self.value", name="value")
    finding = explain(run.record(run.failed(0, 9, AssertionError())), None, run.sources)
    assert "Thread-2 holds `lock` there, but Thread-1 does not take it" in finding.why


@pytest.mark.parametrize(("made", "fix"), [(None, "Hold one lock over"), (10, "Hold `guard` over")])
def test_only_a_lock_of_the_program_is_advised(made: int | None, fix: str) -> None:
    """Not one that is within a pool, as others hold it who call back from there."""
    run = Recording(COUNTER + "guard = Lock()\n").started(1, 2)
    run.place("inner", "Lock", made)
    run.acquire(0, 9, "inner")
    run.read(0, 9, "counter.value", name="value")
    run.release(0, 9, "inner")
    run.read(1, 5, "self.value", name="value")
    run.read(2, 5, "self.value", name="value")
    run.write(2, 7, "self.value", name="value")
    run.write(1, 7, "self.value", name="value")
    finding = explain(run.record(run.failed(0, 9, AssertionError())), None, run.sources)
    assert finding.fix.startswith(fix)


def test_an_unknown_cause_is_not_made_up() -> None:
    run = Recording(COUNTER).started(1)
    run.read(1, 5, "self.value")
    record = run.record(run.failed(1, 6, ValueError("no")), Switch(1, 0, 0, "read Counter.called:self.value#1"))
    finding = explain(record, None, run.sources)
    assert finding.kind == "fails under a schedule"
    assert finding.gil is None
    assert not finding.certain
    assert finding.title == "Fails under every schedule that was tried: ValueError: no"
    finding = explain(record, run.record(), run.sources)
    assert finding.title == "Fails under some schedules: ValueError: no"


def test_every_kind_has_names_elsewhere() -> None:
    assert all(any(name.startswith("CWE-") for name in names) for names in KINDS.values())


def test_a_pair_that_is_seen_half_changed() -> None:
    code = "def move():\n    self.x = 3\n    self.y = 3\ndef draw():\n    return (p.x, p.y)\ndef test():\n    assert x == y\n"
    run = Recording(code).started(1, 2)
    run.write(1, 2, "self.x", name="x")
    run.read(2, 5, "p.x", name="x")
    run.read(2, 5, "p.y", name="y")
    run.write(1, 3, "self.y", name="y")
    finding = explain(run.record(run.failed(0, 7, AssertionError())), None, run.sources)
    assert finding.kind == "broken invariant"
    assert "changes `self.x` and `self.y` in two steps (lines 2 and 3)" in finding.why
    assert finding.gil is False


def test_what_says_ready_is_written_too_early() -> None:
    code = "def make():\n    self.ready = True\n    self.value = build()\ndef use():\n    if self.ready:\n        return self.value\nassert 0\n"
    run = Recording(code).started(1)
    run.write(1, 2, "self.ready")
    run.read(0, 5, "self.ready")
    run.read(0, 6, "self.value")
    run.write(1, 3, "self.value")
    finding = explain(run.record(run.failed(0, 7, AssertionError())), None, run.sources)
    assert finding.kind == "used before ready"
    assert "write `self.value` first and `self.ready` last" in finding.fix
    assert finding.gil is True


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("cannot join current thread", "waits for itself"),
        ("cannot join thread before it is started", "used before ready"),
        ("generator already executing", "shared iterator"),
        ("cannot schedule new futures after shutdown", "used after the end"),
        ("'_thread._local' object has no attribute 'x'", "used before ready"),
        ("weakly-referenced object no longer exists", "used after the end"),
        ("invalid state", "check then act"),
    ],
)
def test_errors_that_name_the_defect(text: str, kind: str) -> None:
    run = Recording(COUNTER).started(1)
    types = {"weakly-referenced object no longer exists": ReferenceError, "invalid state": InvalidStateError}
    error = types.get(text, RuntimeError)(text)
    finding = explain(run.record(run.failed(1, 6, error)), None, run.sources)
    assert finding.kind == kind
    assert "line 6" in finding.why
    assert finding.moments[-1].does == f"fails: {type(error).__name__}: {text}"


def test_a_queue_that_was_asked_first() -> None:
    code = "def work():\n    if not q.empty():\n        q.get_nowait()\n"
    run = Recording(code).started(1, 2)
    for thread, line in ((1, 2), (2, 2), (2, 3), (1, 3)):
        run.acquire(thread, line, "q")
        run.release(thread, line, "q")
    finding = explain(run.record(run.failed(1, 3, queue.Empty())), None, run.sources)
    assert finding.kind == "check then act"
    assert "asks `q.empty()` in line 2" in finding.why
    assert "catch queue.Empty" in finding.fix


def test_a_future_that_was_asked_first() -> None:
    code = "def work():\n    if not f.done():\n        f.set_result(1)\n"
    run = Recording(code).started(1, 2)
    for thread, line in ((1, 2), (2, 2), (2, 3), (1, 3)):
        run.acquire(thread, line, "f")
        run.release(thread, line, "f")
    finding = explain(run.record(run.failed(1, 3, InvalidStateError("FINISHED"))), None, run.sources)
    assert finding.kind == "check then act"
    assert "asks `f.done()` in line 2 and acts on the answer in line 3. In between Thread-2 uses it" in finding.why
    assert finding.fix == "Do not ask first: call `f.set_result()` and catch concurrent.futures.InvalidStateError."


def test_a_weak_reference_that_is_asked_twice() -> None:
    code = "def use():\n    if ref() is not None:\n        ref().work()\ndef drop():\n    node = None\n"
    run = Recording(code).started(1, 2)
    run.place("ref", "weakref")
    run.read(1, 2, "ref()", of="ref", name="[]")
    run.write(2, 5, "node")
    run.read(1, 3, "ref()", of="ref", name="[]")
    error = AttributeError("'NoneType' object has no attribute 'work'")
    finding = explain(run.record(run.failed(1, 3, error)), None, run.sources)
    assert finding.kind == "used after the end"
    assert "`ref()` gave the object in line 2, and None in line 3" in finding.why
    assert "Thread-2 lets go of it in line 5" in finding.why
    assert "`found = ref()`" in finding.fix
    assert [(moment.thread, moment.site.line) for moment in finding.moments if moment.site] == [
        (1, 2),
        (2, 5),
        (1, 3),
        (1, 3),
    ]


def test_an_error_that_was_kept_stands_before_what_was_done_with_it() -> None:
    code = "def work():\n    try:\n        f()\n    except Exception as e:\n        errors.append(e)\ndef test():\n    assert not errors\n"
    run = Recording(code).started(1, 2)
    run.read(1, 3, "f", name="f")
    run.write(2, 3, "f", name="other")
    run.write(1, 5, "errors", name="[]")
    run.read(0, 7, "errors", name="[]")
    kept = run.failed(1, 3, ValueError("odd"))
    failure = run.failed(0, 7, AssertionError("[ValueError('odd')]"))._replace(cause=kept)
    finding = explain(run.record(failure), None, run.sources)
    assert [moment.site.line for moment in finding.moments if moment.site][-3:] == [5, 7, 7]
    at = next(n for n, moment in enumerate(finding.moments) if "kept for later" in moment.does)
    assert all(moment.site.line != 5 for moment in finding.moments[:at] if moment.site)


def test_different_locks_do_not_keep_each_other_out() -> None:
    code = "one = Lock()\ntwo = Lock()\ndef pay():\n    with one:\n        it.cash += 1\ndef buy():\n    with two:\n        it.cash -= 1\nassert 0\n"
    run = Recording(code).started(1, 2)
    run.place("one", "Lock", 1)
    run.place("two", "Lock", 2)
    run.acquire(1, 4, "one")
    run.read(1, 5, "it.cash")
    run.acquire(2, 7, "two")
    run.write(2, 8, "it.cash")
    run.release(2, 7, "two")
    run.write(1, 5, "it.cash")
    finding = explain(run.record(run.failed(0, 9, AssertionError())), None, run.sources)
    assert "They hold different locks, `one` and `two`" in finding.why
    assert (
        finding.fix
        == "Use one and the same lock for `it.cash`, over line 5 and in line 8. `one` is made in line 1, `two` in line 2."
    )


def test_locks_of_one_name_are_told_apart_by_their_classes() -> None:
    code = "class A:\n    def __init__(self):\n        self.lock = Lock()\nclass B:\n    def __init__(self):\n        self.lock = Lock()\ndef f():\n    with a.lock:\n        with b.lock:\n            pass\n"
    run = Recording(code).started(1, 2)
    run.place("a", "Lock", 3)
    run.place("b", "Lock", 6)
    run.acquire(1, 8, "a")
    run.acquire(2, 9, "b")
    words = Words(History(run.record()), run.sources)
    assert [words.lock(run.numbers[name]) for name in "ab"] == ["A.lock", "B.lock"]


SPIN = "def wait():\n    while not self.ready:\n        pass\ndef other():\n    self.ready = False\n"


@pytest.mark.parametrize("changed", [False, True])
def test_a_loop_that_never_ends(changed: bool) -> None:
    run = Recording(SPIN).started(1, 2)
    for _ in range(50):
        run.read(1, 2, "self.ready")
        if changed:
            run.write(2, 5, "self.ready")
    failure = Failure("steps", "no end after 100 steps", 1, None, (), ())
    finding = explain(run.record(failure), None, run.sources)
    assert finding.kind == "no end"
    assert "Thread-1 looks at `self.ready` in line 2 again and again" in finding.why
    assert ("livelock" in finding.why) == changed


def test_an_outcome_that_depends_on_the_schedule() -> None:
    run = Recording(SPIN).started(1, 2)
    failure = Failure("outcome", "prints something else", 0, None, (), ())
    failing, passing = run.record(failure)._replace(output="a\nb\n"), run.record()._replace(output="a\nc\n")
    finding = explain(failing, passing, run.sources)
    assert finding.kind == "depends on the schedule"
    assert "Line 2 is `b` in this execution and `c` in another one." in finding.why
    assert explain(failing, None, run.sources).certain


def test_a_loop_variable_that_is_read_too_late() -> None:
    code = "for name in names:\n    thread = Thread(target=lambda: greet(name))\n    thread.start()\nassert 0\n"
    run = Recording(code, 3)
    scope = run.place("scope", "Scope")
    for child in (1, 2):
        run.add(0, Kind.WRITE, scope, "name", run.site(1, "name"))
        run.start(0, child, 3)
    run.add(1, Kind.READ, scope, "name", run.site(2, "name"))
    finding = explain(run.record(run.failed(0, 4, AssertionError())), None, run.sources)
    assert finding.title == "Read too late: name"
    assert "`args=(name,)`" in finding.fix


def test_what_nothing_explains_is_told_by_what_was_done_around_the_switches() -> None:
    run = Recording(COUNTER).started(1, 2)
    run.read(1, 5, "self.value", name="other")
    run.write(2, 7, "self.value", name="another")
    run.read(1, 6, "log", name="last")
    switch = Switch(1, 1, 2, "")
    finding = explain(run.record(run.failed(0, 9, AssertionError("1")), switch), None, run.sources)
    assert finding.kind == "fails under a schedule"
    assert [(moment.thread, moment.site.line) for moment in finding.moments if moment.site][:2] == [(1, 5), (2, 7)]


def test_an_assertion_that_quotes_an_error_is_not_taken_for_it() -> None:
    run = Recording(COUNTER).started(1)
    run.read(1, 5, "self.value", name="value")
    error = AssertionError("[ValueError('generator already executing')]")
    finding = explain(run.record(run.failed(0, 9, error)), None, run.sources)
    assert finding.kind == "fails under every schedule"
