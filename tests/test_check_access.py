"""Races and atomicity violations: what is one and what only looks like one, and the switches that would show it."""

from __future__ import annotations

import pytest
from check_records import Recording

from plait._check.predict import lost, predictions
from plait._check.reading.atomicity import candidates, splits
from plait._check.reading.history import History
from plait._check.reading.races import races
from plait._check.reading.reversals import reversals
from plait._check.reading.source import Sources
from plait._check.reading.torn import torn

COUNTER = """
lock = Lock()
class Counter:
    value = 0
    def bump(self):
        self.value += 1
    def safe(self):
        with lock:
            self.value += 1
    def stop(self):
        self.value = True
"""


def bumps(recording: Recording, thread: int, line: int = 5) -> tuple[int, int]:
    return recording.read(thread, line, "self.value"), recording.write(thread, line, "self.value")


def test_unprotected_updates_race_and_the_switches_lose_one() -> None:
    recording = Recording(COUNTER).started(1, 2)
    read, write = bumps(recording, 1)
    _, other = bumps(recording, 2)
    history = History(recording.record())
    (race,) = races(history, recording.sources)
    assert race.split[1:] == (read, other, write)
    assert [(switch.thread, switch.step, switch.to) for switch in race.switches] == [
        (0, 2, 1),
        (1, 1, 2),
        (2, 2, 1),
    ]
    assert race.switches[1].label == "write Counter.bump:self.value"


def test_a_common_lock_an_order_or_an_own_slot_is_no_race() -> None:
    locked = Recording(COUNTER).started(1, 2)
    for thread in (1, 2):
        locked.acquire(thread, 7)
        bumps(locked, thread, 8)
        locked.release(thread, 7)
    joined = Recording(COUNTER)
    joined.start(0, 1)
    bumps(joined, 1)
    joined.end(1)
    joined.join(0, 1)
    bumps(joined, 0)
    slots = Recording(COUNTER).started(1, 2)
    for thread in (1, 2):
        slots.read(thread, 5, "self.value", of=f"slot {thread}")
        slots.write(thread, 5, "self.value", of=f"slot {thread}")
    for recording in (locked, joined, slots):
        history = History(recording.record())
        assert races(history, recording.sources) == []
        assert candidates(history) == []


def test_a_stop_flag_is_no_race() -> None:
    recording = Recording(COUNTER).started(1, 2)
    recording.read(1, 5, "self.value")
    recording.write(2, 10, "self.value")
    recording.read(1, 5, "self.value")
    assert races(History(recording.record()), recording.sources) == []


def test_adding_to_what_may_be_a_list_is_no_race() -> None:
    code = "found = list()\ndef collect(part):\n    global found\n    found += part\n"
    recording = Recording(code).started(1, 2)
    for thread in (1, 2):
        recording.read(thread, 4, "found")
        recording.write(thread, 4, "found")
    assert races(History(recording.record()), recording.sources) == []


def test_a_lost_update_is_a_split() -> None:
    recording = Recording(COUNTER).started(1, 2)
    read = recording.read(1, 5, "self.value")
    _, other = bumps(recording, 2)
    write = recording.write(1, 5, "self.value")
    found = splits(History(recording.record()))
    assert [split for split in found if split.kind == "lost update"] == [("lost update", read, other, write)]


def test_serial_updates_are_no_split() -> None:
    recording = Recording(COUNTER).started(1, 2)
    bumps(recording, 1)
    bumps(recording, 2)
    assert splits(History(recording.record())) == []


def test_what_is_read_before_a_commit_is_nothing_half_changed() -> None:
    recording = Recording("db.execute(UPDATE)\ndb.commit()\n").started(1, 2)
    recording.write(1, 1, "execute", of="db", name="[]")
    recording.read(2, 1, "execute", of="db", name="[]")
    recording.write(1, 2, "commit", of="db", name="[]")
    assert splits(History(recording.record())) == []


def around_a_thread(read_before: bool = True) -> Recording:
    """A thread is started, and waited for, between what the first one does before and after."""
    code = "show(out)\nbegin()\nend()\nassert out == rest\ndef work():\n    out = 1\n    rest = 1\n"
    recording = Recording(code)
    (recording.read if read_before else recording.write)(0, 1, "out", name="out")
    recording.start(0, 1, 2)
    recording.write(1, 6, "out", name="out")
    recording.write(1, 7, "rest", name="rest")
    recording.end(1)
    recording.join(0, 1, 3)
    recording.read(0, 4, "out", name="out")
    recording.read(0, 4, "rest", name="rest")
    return recording


