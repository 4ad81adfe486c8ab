"""From where `plait.check` is called: scripts with and without a guard, files that were not loaded by their name, imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import plait
from plait._check.programs.function_program import own_files

pytest_plugins = ["pytester"]

LONG = 60.0
TESTS = dedent("""
    import threading
    import plait

    class Counter:
        value = 0

    def both(work):
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def test_loses():
        counter = Counter()
        def add():
            counter.value += 1
        both(add)
        assert counter.value == 2

    def test_keeps():
        counter, lock = Counter(), threading.Lock()
        def add():
            with lock:
                counter.value += 1
        both(add)
        assert counter.value == 2
""")
LOSES = dedent("""
    try:
        plait.check(test_loses, runs=500, seconds=None)
    except plait.errors.CheckFailed as failed:
        print(str(failed).strip().splitlines()[0])
        try:
            plait.replay(test_loses, failed.token)
        except plait.errors.CheckFailed as again:
            print(again.token == failed.token)
""")
KEEPS = "print(plait.check(test_keeps, runs=3).verdict)\n"
GUARD = "if __name__ == '__main__':\n    "
FOUND = "Lost update of counter.value\nTrue\n"


def ran(folder: Path, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, timeout=LONG, check=False
    )
    return done.returncode, done.stdout, done.stderr


def written(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def test_a_script_needs_no_guard_and_may_check_again_and_again(tmp_path: Path) -> None:
    written(tmp_path, "script.py", TESTS + KEEPS + LOSES + KEEPS)
    assert ran(tmp_path, "script.py") == (0, "passed\n" + FOUND + "passed\n", "")


def test_what_a_script_has_done_before_it_calls_check_is_there(tmp_path: Path) -> None:
    last = "\ndef test_last():\n    both(lambda: None)\n    assert threads == 2\nthreads = 1\ntry:\n    plait.check(test_last)\n"
    last += "except plait.errors.CheckFailed:\n    threads += 1\nprint(plait.check(test_last, runs=3).verdict)\nthreads += 1\n"
    written(tmp_path, "script.py", TESTS + last)
    assert ran(tmp_path, "script.py") == (0, "passed\n", "")


def test_a_script_that_is_run_as_a_module_imports_relatively(tmp_path: Path) -> None:
    for name in ("pack/__init__.py", "pack/other.py"):
        written(tmp_path, name, "")
    written(tmp_path, "pack/mod.py", "from . import other\n" + TESTS + GUARD + KEEPS)
    assert ran(tmp_path, "-m", "pack.mod") == (0, "passed\n", "")


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_child_of_multiprocessing_may_check_a_function_of_its_script(method: str, tmp_path: Path) -> None:
    start = (
        f"import multiprocessing as m\n    with m.get_context('{method}').Pool(1) as pool:\n        pool.apply(look)\n"
    )
    written(tmp_path, "script.py", TESTS + f"def look():\n    {KEEPS.rstrip()[:-1]}, flush=True)\n" + GUARD + start)
    assert ran(tmp_path, "script.py") == (0, "passed\n", "")


RUN_PATH = "import runpy\nrunpy.run_path('tests_in.py')\n"
LOADED = """
import importlib.util
spec = importlib.util.spec_from_file_location("tests_in_another_place", "tests_in.py")
module = importlib.util.module_from_spec(spec)
{}
spec.loader.exec_module(module)
"""


@pytest.mark.parametrize("host", [RUN_PATH, LOADED.format("")])
def test_a_file_that_was_not_loaded_by_its_name_is_run_anew(host: str, tmp_path: Path) -> None:
    written(tmp_path, "tests_in.py", TESTS + LOSES + KEEPS)
    written(tmp_path, "host.py", host)
    assert ran(tmp_path, "host.py") == (0, FOUND + "passed\n", "")


def test_a_module_that_is_in_no_folder_of_the_path_is_run_anew(tmp_path: Path) -> None:
    written(tmp_path, "tests_in.py", TESTS)
    host = (
        "import sys\n"
        + LOADED.format("sys.modules[spec.name] = module")
        + "import plait\ntest_keeps = module.test_keeps\n"
    )
    written(tmp_path, "host.py", host + KEEPS)
    assert ran(tmp_path, "host.py") == (0, "passed\n", "")


def test_a_check_while_the_module_is_imported_is_refused_at_once(tmp_path: Path) -> None:
    written(tmp_path, "tests_in.py", TESTS + KEEPS)
    status, output, errors = ran(tmp_path, "-c", "import tests_in")
    assert (status, output) == (1, "")
    assert "check is called while tests_in is imported" in errors
    assert "call it in a function, or in the program's own file" in errors


@pytest.mark.parametrize("option", ["-O", "-OO"])
def test_asserts_count_when_python_leaves_them_out(option: str, tmp_path: Path) -> None:
    written(tmp_path, "tests_in.py", TESTS + "def test_asserts():\n    both(int)\n    assert False\n")
    written(tmp_path, "script.py", TESTS + KEEPS + LOSES)
    assert ran(tmp_path, option, "script.py") == (0, "passed\n" + FOUND, "")
    assert ran(tmp_path, option, "-m", "plait", "check", "tests_in.py:test_asserts")[0] == 1


def test_what_ends_before_the_test_is_called_has_not_passed(tmp_path: Path) -> None:
    written(tmp_path, "tests_in.py", TESTS + "import sys\nif 'plait._check.check' in sys.modules:\n    sys.exit()\n")
    written(tmp_path, "script.py", "import plait\nfrom tests_in import test_loses\nplait.check(test_loses)\n")
    status, _, errors = ran(tmp_path, "script.py")
    assert status == 1
    assert "NotChecked: inconclusive: " in errors
    assert "ended by SystemExit(None) before tests_in:test_loses was called" in errors


def test_a_test_below_the_guard_is_not_there_when_the_script_is_run_anew(tmp_path: Path) -> None:
    below = "def test_below():\n        pass\n    plait.check(test_below)\n"
    written(tmp_path, "script.py", TESTS + GUARD + below)
    status, _, errors = ran(tmp_path, "script.py")
    assert status == 1
    assert "script.py is run anew for each execution, and does not define test_below then" in errors


def test_a_script_that_can_be_read_once_only_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "script.py", TESTS + KEEPS)
    done = subprocess.run(
        ["/bin/sh", "-c", 'cat script.py | "$0" /dev/stdin', sys.executable],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert "check(test_keeps): its source is in no file and not known" in done.stderr
    assert "Write it and what it calls into a .py file" in done.stderr


def test_a_script_that_checks_on_a_thread_of_its_own_is_told_to_guard_it(tmp_path: Path) -> None:
    call = f"def look():\n    {KEEPS}thread = threading.Thread(target=look)\n{{}}thread.start()\n{{}}thread.join()\n"
    written(tmp_path, "script.py", TESTS + call.format("", ""))
    assert "starts that below `if __name__ == '__main__':`" in ran(tmp_path, "script.py")[2]
    written(tmp_path, "script.py", TESTS + call.format(GUARD, "    "))
    assert ran(tmp_path, "script.py") == (0, "passed\n", "")


def test_the_working_directory_may_be_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    written(tmp_path, "script.py", TESTS + GUARD + f"import os\n    os.rmdir({str(gone)!r})\n    {KEEPS}")
    gone.mkdir()
    assert ran(gone, str(tmp_path / "script.py")) == (0, "passed\n", "")


WRITES = "import sys\nclass Writes:\n    def write(self, text): pass\n    def flush(self): pass\n"


@pytest.mark.parametrize("stream", ["None", "Writes()"])
def test_a_story_needs_no_standard_error(stream: str, tmp_path: Path) -> None:
    written(
        tmp_path,
        "script.py",
        WRITES + f"sys.stderr = {stream}\n" + TESTS + GUARD + LOSES.strip().replace("\n", "\n    "),
    )
    assert ran(tmp_path, "script.py") == (0, FOUND, "")


@pytest.mark.parametrize("target", ["script.py", "script.py:test_it"])
def test_what_calls_check_itself_is_not_blamed_for_that(target: str, tmp_path: Path) -> None:
    written(tmp_path, "script.py", TESTS + f"def test_it():\n    {KEEPS}" + GUARD + "test_it()\n")
    status, output, _ = ran(tmp_path, "-m", "plait", "check", target)
    assert status == 3
    assert output.startswith("inconclusive: it calls plait.check itself")


def test_a_test_that_calls_check_itself_runs_as_always_with_pytest(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        TESTS.replace("def test_", "def case_") + "def test_it():\n    plait.check(case_keeps, runs=3)\n"
    )
    result = pytester.runpytest_subprocess("--plait=0.5")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["not checked: *::test_it: it calls plait.check itself*"])


def test_a_test_that_traces_is_explored(tmp_path: Path) -> None:
    traced = "def test_it():\n    with plait.trace() as trace:\n        test_keeps()\n    assert trace.summary\n"
    written(tmp_path, "script.py", TESTS + traced)
    status, output, _ = ran(tmp_path, "-m", "plait", "check", "--seconds", "1", "script.py:test_it")
    assert (status, output.partition(":")[0]) == (0, "passed")


def test_plait_is_not_the_users_own_in_its_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(plait.__file__).parent
    monkeypatch.chdir(folder.parent)
    mine = own_files("")
    assert mine(str(folder.parent / "other.py"))
    assert not any(map(mine, (str(folder / "__init__.py"), str(folder / "_core" / "job.py"))))


def test_what_pip_has_installed_for_a_user_is_not_the_users_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONUSERBASE", str(tmp_path / "local"))
    code = (
        "import sysconfig, os\n"
        "from plait._check.programs.function_program import own_files\nfrom plait._core import installed\n"
        "file = os.path.join(sysconfig.get_path('purelib', sysconfig.get_preferred_scheme('user')), 'pack', 'a.py')\n"
        "mine = own_files('')\n"
        "print(mine(file), file.startswith(installed._homes()), mine(os.path.abspath('a.py')))"
    )
    assert ran(tmp_path, "-c", code) == (0, "False True True\n", "")


def test_a_cached_function_of_a_script_goes_to_processes(tmp_path: Path) -> None:
    cached = "import functools\n@functools.lru_cache\ndef double(n):\n    return 2 * n\n"
    maps = (
        "def test_maps():\n    assert list(plait.map(double, [1], engine='process', workers=1)) == [2]\n    both(int)\n"
    )
    written(tmp_path, "script.py", TESTS + cached + maps + "print(plait.check(test_maps, runs=3).verdict)\n")
    assert ran(tmp_path, "script.py") == (0, "passed\n", "")


@pytest.mark.parametrize("first", ["", "plait.check\n"], ids=["not imported", "imported"])
def test_at_the_end_of_the_interpreter_it_is_too_late(first: str, tmp_path: Path) -> None:
    written(tmp_path, "script.py", TESTS + first + "import atexit\natexit.register(lambda: plait.check(test_keeps))\n")
    code, output, said = ran(tmp_path, "script.py")
    assert (code, output) == (0, "")  # Python only says that it has ignored the error
    assert "cannot begin when the interpreter ends, in atexit: call it before the script ends" in said


def test_a_script_that_asks_for_advice_before_it_checks_is_told_to_guard_it(tmp_path: Path) -> None:
    advised = "print(plait.advise(abs, range(10), seconds=0.05).engine)\n"
    written(tmp_path, "script.py", TESTS + advised + KEEPS)
    code, output, said = ran(tmp_path, "script.py")
    assert (code, output) == (1, "inline\n")
    assert "it calls plait.advise, which measures" in said
    written(tmp_path, "script.py", TESTS + GUARD + advised + f"    {KEEPS}")
    assert ran(tmp_path, "script.py")[:2] == (0, "inline\npassed\n")
