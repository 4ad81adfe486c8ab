"""Programs that end, crash or block the process they run in: the search is looked after from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the search runs in a fork")

EXITS = """
import os, threading

def leave():
    os._exit(STATUS)

thread = threading.Thread(target=leave)
thread.start()
thread.join()
"""

SOMETIMES = """
import threading

marks = []

def first():
    marks.append("first")

def second():
    if not marks:
        DEED

threads = [threading.Thread(target=first), threading.Thread(target=second)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""

FORKS = """
import os, threading

def fork():
    pid = os.fork()
    if not pid:
        os._exit(7)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

codes = []
thread = threading.Thread(target=fork)
thread.start()
thread.join()
assert codes == [7]
"""


def check(program: str, folder: Path, *options: str, still: float = 20.0) -> tuple[int, dict[str, object], str]:
    """Exit status, report and what was written to stderr."""
    file = folder / "program.py"
    file.write_text(program)
    main = f"import plait._cli.check_guard as guard; guard._STILL = {still}; from plait._cli.main import main; main()"
    command = [sys.executable, "-c", main, "check", "--json", "--runs", "60", *options, str(file)]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return run.returncode, json.loads(run.stdout), run.stderr


def kinds(report: dict[str, object]) -> list[str]:
    findings = report["findings"]
    assert isinstance(findings, list)
    return [finding["kind"] for finding in findings]


def test_a_clean_exit_is_the_end_of_one_execution(tmp_path: Path) -> None:
    status, report, _ = check(EXITS.replace("STATUS", "0"), tmp_path)
    assert (status, report["verdict"]) == (0, "passed")
    assert report["coverage"]["schedules"] == 2  # type: ignore[index]  # JSON; there is one order only


def test_another_exit_status_is_a_failure(tmp_path: Path) -> None:
    status, report, _ = check(EXITS.replace("STATUS", "3"), tmp_path)
    assert (status, report["verdict"]) == (1, "failed")
    assert "3" in str(report["findings"])


def test_a_child_process_of_the_program_really_ends(tmp_path: Path) -> None:
    status, report, errors = check(FORKS, tmp_path, "--runs", "3")
    assert report["verdict"] in ("passed", "inconclusive"), (report, errors)
    assert status in (0, 3)
    assert not report["findings"]


@pytest.mark.parametrize(
    ("deed", "signal"),
    [("import ctypes; ctypes.string_at(0)", "SIGSEGV"), ("import os; os.abort()", "SIGABRT")],
)
def test_a_crash_under_one_schedule_is_a_finding(deed: str, signal: str, tmp_path: Path) -> None:
    status, report, errors = check(SOMETIMES.replace("DEED", deed), tmp_path)
    assert (status, report["verdict"], kinds(report)) == (1, "failed", ["died"])
    assert signal in str(report["findings"])
    assert "second" in errors  # the stack of the thread that crashed
    runs = report["coverage"]["schedules"]  # type: ignore[index]  # JSON
    again = check(SOMETIMES.replace("DEED", deed), tmp_path, "--runs", str(runs))
    assert again[:2] == (status, report)


def test_a_signal_from_outside_says_nothing_about_the_program(tmp_path: Path) -> None:
    status, report, _ = check(SOMETIMES.replace("DEED", "import os; os.kill(os.getpid(), 9)"), tmp_path)
    assert (status, report["verdict"]) == (3, "inconclusive")
    assert "SIGKILL" in str(report["reason"])


def test_what_never_gives_the_gil_back_is_ended(tmp_path: Path) -> None:
    status, report, _ = check(SOMETIMES.replace("DEED", "sum(range(10**13))"), tmp_path, still=1.0)
    assert (status, report["verdict"]) == (3, "inconclusive")
    assert "GIL" in str(report["reason"])


@pytest.mark.parametrize("deed", ["string_at(0)", "PyDLL(None).sleep(60)"], ids=["crashes", "hangs"])
def test_what_goes_wrong_when_all_is_said_changes_nothing(tmp_path: Path, deed: str) -> None:
    """As in what modules of the program do when the interpreter ends."""
    (tmp_path / "program.py").write_text("import threading\nthreading.Thread(target=int).start()\n")
    main = f"""
import atexit, ctypes, os, plait._cli.check_guard as guard
from plait._cli.main import main
guard._STILL, here = 1.0, os.getpid()
atexit.register(lambda: os.getpid() != here and ctypes.{deed})
main()
"""
    run = subprocess.run(
        [sys.executable, "-c", main, "check", "--runs", "5", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run
    assert run.stdout.startswith("passed: ")
    assert "inconclusive" not in run.stdout
