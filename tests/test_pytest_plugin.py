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

    def test_with_a_fixture(capfd):
        assert True
"""


def run(pytester: pytest.Pytester, *arguments: str, installed: bool = False) -> pytest.RunResult:
    """In a process of its own: a run in this one would import parts of plait twice.

    Without the other plugins that are installed, which take as long to import as pytest itself, unless they are wanted.
    """
    known = any(one.value == "plait.pytest_plugin" for one in entry_points(group="pytest11"))
    plugin = () if known and installed else ("-p", "plait.pytest_plugin")
    with pytest.MonkeyPatch.context() as patch:
        if not installed:
            patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        return pytester.runpytest_subprocess(*plugin, *arguments)


def explored(pytester: pytest.Pytester, *arguments: str, **outcomes: int) -> pytest.RunResult:
    """A run with these outcomes; with more seconds for each test if it takes them, as on a busy machine."""
    for seconds in (0.1, 1, 10, 50):
        result = run(pytester, f"--plait={seconds}", *arguments)
        as_wanted = all(result.parseoutcomes().get(word, 0) == count for word, count in outcomes.items())
        if as_wanted and "time was up" not in result.stdout.str():
            break
    result.assert_outcomes(**outcomes)
    return result


def test_without_being_asked_it_does_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = run(pytester, installed=True)
    result.assert_outcomes(passed=5, skipped=1)
    assert "schedules" not in result.stdout.str()


def test_every_test_that_can_be_is_explored(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = explored(pytester, passed=4, failed=1, skipped=1)
    result.stdout.fnmatch_lines(["*Lost update of self.value*", "*Only on a free-threaded build*"])
    result.stdout.fnmatch_lines(
        ["4 tests under * schedules", "not checked: *test_with_a_fixture: it uses the fixture capfd*"]
    )


def test_the_schedule_that_failed_is_tried_first_until_it_passes(pytester: pytest.Pytester) -> None:
    file = pytester.makepyfile(TESTS)
    explored(pytester, "-k", "loses", failed=1)
    cached = (pytester.path / ".pytest_cache" / "v" / "plait" / "tokens").read_text()
    assert "test_loses" in cached
    again = run(pytester, "--plait=0.0001", "-k", "loses")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*Lost update of self.value*"])
    file.write_text(file.read_text().replace("counter.value == 2", "counter.value"))
    explored(pytester, "-k", "skips or right", passed=2, skipped=1)


def test_a_mark_asks_for_it_with_options_and_demands_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        TESTS.replace("def test_loses", "@pytest.mark.plait(runs=10, seconds=None)\n    def test_loses")
        .replace("def test_with_a", "@pytest.mark.plait\n    def test_with_a")
        .replace("def test_skips", "@pytest.mark.plait(skip='slow')\n    def test_skips")
    )
    result = run(pytester, installed=True)
    result.assert_outcomes(failed=2, passed=3, skipped=1)
    result.stdout.fnmatch_lines(["*Lost update of self.value*"])
    result.stdout.fnmatch_lines(["*not checked: it uses the fixture capfd*"])


HEAD = """
import asyncio
import threading
import unittest

import pytest

class Counter:
    def __init__(self):
        self.value = 0

    def add(self):
        self.value += 1

