"""The pytest plugin: which tests are explored, what is said of them, and what is tried first the next time."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

TESTS = """
    import threading

    import pytest

    class Counter:
        def __init__(self):
            self.value = 0

        def bump(self):
            self.value += 1

    def both(work):
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def test_loses():
        counter = Counter()
        both(counter.bump)
        assert counter.value == 2

    class TestInClass:
        @pytest.mark.parametrize("times", [1, 2])
        def test_right(self, times, tmp_path):
            assert not list(tmp_path.iterdir())
            (tmp_path / "mine").write_text("x")
            counter, lock = Counter(), threading.Lock()
            def locked():
                with lock:
                    counter.bump()
            both(locked)
            assert counter.value == 2

    def test_skips():
        pytest.skip("not today")

    made = []

    @pytest.fixture
    def lock(tmp_path):
        made.append("made")
        yield threading.Lock()
        assert made.pop() == "made"

    @pytest.fixture
    def counter(lock):
        return Counter()

    def test_with_fixtures(counter, lock):
        assert made == ["made"]
        def locked():
            with lock:
                counter.bump()
        both(locked)
        assert counter.value == 2

    def test_with_a_fixture(capsys):
        assert True
"""


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """In a process of its own: a run in this one would import parts of plait twice."""
    known = any(one.value == "plait.pytest_plugin" for one in entry_points(group="pytest11"))
    plugin = () if known else ("-p", "plait.pytest_plugin")
    return pytester.runpytest_subprocess(*plugin, *arguments)


def test_without_being_asked_it_does_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = run(pytester)
    result.assert_outcomes(passed=5, skipped=1)
    assert "schedules" not in result.stdout.str()


def test_every_test_that_can_be_is_explored(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = run(pytester, "--plait=1")
    result.assert_outcomes(passed=4, failed=1, skipped=1)
    result.stdout.fnmatch_lines(["*Lost update of self.value*", "*Only on a free-threaded build*"])
    result.stdout.fnmatch_lines(
        ["3 tests under * schedules", "not checked: *test_with_a_fixture: it uses the fixture capsys*"]
    )


def test_the_schedule_that_failed_is_tried_first_until_it_passes(pytester: pytest.Pytester) -> None:
    file = pytester.makepyfile(TESTS)
    run(pytester, "--plait=1", "-k", "loses").assert_outcomes(failed=1)
    cached = (pytester.path / ".pytest_cache" / "v" / "plait" / "tokens").read_text()
    assert "test_loses" in cached
    again = run(pytester, "--plait=0.0001", "-k", "loses")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*Lost update of self.value*"])
    file.write_text(file.read_text().replace("counter.value == 2", "counter.value"))
    run(pytester, "--plait=1", "-k", "skips or right").assert_outcomes(passed=2, skipped=1)


def test_a_mark_asks_for_it_with_options_and_demands_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        TESTS.replace("def test_loses", "@pytest.mark.plait(runs=10, seconds=None)\n    def test_loses")
        .replace("def test_with_a", "@pytest.mark.plait\n    def test_with_a")
        .replace("def test_skips", "@pytest.mark.plait(skip='slow')\n    def test_skips")
    )
    result = run(pytester)
    result.assert_outcomes(failed=2, passed=3, skipped=1)
    result.stdout.fnmatch_lines(["*Lost update of self.value*"])
    result.stdout.fnmatch_lines(["*not checked: it uses the fixture capsys*"])


def test_a_test_of_unittest_is_not_passed_over_in_silence(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import unittest

        import pytest

        class TestOld(unittest.TestCase):
            def test_plain(self):
                self.assertTrue(True)

            @pytest.mark.plait
            def test_marked(self):
                self.assertTrue(True)
        """
    )
    result = run(pytester, "--plait=1")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*not checked: it is a test of unittest*"])
    result.stdout.fnmatch_lines(["not checked: *test_plain: it is a test of unittest"])


def test_a_path_behind_the_option_is_explained(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = run(pytester, "--plait", "test_something.py")
    assert result.ret != 0
    assert "--plait=SECONDS" in result.stderr.str() + result.stdout.str()
