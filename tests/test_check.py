"""`plait.check` as users call it: the story of what fails, the verdict of what passes, the replay by a token."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

import plait
from plait.errors import CheckFailed, NotChecked, UsageError

COUNTER = """
    import threading

    class Counter:
        def __init__(self):
            self.value = 0

        def bump(self):
            self.value += 1

    def scenario(bump):
        threads = [threading.Thread(target=bump) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def test_loses():
        counter = Counter()
        scenario(counter.bump)
        assert counter.value == 2

    def test_does_not_notice():
        scenario(Counter().bump)

    def test_locked():
        counter, lock = Counter(), threading.Lock()
        def bump():
            with lock:
                counter.bump()
        scenario(bump)
        assert counter.value == 2

    def test_deadlock():
        left, right = threading.Lock(), threading.Lock()
        def one():
            with left:
                with right:
                    pass
        def two():
            with right, left:
                pass
        threads = [threading.Thread(target=target) for target in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def test_with(argument):
        pass

    lambdas = [lambda: None]
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "counting.py").write_text(dedent(COUNTER))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield importlib.import_module("counting")
    sys.modules.pop("counting", None)


def failure(test: Callable[[], object], **options: object) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        plait.check(test, **options)  # type: ignore[arg-type]
    return caught.value


def test_a_lost_update_is_told_and_replayed(program: ModuleType) -> None:
    error = failure(program.test_loses)
    story = str(error)
    assert story.startswith("\nLost update of self.value\n")
    assert "fix       Hold one lock over line 9" in story
    assert "Only on a free-threaded build" in story
    assert f'plait.replay(test_loses, "{error.token}")' in story
    assert len(story.splitlines()) <= 31
    with pytest.raises(CheckFailed, match="Lost update of self.value"):
        plait.replay(program.test_loses, error.token)


def test_what_is_right_passes_and_says_what_was_seen(program: ModuleType) -> None:
    passed = plait.check(program.test_locked, runs=60, seconds=None)
    assert passed.verdict == "passed"
    assert passed.reason == "60 schedules, not a proof"
    assert "3 threads controlled" in passed.coverage


def test_a_loss_that_the_test_does_not_notice_is_told_too(program: ModuleType) -> None:
    error = failure(program.test_does_not_notice)
    assert "The program did not notice this time" in str(error)
    with pytest.raises(CheckFailed, match="did not notice"):
        plait.replay(program.test_does_not_notice, error.token)


def test_a_deadlock_is_predicted_made_to_happen_and_told(program: ModuleType) -> None:
    story = str(failure(program.test_deadlock, runs=3))
    assert "Deadlock of Thread-1 and Thread-2" in story
    assert "holds `left` since line" in story


def test_a_token_outlives_an_edit_elsewhere_and_says_when_it_does_not(program: ModuleType, tmp_path: Path) -> None:
    error = failure(program.test_loses)
    file = tmp_path / "counting.py"
    file.write_text("import queue\n\nNUMBERS = [1, 2]\nNUMBERS.append(3)\n" + dedent(COUNTER))
    with pytest.raises(CheckFailed):
        plait.replay(program.test_loses, error.token)
    file.write_text(dedent(COUNTER).replace("value", "total"))
    with pytest.raises(NotChecked, match="no longer applies: at switch 1"):
        plait.replay(program.test_loses, error.token)


@pytest.mark.parametrize(
    ("name", "message"),
    [("test_with", "needs argument"), ("lambdas", "top level of a module"), ("Counter", "top level of a module")],
)
def test_what_cannot_be_checked_says_what_to_do(program: ModuleType, name: str, message: str) -> None:
    test = getattr(program, name)
    with pytest.raises(UsageError, match=message):
        plait.check(test[0] if isinstance(test, list) else test)


def test_a_search_needs_an_end(program: ModuleType) -> None:
    with pytest.raises(UsageError, match="runs= or seconds="):
        plait.check(program.test_locked, seconds=None)


def test_a_scheduler_may_be_an_object(program: ModuleType) -> None:
    found = plait.check(program.test_locked, seconds=None, runs=5000, scheduler=plait.schedulers.BoundedScheduler())
    assert found.verdict == "proved"
    with pytest.raises(CheckFailed):
        plait.check(program.test_loses, seconds=None, runs=500, scheduler=plait.schedulers.PosScheduler())


def test_an_unknown_scheduler_and_a_damaged_token_are_refused(program: ModuleType) -> None:
    with pytest.raises(UsageError, match="scheduler="):
        plait.check(program.test_locked, scheduler="chance")
    with pytest.raises(UsageError, match="begin, choose and end"):
        plait.check(program.test_locked, scheduler=3)  # type: ignore[arg-type]  # that is what is tested
    with pytest.raises(UsageError, match="copy all of it"):
        plait.replay(program.test_locked, "1abc")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("plait.check(test_locked, runs=3).verdict", "passed\n"),
        ("plait.check(test_locked, seconds=None, runs=5000, scheduler='bounded').verdict", "proved\n"),
        ("plait.check(with_a_pool, runs=3).verdict", "passed\n"),
    ],
)
def test_a_script_may_check_a_function_of_its_own(call: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "import plait\n"
        + dedent(COUNTER)
        + "def with_a_pool():\n    with plait.Pool('thread', workers=2) as pool:\n"
        + "        assert pool.submit(abs, -1).result() == 1\n"
        + f"if __name__ == '__main__':\n    print({call})\n"
    )
    run = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, said), run.stderr


def test_a_script_may_check_what_it_imports(tmp_path: Path) -> None:
    (tmp_path / "adding.py").write_text(
        "import threading\nlock, seen = threading.Lock(), []\n"
        "def add():\n    with lock:\n        seen.append(len(seen))\n"
        "def test_add():\n"
        "    threads = [threading.Thread(target=add) for _ in range(2)]\n"
        "    for thread in threads: thread.start()\n"
        "    for thread in threads: thread.join()\n"
        "    assert seen == [0, 1]\n"
    )
    script = tmp_path / "script.py"
    script.write_text("import plait\nfrom adding import test_add\nprint(plait.check(test_add, runs=3).verdict)\n")
    run = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "passed\n"), run.stderr
