"""Tokens in a program that has changed: the places are found by what stands there, or it is said which is not."""

from __future__ import annotations

from collections.abc import Sequence

from check_records import Recording

from plait._check.record import Record, Switch
from plait._check.settle import settle
from plait._check.token import stale

CODE = """
def bump():
    self.value += 1
def other():
    self.noise = 1
"""


def program(noise: int, word: str = "value"):
    """Two threads bump after some noise; they follow the switches that apply."""

    def run(switches: Sequence[Switch]) -> Record:
        recording = Recording(CODE.replace("value", word)).started(1, 2)
        pending = {thread: [*["noise"] * noise, "read", "write"] for thread in (1, 2)}
        running, taken, steps = 1, [], {1: 0, 2: 0}
        left = list(switches)
        while any(pending.values()):
            if not pending[running]:
                running = 3 - running
            if left and (left[0].thread, left[0].step) == (running, steps[running]) and pending[left[0].to]:
                label = {
                    "noise": "write other:self.noise",
                    "read": f"read bump:self.{word}",
                    "write": f"write bump:self.{word}",
                }
                times = steps[running] + 1 if pending[running][0] == "noise" else 1
                words = label[pending[running][0]] + (f"#{times}" if times > 1 else "")
                taken.append(left[0]._replace(label=words))
                running = left.pop(0).to
            what = pending[running].pop(0)
            steps[running] += 1
            if what == "noise":
                recording.write(running, 4, "self.noise", of=f"noise {running}")
            else:
                getattr(recording, what)(running, 2, f"self.{word}", name=word)
        recording.end(1)
        return recording.record(None, *taken)

    return run


SPLIT = Switch(1, 1, 2, "write bump:self.value")


def test_a_token_of_this_very_program_is_followed_as_it_is() -> None:
    settled = settle((SPLIT,), program(0))
    assert settled.applied == 1
    assert settled.record.switches == (SPLIT,)


def test_it_is_found_again_when_there_is_more_before_it() -> None:
    settled = settle((SPLIT,), program(3))
    assert settled.applied == 1
    assert settled.record.switches == (SPLIT._replace(step=4),)


def test_the_how_many_th_time_counts() -> None:
    third = Switch(1, 0, 2, "write other:self.noise#3")
    assert settle((third,), program(5)).record.switches[0].step == 2
    assert settle((third,), program(2)).applied == 0


def test_a_line_that_is_no_more_is_named() -> None:
    settled = settle((SPLIT,), program(0, word="total"))
    assert settled.applied == 0
    assert "`write bump:self.value`" in stale((SPLIT,), settled.applied)


def test_the_end_of_a_thread_is_a_place_too() -> None:
    settled = settle((Switch(1, 9, 2, "end"),), program(1))
    assert settled.applied == 1
