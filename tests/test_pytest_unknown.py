"""The pytest plugin on tests that it has never seen: what passes as always passes, or is not checked, and why."""

from __future__ import annotations

import pytest
from test_pytest_plugin import explored, run

pytest_plugins = ["pytester"]

LIBRARY = """
class Broken(Exception): pass

class Old(UserWarning): pass

LIMIT = 10
SETTINGS = {}
"""

CONFTEST = """
import pytest
import library

@pytest.fixture(scope="session", autouse=True)
def settings():
    library.SETTINGS["mode"] = "test"
    yield
    del library.SETTINGS["mode"]

@pytest.fixture(autouse=True)
def limit(monkeypatch):
    monkeypatch.setattr(library, "LIMIT", 2)

@pytest.fixture(scope="module", params=["a", "b"])
def letter(request):
    ended = []
    request.addfinalizer(lambda: ended.append(request.param))
    yield request.param
    assert not ended

class Awaitable:
    def __await__(self):
        raise AssertionError("it is the test's own")

@pytest.fixture
def objects():
    return Awaitable(), (number for number in range(2))

@pytest.fixture
def ref(objects):
    return objects[0]

@pytest.fixture
def numbers(objects):
    return objects[1]

@pytest.fixture
def named(request, pytestconfig):
    assert request.config is pytestconfig and request.function.__name__ == request.node.originalname
    return request.getfixturevalue("letter") + request.getfixturevalue("owner")

@pytest.fixture
def owner(request):
    return request.cls.__name__ if request.cls else ""
"""

TESTS = """
import logging, threading, unittest, warnings
import pytest
import library

def both(function):
    threads = [threading.Thread(target=function) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()

def test_what_is_around_it():
    both(lambda: None)
    assert (library.LIMIT, library.SETTINGS) == (2, {"mode": "test"})

def test_parameters(letter, named):
    both(lambda: None)
    assert named == letter

class TestInClass:
    @pytest.fixture(autouse=True)
    def prepare(self, letter):
        assert self.stack == ["setup"]
        self.stack.append(letter)

    @pytest.fixture
    def third(self):
        return self.stack[1] * 3

    def setup_method(self):
        self.stack = ["setup"]

    def test_in_class(self, letter, third, named):
        both(lambda: None)
        assert (self.stack, third, named) == (["setup", letter], letter * 3, letter + "TestInClass")

class TestCase(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def prepare(self):
        self.letter = "a"

    def setUp(self):
        self.before = self.letter

    def test_in_case(self):
        both(lambda: None)
        self.assertIn(self.before, "ab")
        self.assertEqual(library.LIMIT, 2)

@pytest.mark.parametrize("error", [library.Broken, ValueError])
def test_classes_as_parameters(error):
    def fail():
        raise error
    both(lambda: None)
    with pytest.raises(library.Broken if error is not ValueError else ValueError):
        fail()

@pytest.mark.filterwarnings("error", "ignore::library.Old")
def test_filters():
    both(lambda: warnings.warn("old", library.Old))

def test_what_fixtures_return(ref, numbers, objects):
    both(lambda: None)
    assert (ref, numbers) == objects
    assert list(numbers) == [0, 1]

def test_warns(recwarn):
    both(lambda: warnings.warn("old", library.Old))
    assert {str(one.message) for one in recwarn} == {"old"}

def renamed(function):
    return lambda: function()

@renamed
def test_what_a_decorator_has_made():
    both(lambda: None)

def test_logs(caplog):
    with caplog.at_level(logging.INFO):
        both(lambda: logging.info("said"))
    assert caplog.messages == ["said"] * 2
"""