def together(counter):
    threads = [threading.Thread(target=counter.add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""

UNITTEST = """
class Base:
    def test_inherited(self):
        together(self.counter)
        self.assertEqual(self.counter.value, 2)

class TestOld(Base, unittest.TestCase):
    log = []

    @classmethod
    def setUpClass(cls):
        cls.lock = threading.Lock()
        cls.addClassCleanup(cls.log.append, "class is cleaned up")

    def setUp(self):
        self.counter = Counter()
        self.assertTrue(hasattr(self, "lock"))

    def tearDown(self):
        del self.counter

    def test_loses(self):
        together(self.counter)
        self.assertEqual(self.counter.value, 2)

    def test_right(self):
        def add():
            with self.lock:
                self.counter.add()
        threads = [threading.Thread(target=add) for _ in range(2)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        with self.subTest("both"):
            self.assertEqual(self.counter.value, 2)

    @unittest.skip("not today")
    def test_skipped(self):
        raise AssertionError

    def test_skips_itself(self):
        self.skipTest("not today")

    @unittest.expectedFailure
    def test_fails_as_expected(self):
        self.assertTrue(False)

    @unittest.expectedFailure
    def test_loses_as_expected(self):
        together(self.counter)
        self.assertEqual(self.counter.value, 2)

    @unittest.expectedFailure
    def test_passes_unexpectedly(self):
        pass

class TestAsync(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.counter = Counter()

    async def add(self):
        before = self.counter.value
        await asyncio.sleep(0.1)
        self.counter.value = before + 1

    async def test_loses_across_await(self):
        await asyncio.gather(self.add(), self.add())
        self.assertEqual(self.counter.value, 2)
"""

CLASSES = """
def setup_module(module):
    module.made = []

def setup_function():
    made.append("function")

def teardown_function(function):
    assert made.pop() == "function"

class TestPlain:
    @classmethod
    def setup_class(cls):
        cls.made = []

    def setup_method(self, method):
        self.counter = Counter()
        self.made.append(method.__name__)

    def teardown_method(self):
        self.made.pop()

    def test_loses(self):
        together(self.counter)
        assert self.counter.value == 2

    def test_right(self):
        assert self.counter.value == 0
        assert self.made == ["test_right"]

def test_function():
    assert made == ["function"]
"""


def test_tests_of_unittest_are_explored(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(HEAD + UNITTEST)
    result = explored(pytester, "-rf", failed=4, passed=1, skipped=2, xfailed=2)
    failed = {line.split(" ")[1].rpartition("::")[2] for line in result.outlines if line.startswith("FAILED")}
    assert failed == {"test_loses", "test_inherited", "test_loses_across_await", "test_passes_unexpectedly"}
    result.stdout.fnmatch_lines(["*expected to fail, and passed under all schedules*"])
    result.stdout.fnmatch_lines(["*Lost update of self.value*", "*Lost update of self.counter.value*"])
    assert "not checked" not in result.stdout.str()


def test_what_is_set_up_for_classes_and_modules_is_set_up_for_each_execution(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(HEAD + CLASSES)
    result = explored(pytester, failed=1, passed=2)
    result.stdout.fnmatch_lines(["*Lost update of self.value*"])
    assert "not checked" not in result.stdout.str()


def test_monkeypatch_and_capsys_are_made_for_each_execution(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
NAMES = {}

@pytest.mark.plait(runs=20, seconds=None)
def test_prints(capsys, monkeypatch):
    monkeypatch.setitem(NAMES, "one", 1)
    assert len(NAMES) == 1
    threads = [threading.Thread(target=print, args=(x,)) for x in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    read = capsys.readouterr()
    assert sorted(read.out.split()) == ["0", "1"]
    assert capsys.readouterr() == ("", "")
"""
    )
    result = run(pytester)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["1 test under 20 schedules*"])
    assert "not checked" not in result.stdout.str()


def test_a_path_behind_the_option_is_explained(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = run(pytester, "--plait", "test_something.py")
    assert result.ret != 0
    assert "--plait=SECONDS" in result.stderr.str() + result.stdout.str()


def test_a_parameter_of_a_fixture_is_not_what_the_test_gets(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import pytest

@pytest.fixture(params=[1, 2])
def sized(request):
    return [0] * request.param

@pytest.fixture
def doubled(request):
    return request.param * 2

def test_sized(sized):
    assert set(sized) == {0}

@pytest.mark.parametrize("doubled", ["x"], indirect=True)
def test_doubled(doubled):
    assert doubled == "xx"

@pytest.mark.parametrize("sized", ["in its place"])
def test_direct(sized):
    assert sized == "in its place"
"""
    )
    result = run(pytester, "--plait=2")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["4 tests under *"])
    assert "not checked" not in result.stdout.str()


def test_a_mark_that_says_what_nobody_knows_is_explained(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.plait(3, second=1)\ndef test_it(): pass")
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*does not know 3, second: it takes runs, seconds, seed, scheduler, skip"])


def test_a_warning_is_listed_once_and_not_for_each_execution(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import threading, warnings
import pytest

warnings.warn("old")

def test_it():
    threads = [threading.Thread(target=warnings.warn, args=("in it",)) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    with pytest.warns(UserWarning, match="recorded"):
        warnings.warn("recorded")
"""
    )
    result = run(pytester, "--plait=0.3")
    result.assert_outcomes(passed=1, warnings=3)  # that of the module when it is collected, too


def test_what_decorators_wrap_and_other_plugins_run_is_explored(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
import asyncio, functools, inspect
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):  # as pytest-asyncio does it
    if inspect.iscoroutinefunction(item.obj):
        function = item.obj
        item.obj = functools.wraps(function)(lambda **given: asyncio.run(function(**given)))
    return (yield)

@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
    function = fixturedef.func
    if inspect.iscoroutinefunction(function):
        fixturedef.func = functools.wraps(function)(lambda: asyncio.run(function()))
    return (yield)
"""
    )
    pytester.makepyfile(
        HEAD
        + """
from unittest import mock
import pytest

@pytest.fixture
async def later(): return Counter()

@mock.patch("os.getcwd")
def test_patched(getcwd, tmp_path):
    counter = Counter()
    together(counter)
    assert counter.value == 2

async def test_coroutine():
    counter = Counter()
    async def add():
        before = counter.value
        await asyncio.sleep(0)
        counter.value = before + 1
    await asyncio.gather(add(), add())
    assert counter.value == 2

def test_with_what_is_asynchronous(later):
    assert later.value == 0
"""
    )
    result = explored(pytester, failed=2, passed=1)
    result.stdout.fnmatch_lines(["*Lost update of self.value*", "*Lost update of counter.value*"])
    result.stdout.fnmatch_lines(["3 tests under *"])
    assert "not checked" not in result.stdout.str()


def test_what_has_come_of_a_test_is_part_of_its_report(pytester: pytest.Pytester) -> None:
    """As pytest-xdist sends it from the process that runs the test to the one that prints the summary."""
    pytester.makeconftest(
        """
import json

def pytest_runtest_logreport(report):
    if report.when == "call":
        sent = report._to_json()
        print("sent", json.loads(json.dumps({name: sent.get(name) for name in ("outcome", "plait")})))
"""
    )
    pytester.makepyfile(TESTS)
    result = explored(pytester, "-s", "-k", "loses or with_a_fixture", failed=1, passed=1)
    result.stdout.fnmatch_lines(["*'failed', 'plait': ?*, ''?*", "*'passed', 'plait': ?0, 'it uses the fixture capfd*"])
    result.stdout.fnmatch_lines(["1 test under *"])


def test_what_an_explored_test_was_to_do_is_looked_at_in_each_execution_only(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import threading
from unittest import mock
import pytest

def both(function):
    threads = [threading.Thread(target=function) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()

@pytest.fixture
def inner(tmp_path):
    log = tmp_path / "log"
    yield log
    assert log.read_text() == "done"

@pytest.fixture
def sender(inner):
    sender = mock.Mock()
    yield sender
    sender.assert_called()
    inner.write_text("done")

def test_sends(sender):
    both(sender)

@pytest.fixture
def counted():
    counted = [0]
    yield counted
    assert counted == [2]

def test_loses(counted):
    def add():
        before = counted[0]
        counted[0] = before + 1
    both(add)

class TestInClass:
    def setup_method(self):
        self.done = []

    def teardown_method(self):
        assert self.done == [1, 1]

    def test_done(self):
        both(lambda: self.done.append(1))
"""
    )
    result = run(pytester, "--plait=0.3")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*Lost update of counted*"])


def test_what_runs_as_always_although_it_may_hang_is_said_before_it_does(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("""
        from plait._check.explored_test import ExploredTest
        from plait._check.verdict import Verdict

        explore, reason = ExploredTest.explore, "the time was up before the first execution had ended"

        def in_vain(test, wanted, token):
            return explore(test, wanted, token)._replace(verdict=Verdict("inconclusive", reason), told=None)

        ExploredTest.explore = in_vain
    """)
    pytester.makepyfile("""
        import threading

        def test_ends():
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()
    """)
    result = run(pytester, "--plait=0.1")
    result.assert_outcomes(passed=1)
    lines = result.stdout.lines
    said = next(at for at, line in enumerate(lines) if "test_ends runs as always now: the time was up before" in line)
    assert "faulthandler_timeout" in lines[said]
    assert said < next(at for at, line in enumerate(lines) if line.startswith("====") and " plait " in line)