@pytest.mark.parametrize("read_before", [True, False])
def test_what_a_thread_does_before_a_start_and_after_the_join_is_not_split(read_before: bool) -> None:
    history = History(around_a_thread(read_before).record())
    assert splits(history) == []
    assert torn(history, Sources(lambda _: [])) is None


def test_who_only_starts_or_only_joins_is_not_split_by_that_thread_but_by_others() -> None:
    recording = Recording("begin()\nout = 1\n").started(2)
    first = recording.read(0, 2, "out", name="out")
    recording.start(0, 1, 1)
    recording.write(1, 2, "out", name="out")
    other = recording.write(2, 2, "out", name="out")
    second = recording.write(0, 2, "out", name="out")
    assert splits(History(recording.record())) == [("lost update", first, other, second)]


def test_a_lock_let_go_in_between_is_named_as_such_and_proposed() -> None:
    code = "def pay():\n    with lock:\n        old = it.n\n    with lock:\n        it.n = old\n"
    recording = Recording(code).started(1, 2)
    marks = []
    for thread in (1, 2):
        recording.acquire(thread, 2)
        marks.append(recording.read(thread, 3, "it.n"))
        recording.release(thread, 2)
        recording.acquire(thread, 4)
        marks.append(recording.write(thread, 5, "it.n"))
        recording.release(thread, 4)
    found = candidates(History(recording.record()))
    assert found[0].split == ("lock released in between", marks[0], marks[3], marks[1])


def test_elements_of_a_container_conflict_with_the_whole() -> None:
    code = "def get(key):\n    if key not in cache:\n        cache[key] = 1\n"
    recording = Recording(code).started(1, 2)
    read = recording.read(1, 2, "cache", name="[]")
    recording.read(2, 2, "cache", name="[]")
    other = recording.write(2, 3, "cache[key]", name="['k']")
    write = recording.write(1, 3, "cache[key]", name="['k']")
    found = splits(History(recording.record()))
    assert ("lost update", read, other, write) in found
    elsewhere = Recording(code).started(1, 2)
    elsewhere.read(1, 2, "cache", name="['a']")
    elsewhere.write(2, 3, "cache[key]", name="['b']")
    elsewhere.write(1, 3, "cache[key]", name="['a']")
    assert splits(History(elsewhere.record())) == []


def test_what_must_come_first_is_not_proposed() -> None:
    recording = Recording(COUNTER)
    bumps(recording, 0)
    recording.start(0, 1)
    bumps(recording, 1)
    assert candidates(History(recording.record())) == []


def test_a_predicted_loss_is_told_only_when_it_has_happened() -> None:
    passing = Recording(COUNTER).started(1, 2)
    bumps(passing, 1)
    bumps(passing, 2)
    prediction = next(one for one in predictions(passing.record(), passing.sources) if one.kind == "data race")
    assert lost(prediction, passing.record(), passing.sources) is None
    losing = Recording(COUNTER).started(1, 2)
    losing.read(1, 5, "self.value")
    bumps(losing, 2)
    losing.write(1, 5, "self.value")
    finding = lost(prediction, losing.record(), losing.sources)
    assert finding is not None
    assert finding.kind == "data race"
    assert finding.gil is False


def test_an_order_that_was_chance_is_turned_around() -> None:
    recording = Recording(COUNTER).started(1, 2)
    recording.read(1, 5, "self.value")
    recording.read(2, 5, "self.value")
    recording.write(2, 5, "self.value")
    (found,) = reversals(History(recording.record()))
    assert [(switch.thread, switch.step, switch.to) for switch in found.switches] == [(0, 2, 2), (2, 2, 1)]
    ordered = Recording(COUNTER)
    ordered.write(0, 5, "self.value")
    ordered.start(0, 1)
    ordered.read(1, 5, "self.value")
    assert reversals(History(ordered.record())) == []


def test_a_line_that_says_that_updates_may_be_lost_is_no_race() -> None:
    code = COUNTER.replace(
        "self.value += 1\n    def safe", "self.value += 1  # plait: may be lost: only an estimate\n    def safe"
    )
    recording = Recording(code).started(1, 2)
    bumps(recording, 1)
    bumps(recording, 2)
    assert races(History(recording.record()), recording.sources) == []


def test_what_is_done_on_the_way_to_a_sum_is_no_update_of_it() -> None:
    code = "def take(key):\n    total = 0\n    total += prices.get(key) + prices.pop(key)\n"
    recording = Recording(code).started(1, 2)
    for thread in (1, 2):
        recording.read(thread, 3, "prices.get", name="[]")
        recording.write(thread, 3, "prices.pop", name="[]")
    assert races(History(recording.record()), recording.sources) == []
