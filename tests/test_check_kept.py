"""Exceptions that a thread has caught and kept, or that a test runner has: told where they were raised."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from plait._check.conclude import Checked, Subject, search
from plait._check.explore import Budget
from plait._check.kept import kept
from plait._check.programs.function_program import own_files
from plait._check.programs.program import Script


def check(folder: Path, source: str) -> Checked:
    file = folder / "program.py"
    file.write_text(dedent(source))
    mine = own_files(str(file), ())
    subject = Subject(lambda fresh: Script(str(file), [], fresh), mine)
    return search(subject, Budget(200, None), seed=0, scheduler="rotation")


THREADS = """
threads = [threading.Thread(target=use), threading.Thread(target=change)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
ITERATED = """
import threading
known, errors = {1: 1}, []
def use():
    try:
        for key in known: str(key)
    except RuntimeError as error:
        errors.append(error)
def change():
    known[2] = 2
"""


@pytest.mark.parametrize("end", ["assert not errors, errors", "assert errors == []", "if errors: raise errors[0]"])
def test_an_error_in_a_list_is_explained_where_it_was_raised(end: str, tmp_path: Path) -> None:
    told = check(tmp_path, ITERATED + THREADS + end).told
    assert told is not None
    assert told.finding.kind == "changed while iterated"
    assert told.finding.why.startswith("Thread-1 goes through `known` in line 6")


def test_the_exception_behind_the_exit_status_of_unittest_is_told(tmp_path: Path) -> None:
    test = """
    import threading, unittest
    class Case(unittest.TestCase):
        def add(self):
            before = self.number
            str(before)
            self.number = before + 1
        def test_it(self):
            self.number = 0
            threads = [threading.Thread(target=self.add) for _ in range(2)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            self.assertEqual(self.number, 2)
    unittest.main()
    """
    told = check(tmp_path, test).told
    assert told is not None
    assert told.finding.kind == "lost update"
    assert "AssertionError: 1 != 2" in told.finding.moments[-1].does


def test_what_another_thread_has_ended_is_told_though_no_schedule_comes_to_its_use(tmp_path: Path) -> None:
    service = """
    import queue, threading
    class Service:
        def __init__(self):
            self.work, self.sink, self.running, self.error = queue.Queue(), [], True, None
            self.thread = threading.Thread(target=self.run)
            self.thread.start()
        def run(self):
            while self.running:
                try:
                    item = self.work.get(timeout=1)
                except queue.Empty:
                    continue
                try:
                    self.sink.append(item)
                except AttributeError as error:
                    self.error = error
        def stop(self):
            self.running = False
            self.sink = None
            self.thread.join()
    service = Service()
    service.work.put(1)
    service.stop()
    assert service.error is None
    """
    told = check(tmp_path, service).told
    assert told is not None
    assert (told.finding.kind, told.finding.title) == ("used after the end", "Used after its end: self.sink")


def test_an_assertion_that_quotes_nothing_kept_speaks_for_itself() -> None:
    try:
        assert not ValueError("never raised").args
    except AssertionError as error:
        assert kept(error, {__file__}) is None
