"""``plait doctor``: a table of machines with something in the way, and the words for this one."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys

import pytest

from plait._cli.doctor import advice, describe
from plait._cli.findings import findings
from plait._cli.machine_group import examine_group
from plait._cli.machine_modules import try_modules

GOOD = {
    "plait": "0.1.0",
    "python": {
        "version": "3.13.0", "implementation": "CPython", "executable": "/usr/bin/python3", "free_threaded": False,
        "gil": True, "gil_asked_for": False, "switch_interval": 0.005, "debug": False, "development_mode": False,
        "traced": False, "threads_at_start": [], "gil_turned_on_by": "",
    },
    "system": "Linux 6.1 x86_64",
    "container": "",
    "cores": {"count": 4, "reason": "4 cores", "installed": 4, "affinity": 4, "quota": None},
    "memory": {
        "limit": 8 << 30, "available": 6 << 30, "overcommit": 0,
        "shared": {"path": "/dev/shm", "total": 4 << 30, "free": 4 << 30},
    },
    "processes": {
        "start_method": "forkserver", "memfd": True, "interpreter_seconds": 0.02, "bare_interpreter_seconds": 0.01,
        "error": None, "seconds": 0.03,
    },
    "blas": {"set": {}, "installed": []},
    "limits": {
        "processes": 30000, "used_processes": 300, "root": False, "open_files": 1024, "open_files_hard": 1048576,
        "address_space": None, "group_processes": None, "group_processes_used": None,
    },
    "group": {"memory": None, "killed": 0, "throttled": None, "throttled_seconds": None},
    "modules": {},
    "temporary": {"path": "/tmp", "writable": True, "free": 10 << 30, "error": None},
    "packages": {"click": "8.1", "rich": "13.0"},
}  # fmt: skip


def tried(**changes: object) -> dict[str, object]:
    """What is known of a module that stands in no way, with facts replaced."""
    return {"error": None, "gil": "", "refuses": "", "threads": [], "native_threads": 0, **changes}


def machine(**changes: object) -> dict[str, object]:
    """The good machine, with facts replaced: ``cores__quota=1.5``."""
    facts = copy.deepcopy(GOOD)
    for path, value in changes.items():
        *steps, last = path.split("__")
        place = facts
        for step in steps:
            place = place[step]
        place[last] = value
    return facts


def test_a_good_machine():
    assert findings(GOOD) == []
    assert advice([]) == ["Nothing stands in the way."]


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        ({"python__free_threaded": True}, "warning", "turned on again"),
        ({"python__free_threaded": True, "python__gil_asked_for": True}, "warning", "asked for"),
        ({"python__free_threaded": True, "python__gil_turned_on_by": "old"}, "warning", "turned on again by old"),
        ({"group__throttled": 0.38, "group__throttled_seconds": 12.4}, "warning", "in 38% of its periods"),
        ({"group__killed": 3}, "warning", "3 processes were killed"),
        ({"cores__installed": 64, "cores__quota": 2.0, "cores__count": 2}, "note", "os.cpu_count() says 64"),
        ({"modules__old": tried(error="ImportError: no")}, "problem", "old cannot be imported: ImportError: no"),
        ({"modules__old": tried(gil="old._c")}, "warning", "old._c has not declared"),
        ({"modules__old": tried(refuses="old._c")}, "note", "module old._c does not load in subinterpreters"),
        ({"modules__old": tried(threads=["reader"])}, "warning", "starts threads (reader)"),
        ({"modules__old": tried(native_threads=4)}, "note", "4 of its own"),
        ({"python__debug": True}, "note", "debug build"),
        ({"python__traced": True}, "note", "traced"),
        ({"python__threads_at_start": ["agent"]}, "warning", "agent"),
        ({"cores__quota": 1.5, "blas__installed": ["numpy"]}, "warning", "4 threads each for 1.5"),
        ({"blas__set": {"OMP_NUM_THREADS": "64"}}, "warning", "OMP_NUM_THREADS=64"),
        ({"cores__count": 1}, "note", "one core"),
        ({"memory__available": 100 << 20}, "warning", "100 MiB of memory for 4"),
        ({"memory__overcommit": 2}, "warning", "overcommit"),
        ({"memory__shared__total": 64 << 20}, "note", "64 MiB"),
        ({"processes__error": "OSError: no"}, "problem", "OSError: no"),
        ({"processes__interpreter_seconds": 0.9}, "warning", "0.90 s to start"),
        ({"processes__start_method": "fork"}, "note", "forks by default"),
        ({"limits__processes": 301}, "problem", "you may have 301"),
        ({"limits__processes": 308}, "warning", "you may have 308"),
        ({"limits__group_processes": 50, "limits__group_processes_used": 48}, "problem", "container may have 50"),
        ({"limits__open_files": 64}, "warning", "64 open files"),
        ({"limits__address_space": 4 << 30}, "warning", "4 GiB"),
        ({"temporary__writable": False, "temporary__error": "read-only"}, "problem", "read-only"),
        ({"temporary__free": 1 << 20}, "warning", "1 MiB free"),
        ({"packages__rich": None}, "problem", "not installed: rich"),
    ],
)
def test_one_thing_in_the_way(changes, level, words):
    (found,) = findings(machine(**changes))
    assert found.level == level
    assert words in found.text
    assert found.advice
    assert any(words in line for line in advice([found]))


@pytest.mark.parametrize(
    "changes",
    [
        {"python__free_threaded": True, "python__gil": False},
        {"cores__quota": 1.5, "blas__installed": ["numpy"], "blas__set": {"OMP_NUM_THREADS": "2"}},
        {"limits__processes": 301, "limits__root": True},
        {"limits__processes": None, "limits__used_processes": None, "limits__open_files": None},
        {"memory__available": None, "memory__limit": None, "memory__shared": None, "memory__overcommit": None},
        {"group__throttled": 0.01, "group__throttled_seconds": 1.0, "group__killed": None, "group__memory": 1 << 30},
        {"modules__json": tried(), "modules__decimal": tried(refuses=None)},
        {"cores__affinity": None, "processes__interpreter_seconds": None},
    ],
)
def test_nothing_in_the_way(changes):
    facts = machine(**changes)
    assert findings(facts) == []
    assert len(describe(facts)) == 12


def test_the_worst_comes_first():
    levels = [
        finding.level for finding in findings(machine(python__debug=True, packages__rich=None, limits__open_files=8))
    ]
    assert levels == ["problem", "warning", "note"]


def test_this_machine_in_words(nothing_left):
    done = subprocess.run([sys.executable, "-m", "plait", "doctor"], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0, done.stdout
    for subject in ("plait", "Python", "cores", "GIL", "memory", "processes", "BLAS", "limits", "container", "modules"):
        assert f"\n{subject} " in f"\n{done.stdout}"
    assert "first result after" in done.stdout


def test_this_machine_for_programs(nothing_left):
    done = subprocess.run(
        [sys.executable, "-m", "plait", "doctor", "--json"], capture_output=True, text=True, check=False
    )
    facts = json.loads(done.stdout)
    assert set(facts) == {*GOOD, "findings"}
    assert facts["processes"]["error"] is None
    assert facts["cores"]["count"] >= 1


def test_a_folder_for_temporary_files_that_is_missing(tmp_path):
    """Python falls back to other folders, so that is no problem, as long as one of them can be written to."""
    done = subprocess.run(
        [sys.executable, "-m", "plait", "doctor", "--json"],
        capture_output=True, text=True, check=False, env={**os.environ, "TMPDIR": str(tmp_path / "no")},
        cwd=tmp_path,
    )  # fmt: skip
    assert json.loads(done.stdout)["temporary"]["writable"]


def test_what_modules_do_is_tried_in_processes_of_their_own(tmp_path, nothing_left):
    (tmp_path / "starts.py").write_text(
        "import threading\nprint('loud')\nthreading.Thread(target=threading.Event().wait, name='reader').start()\n"
    )
    (tmp_path / "fails.py").write_text("import no_such_module")
    (tmp_path / "dies.py").write_text("import os; os._exit(3)")
    done = subprocess.run(
        [sys.executable, "-m", "plait", "doctor", "--json", "json", "starts", "fails", "dies"],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])},
    )  # fmt: skip
    facts = json.loads(done.stdout)
    modules = facts["modules"]
    assert list(modules) == ["json", "starts", "fails", "dies"]
    assert modules["starts"]["threads"] == ["reader"]
    assert modules["fails"]["error"] == "ModuleNotFoundError: No module named 'no_such_module'"
    assert modules["dies"]["error"] == "the interpreter has ended with 3"
    assert (modules["json"]["error"], modules["json"]["gil"], modules["json"]["threads"]) == (None, "", [])
    assert done.returncode == 1
    assert {"starts", "fails", "dies"} <= {word for found in facts["findings"] for word in found["text"].split()}


@pytest.mark.skipif(sys.version_info < (3, 14), reason="there is no engine of interpreters")
def test_a_module_that_subinterpreters_refuse():
    assert try_modules(["faulthandler"])["faulthandler"]["refuses"] == "faulthandler"
    assert try_modules(["json"])["json"]["refuses"] == ""


def groups(root, version, files):
    """A system whose one group has these files."""
    (root / "proc/self").mkdir(parents=True)
    kind = "cgroup2 none rw" if version == 2 else "cgroup none rw,cpu,memory"
    (root / "proc/self/cgroup").write_text("0::/\n" if version == 2 else "1:cpu,memory:/\n")
    (root / "proc/self/mountinfo").write_text(f"30 1 0:1 / /group rw - {kind}\n")
    (root / "group").mkdir()
    for name, text in files.items():
        (root / "group" / name).write_text(text)
    return str(root)


def test_what_the_limits_of_a_container_have_done(tmp_path):
    root = groups(tmp_path, 2, {
        "cpu.stat": "usage_usec 9\nnr_periods 40\nnr_throttled 10\nthrottled_usec 2500000\n",
        "memory.max": "1048576\n", "memory.events": "low 0\noom 2\noom_kill 2\n",
    })  # fmt: skip
    assert examine_group(root) == {"memory": 1 << 20, "killed": 2, "throttled": 0.25, "throttled_seconds": 2.5}


def test_what_the_limits_of_a_container_have_done_in_version_1(tmp_path):
    root = groups(tmp_path, 1, {
        "cpu.stat": "nr_periods 40\nnr_throttled 20\nthrottled_time 3000000000\n",
        "memory.limit_in_bytes": "1048576\n", "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    })  # fmt: skip
    assert examine_group(root) == {"memory": 1 << 20, "killed": 1, "throttled": 0.5, "throttled_seconds": 3.0}


def test_no_container(tmp_path):
    nothing = {"memory": None, "killed": None, "throttled": None, "throttled_seconds": None}
    assert examine_group(str(tmp_path)) == nothing
