"""Each execution finds the process as the first one did; what stays all the same is not blamed on the schedule."""

from __future__ import annotations

import gc
import logging
import os
import random
import sqlite3
import sys
import threading
import time
from pathlib import Path

import pytest

from plait._check.conclude import Checked, Subject, search
from plait._check.explore import Budget, explore_script
from plait._check.programs.function_program import own_files
from plait._check.programs.program import Script

CHANGES = {
    "the environment": "import os\nassert 'CHK' not in os.environ\nos.environ['CHK'] = '1'",
    "the folder": "import os\nos.makedirs('inside', exist_ok=True)\nos.chdir('inside')",
    "loggers": "import logging\nlog = logging.getLogger('chk')\nassert not log.handlers\nlog.addHandler(logging.NullHandler())",
    "the root logger": "import logging\nlevel = logging.root.level\nassert level == 30\nlogging.root.setLevel(level - 1)",
    "the start method": "import multiprocessing\nmultiprocessing.set_start_method('spawn')",
    "a hook": "import threading\nassert threading.excepthook is threading.__excepthook__\nthreading.excepthook = print",
    "random numbers": "import random\nassert random.random() == random.Random(0).random()",
    "a module of its own": "import sys, types\nassert 'chk' not in sys.modules\nsys.modules['chk'] = types.ModuleType('chk')",
    "a module that it replaces": "import sys, json\nassert json.__file__\nsys.modules['json'] = sys",
    "a module that it takes away": "import sys\ndel sys.modules['json']",
    "what collections call": "import gc\nassert not any(one is print for one in gc.callbacks)\ngc.callbacks.append(print)",
    "the path": "import sys\nassert 'chk' not in sys.path\nsys.path.append('chk')",
}
STARTS = "\nimport threading\nthreading.Thread(target=print).start()\n"


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_program_changes_is_put_back(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "program.py").write_text(CHANGES[name] + STARTS)
    before = os.getcwd(), dict(os.environ), list(sys.path), threading.excepthook, random.getstate()
    modules = sys.modules["json"], sys.modules.get("chk")
    found = explore_script(tmp_path / "program.py", runs=3, seconds=None)
    assert found.verdict.word == "passed", found.record
    assert (os.getcwd(), dict(os.environ), list(sys.path), threading.excepthook, random.getstate()) == before
    assert not logging.getLogger("chk").handlers
    assert (sys.modules["json"], sys.modules.get("chk")) == modules


def test_what_others_are_called_for_at_collections_is_not_the_programs(tmp_path: Path) -> None:
    seen = []

    def note(phase: str, _: object) -> None:
        seen.append((phase, time.perf_counter()))  # a clock that a search replaces in this module, too

    (tmp_path / "program.py").write_text(
        "import gc, threading, time\n"
        "thread = threading.Thread(target=gc.collect)\n"
        "before = time.perf_counter()\n"
        "for _ in range(9): gc.collect()\n"
        "thread.start()\nthread.join()\n"
        "assert time.perf_counter() - before < 0.001, 'a clock has been looked at'\n"
    )
    gc.callbacks.append(note)
    try:
        began = time.perf_counter()
        found = explore_script(tmp_path / "program.py", runs=3, seconds=None)
        assert gc.callbacks[-1] is note
    finally:
        gc.callbacks.remove(note)
    assert found.verdict.word == "passed", found.record and found.record.failure
    assert len(seen) >= 60
    assert all(began <= moment <= time.perf_counter() for _, moment in seen)


def test_what_is_imported_is_imported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "this", raising=False)
    monkeypatch.setattr("builtins.print", lambda *_: None)
    (tmp_path / "program.py").write_text(
        "import this, sys\nsys.once = getattr(sys, 'once', this)\nassert sys.once is this" + STARTS
    )
    assert explore_script(tmp_path / "program.py", runs=3, seconds=None).verdict.word == "passed"
    monkeypatch.delattr(sys, "once")


def check(file: Path, seed: int = 0) -> Checked:
    subject = Subject(lambda fresh: Script(str(file), [], fresh), own_files(str(file), ()))
    return search(subject, Budget(20, None), seed=seed, scheduler="rotation")


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Where installed modules are, and where the program's own are, which is where it runs."""
    installed, own = tmp_path / "installed", tmp_path / "own"
    installed.mkdir()
    own.mkdir()
    monkeypatch.chdir(own)
    monkeypatch.syspath_prepend(installed)
    return installed, own


def test_a_module_that_is_first_imported_meanwhile_can_make_locks_later(
    folders: tuple[Path, Path],
) -> None:
    installed, own = folders
    (installed / "chk_installed.py").write_text("from threading import Lock, RLock, Thread\n")
    program = own / "program.py"
    program.write_text("import chk_installed\nchk_installed.Thread(target=print).start()\n")
    result = explore_script(program, runs=3, seconds=None)
    assert result.verdict.word == "passed"
    module = sys.modules.pop("chk_installed")
    assert (module.Lock, module.RLock) == (threading.Lock, threading.RLock)
    with module.Lock(), module.RLock():
        pass


def test_what_is_left_in_files_is_not_blamed_on_the_schedule(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import os\nos.mkdir(os.path.dirname(__file__) + '/out')" + STARTS)
    checked = check(tmp_path / "program.py")
    assert checked.verdict.word == "inconclusive"
    assert checked.told is None
    assert checked.verdict.reason.startswith("FileExistsError")
    assert "left behind" in checked.verdict.reason


def test_what_a_library_does_once_is_not_taken_for_what_was_left(
    folders: tuple[Path, Path],
) -> None:
    installed, own = folders
    (installed / "chk_once.py").write_text(
        "import threading\nlock, done = threading.Lock(), []\n"
        "def ready():\n    while len(done) < 9:\n        with lock: done.append(1)\n"
    )
    program = own / "program.py"
    program.write_text(
        "import threading\nfrom chk_once import ready\nready()\nseen = []\n"
        "threads = [threading.Thread(target=seen.append, args=(1,)) for _ in range(3)]\n"
        "for thread in threads: thread.start()\nassert len(seen) == 3\n"
    )
    for seed in range(8):
        assert check(program, seed=seed).verdict.word == "failed"
        sys.modules.pop("chk_once")


def test_databases_do_not_wait_for_the_disk(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import contextlib, os, sqlite3, threading\n"
        "class Base(sqlite3.Connection): row_factory = sqlite3.Row\n"
        "base = sqlite3.connect(os.path.dirname(__file__) + '/base', timeout=7, factory=Base)\n"
        "with contextlib.closing(base):\n"
        "    asked = [base.execute('pragma ' + name).fetchone()[0] for name in ('synchronous', 'busy_timeout')]\n"
        "    base.execute('pragma synchronous = FULL')\n"
        "    print(*asked, *base.execute('pragma synchronous').fetchone())\n"
        "threading.Thread(target=print).start()\n"
    )
    real, printed = sqlite3.connect, []
    explore_script(program, runs=2, seconds=None, examine=lambda record: printed.append(record.output.split()))
    assert printed[-1] == ["0", "7000", "2"]
    assert sqlite3.connect is sqlite3.dbapi2.connect is real
    (tmp_path / "base").write_text("this is no database, and the program may find that out itself")
    assert "DatabaseError" in str(explore_script(program, runs=2, seconds=None).record)
