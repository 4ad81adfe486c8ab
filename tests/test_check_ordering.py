"""What came in the other order than in an execution that passed, told from what only looks like it."""

from __future__ import annotations

from check_records import Recording

from plait._check.reading.history import History
from plait._check.reading.ordering import swaps

SOURCE = """
def add(job):
    job.id = 1
    jobs.append(job)

def serve(job):
    remove(job.id)
"""


def served(*jobs: tuple[str, int]) -> Recording:
    """Jobs that were given their ids by these threads, each read by another thread right after that."""
    recording = Recording(SOURCE, threads=4)
    for job, thread in jobs:
        recording.write(thread, 2, "id", of=job)
        recording.read(3, 6, "id", of=job)
    return recording


def test_another_object_of_the_same_line_is_not_what_was_used() -> None:
    passing = History(served(("a", 1), ("b", 2)).record())
    failing = History(served(("b", 2), ("a", 1)).record())
    assert swaps(failing, passing, [3, 1]) == []


def test_what_another_thread_still_has_to_give_to_it_is() -> None:
    passing = served(("a", 1))
    failing = Recording(SOURCE, threads=4)
    failing.write(2, 2, "id", of="a")
    use = failing.read(3, 6, "id", of="a")
    late = failing.write(1, 2, "id", of="a")
    (swap,) = swaps(History(failing.record()), History(passing.record()), [use])
    assert (swap.change, swap.writer, swap.late) == (late, 1, True)