def test_what_passes_as_always_passes_under_many_schedules(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(library=LIBRARY)
    pytester.makepyfile(TESTS)
    run(pytester).assert_outcomes(passed=13)
    result = explored(pytester, passed=13)
    result.stdout.fnmatch_lines(["13 tests under * schedules"])
    assert "not checked" not in result.stdout.str()


ASYNCHRONOUS = """
import asyncio, functools, inspect
import pytest

def pytest_pyfunc_call(pyfuncitem):
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}))
        return True

@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
    function = fixturedef.func
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        fixturedef.func = functools.wraps(function)(lambda **given: None)
    return (yield)

@pytest.fixture
async def queue():
    queue = asyncio.Queue()
    queue.loop = asyncio.get_running_loop()
    yield queue
    assert queue.empty() and queue.loop is asyncio.get_running_loop()

@pytest.fixture
async def filled(queue):
    await queue.put(1)
    return queue
"""


def test_asynchronous_fixtures_share_the_loop_of_the_test(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(ASYNCHRONOUS)
    pytester.makepyfile(
        """
import asyncio

async def test_it(filled, queue):
    assert filled is queue and queue.loop is asyncio.get_running_loop()
    assert await asyncio.gather(queue.get(), asyncio.sleep(0.1, "slept")) == [1, "slept"]
"""
    )
    result = explored(pytester, passed=1)
    result.stdout.fnmatch_lines(["1 test under *"])
    assert "not checked" not in result.stdout.str()


def test_what_fails_whatever_the_schedule_runs_as_always(pytester: pytest.Pytester) -> None:
    """It may do what check does not know; if it fails as always, too, that is what is shown."""
    pytester.makeconftest("import builtins\nbuiltins.seen_first = {}\n")
    pytester.makepyfile(
        """
import builtins, sys, threading
import pytest

builtins.seen_first.setdefault(__name__, sys.modules[__name__].__dict__)

def is_first():
    return builtins.seen_first[__name__] is globals()

def test_alone():
    assert is_first()

def test_with_threads():
    found = []
    threads = [threading.Thread(target=lambda: found.append(is_first())) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert all(found)

def test_fails_anyway():
    left = {"a": 1}
    assert left == {"a": 2}

@pytest.mark.xfail(raises=KeyError, strict=True)
def test_fails_as_expected():
    {}["missing"]
"""
    )
    result = run(pytester, "--plait=0.2")
    result.assert_outcomes(passed=2, failed=1, xfailed=1)
    result.stdout.fnmatch_lines(["*assert left == *", "*AssertionError*"])
    reason = "it passes as always, but not under check, whatever the schedule: AssertionError*"
    result.stdout.fnmatch_lines(
        ["2 tests under *"] + [f"not checked: *::test_{name}: {reason}" for name in ("alone", "with_threads")]
    )
    assert "Fails under" not in result.stdout.str()


def test_what_check_cuts_short_says_nothing_to_later_tests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import asyncio, builtins, threading

builtins.seen_first = vars(builtins).get("seen_first", globals())

class Loud:
    def __del__(self):
        raise ValueError("never closed")

def test_leaves_things_open():
    loud, file, loop = Loud(), open(__file__), asyncio.new_event_loop()
    loud.itself = loud
    assert builtins.seen_first is globals()
    del loud.itself
    Loud.__del__ = object.__str__
    file.close(), loop.close()

def test_later():
    threads = [threading.Thread(target=print) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""
    )
    result = run(pytester, "--plait=0.2", "-W", "error")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["1 test under *", "not checked: *test_leaves_things_open: *"])


def test_a_test_in_which_there_is_nothing_to_choose_is_performed_twice(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(ASYNCHRONOUS)
    pytester.makepyfile(
        """
import asyncio, threading

def test_alone(): pass

async def test_in_a_loop():
    for _ in range(3):
        await asyncio.sleep(0.1)

def test_one_after_the_other():
    for _ in range(2):
        thread = threading.Thread(target=print)
        thread.start()
        thread.join()
"""
    )
    result = run(pytester, "--plait=20")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["3 tests under 6 schedules; in 3 of them there is one order only"])


def test_what_is_no_function_or_runs_in_another_loop_is_listed(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
import pytest

@pytest.fixture(params=["asyncio", "trio", ("curio", {})])
def anyio_backend(request):
    return request.param
"""
        + ASYNCHRONOUS
    )
    pytester.makepyfile(
        '''
import pytest

@pytest.mark.usefixtures("anyio_backend")
async def test_in_a_loop():
    """
    >>> 1 + 1
    2
    """

@pytest.mark.parametrize("number", range(5))
def test_many(number, capfd): pass
'''
    )
    result = run(pytester, "--plait=0.2", "--doctest-modules", "-W", "ignore")
    result.assert_outcomes(passed=9)
    lines = result.stdout.str().splitlines()
    said = [line.partition("::")[2] for line in lines if line.startswith("not checked")]
    assert [line for line in said if "loop" in line] == [
        "test_what_is_no_function_or_runs_in_another_loop_is_listed.test_in_a_loop: it is no function, but a DoctestItem",
        "test_in_a_loop[trio]: it runs on trio, and only tasks of asyncio are under control",
        "test_in_a_loop[anyio_backend2]: it runs on curio, and only tasks of asyncio are under control",
    ]
    result.stdout.fnmatch_lines(["    and 2 more for that reason: see them with -v"])


def test_executors_of_the_test_run_outlive_executions_and_end_with_it(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
import builtins
from concurrent.futures import ThreadPoolExecutor

builtins.pool = ThreadPoolExecutor(1)
pool.submit(abs, -1).result()

def pytest_runtest_teardown():
    assert pool.submit(abs, -1).result(10) == 1
"""
    )
    pytester.makepyfile(
        """
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

def test_threads():
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(abs, [-1])) == [1]

def test_processes():
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        assert list(pool.map(abs, [-1])) == [1]
"""
    )
    result = run(pytester, "--plait=0.1", "-W", "ignore")
    result.assert_outcomes(passed=2)
    assert "Exception ignored" not in result.stderr.str()
