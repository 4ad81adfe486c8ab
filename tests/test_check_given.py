"""Checks of what stands in no file of its own: `python -c`, standard input, archives, prompts, code that was made."""

from __future__ import annotations

import linecache
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import plait
from plait._check.programs.shape import shape
from plait.errors import CheckFailed, UsageError

LONG = 100.0
COUNTER = """import threading
import dataclasses

@dataclasses.dataclass
class Counter:
    value: int = 0

    def add(self):
        seen = self.value
        self.value = seen + 1
"""
TEST = """
def both(function):
    threads = [threading.Thread(target=function) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

def test_loses():
    counter = Counter()
    both(counter.add)
    assert counter.value == 2
"""
ASK = """
try:
    plait.check(test_loses, runs=200, seconds=None)
except plait.errors.CheckFailed as error:
    print(error)
    try:
        plait.replay(test_loses, error.token)
    except plait.errors.CheckFailed:
        print("again")
"""
PROGRAM = "import plait\n" + COUNTER + TEST + ASK


def ran(folder: Path, *words: str, given: Any = subprocess.DEVNULL) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, stdin=given, capture_output=True, text=True, timeout=LONG, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("options", [[], ["-O"], ["-W", "ignore"], ["-B", "-s"]])
def test_a_command(options: list[str], tmp_path: Path) -> None:
    said = ran(tmp_path, *options, "-c", PROGRAM, "-x", "word")
    assert "Lost update of self.value" in said
    assert "<python -c>" in said
    assert "10  seen = self.value" in said
    assert said.endswith("again\n")


def test_standard_input(tmp_path: Path) -> None:
    (tmp_path / "program").write_text(PROGRAM)
    with (tmp_path / "program").open() as given:
        said = ran(tmp_path, "-", given=given)
    assert "<stdin>" in said
    assert "10  seen = self.value" in said
    assert said.endswith("again\n")


def zipped(folder: Path, **files: str) -> str:
    name = str(folder / "app.pyz")
    with zipfile.ZipFile(name, "w") as file:
        for path, text in files.items():
            file.writestr(path.replace("__in__", "/") + ".py", text)
    return name


def test_an_archive_and_its_own_packages(tmp_path: Path) -> None:
    main = (
        "import plait\nfrom pack.tests import test_loses, test_data\n"
        + ASK
        + "print(plait.check(test_data, runs=2)[0])\n"
    )
    tests = "from .counting import Counter\nfrom . import DATA\nimport threading\n" + TEST
    tests += "def test_data():\n    both(lambda: DATA)\n    assert DATA == b'# nothing'\n"
    data = "import pkgutil\nDATA = pkgutil.get_data(__name__, 'empty.py')\n"
    archive = zipped(
        tmp_path,
        __main__=main,
        pack__in____init__=data,
        pack__in__tests=tests,
        pack__in__counting=COUNTER,
        pack__in__empty="# nothing",
    )
    said = ran(tmp_path, archive)
    assert "Lost update of self.value" in said
    assert "counting.py:9  seen = self.value" in said
    assert said.endswith("again\npassed\n")
    path = {**os.environ, "PYTHONPATH": os.pathsep.join([archive, *filter(None, [os.environ.get("PYTHONPATH")])])}
    words = [sys.executable, "-m", "plait", "check", "--runs", "200", "pack.tests:test_loses"]
    done = subprocess.run(words, cwd=tmp_path, env=path, capture_output=True, text=True, timeout=LONG, check=False)
    assert (done.returncode, done.stdout.strip().partition("\n")[0]) == (1, "Lost update of self.value")


def test_the_program_of_an_archive(tmp_path: Path) -> None:
    said = ran(tmp_path, zipped(tmp_path, __main__=PROGRAM))
    assert "10  seen = self.value" in said
    assert said.endswith("again\n")


def made(source: str, file: str) -> dict[str, Any]:
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    scope: dict[str, Any] = {"n": 7}
    exec(compile(source, file, "exec"), scope)
    return scope


def test_code_that_was_made_and_entered_in_linecache() -> None:
    scope = made(
        COUNTER + "calls = []\n" + TEST + "def test_calls():\n    both(lambda: calls.append(1))\n    n\n", "<made>"
    )
    with pytest.raises(CheckFailed, match=r"<made>[\s\S]* 9  seen = self.value"):
        plait.check(scope["test_loses"], runs=200, seconds=None)
    scope["test_calls"]()
    found = plait.check(scope["test_calls"], runs=5, seconds=None)
    assert found.verdict == "passed"
    assert found.coverage.endswith(", n as it is now, calls as defined, not as now")
    assert scope["calls"] == [1, 1]


def test_a_prompt_that_keeps_functions_only_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "import threading\n" + COUNTER + TEST
    entry = len(source), None, source.splitlines(keepends=True), "<python-input-3>"
    known = {("<python-input-3>", "test_loses", 20): entry}
    monkeypatch.setattr(linecache, "_interactive_cache", known, raising=False)
    scope: dict[str, Any] = {}
    exec(compile(source, "<python-input-3>", "exec"), scope)
    with pytest.raises(UsageError, match=r"check\(test_loses\): its source is in no file and not known"):
        plait.check(scope["test_loses"])


def test_code_that_was_made_and_entered_nowhere() -> None:
    scope: dict[str, Any] = {}
    exec("def test(): pass", scope)
    with pytest.raises(UsageError, match=r"check\(test\): its source is in no file and not known"):
        plait.check(scope["test"])


def test_an_error_has_no_frames_of_ours() -> None:
    scope = made("import threading\ndef test():\n    assert not threading\n", "<fails>")
    with pytest.raises(CheckFailed) as failed:
        plait.check(scope["test"], runs=1)
    assert len(failed.traceback) <= 3


TYPED = ["import threading, plait", "n = 0", *"def add():\n    global n\n    seen = n\n    n = seen + 1\n".split("\n")]
TYPED += [*"def test():\n    both(add)\n    assert n == 2\n".split("\n"), "plait.check(test, runs=200)"]
TYPED += [*"def add():\n    global n\n    with lock: n += 1\n".split("\n"), "lock = threading.Lock()"]
TYPED += ["print(plait.check(test, runs=5).verdict)"]


def typed_in(folder: Path, *words: str) -> str:
    """What a prompt answers to all that is typed into a terminal at once."""
    pty = pytest.importorskip("pty", reason="no terminals here")
    (folder / "both.py").write_text("import threading\n" + TEST.partition("def test")[0])
    process, terminal = pty.fork()
    if not process:
        os.chdir(folder)
        os.environ.update(PYTHON_BASIC_REPL="1", TERM="dumb", HOME=str(folder), PYTHON_HISTORY=str(folder / "history"))
        os.execv(sys.executable, [sys.executable, "-q", *words])
    for line in ["from both import both", *TYPED, "exit()"]:
        os.write(terminal, line.encode() + b"\n")
    said = b""
    while True:
        try:
            said += (part := os.read(terminal, 65536))
        except OSError:  # the end of it, on Linux
            break
        if not part:
            break
    os.waitpid(process, 0)
    os.close(terminal)
    return said.decode().replace("\r", "")


FORKS = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # where another test has left a thread


@FORKS
@pytest.mark.skipif(sys.version_info[:2] != (3, 13), reason="the prompt of this Python does not keep all")
def test_what_is_typed_in(tmp_path: Path) -> None:
    said = typed_in(tmp_path)
    assert "Lost update of n" in said
    assert ":3  seen = n" in said
    assert "\npassed\n" in said


@FORKS
@pytest.mark.skipif(sys.version_info[:2] == (3, 13), reason="the prompt of this Python keeps sources")
def test_what_is_typed_into_a_prompt_that_keeps_nothing(tmp_path: Path) -> None:
    assert "its source is in no file and not known" in typed_in(tmp_path)


@pytest.mark.skipif(sys.version_info[:2] != (3, 13), reason="the prompt of this Python does not keep all")
def test_a_prompt_behind_a_script(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("n = 0\ndef count():\n    global n\n    n = 5\ncount()\n")
    assert "Lost update of n" in typed_in(tmp_path, "-i", "script.py")


@pytest.mark.parametrize(
    ("one", "other"),
    [([1], [2]), ({"a": 1}, {"a": 2}), ({1}, {1, 2}), ((1, [2]), (1, [3])), (Exception, 1), ({"f": len}, {"f": 1})],
)
def test_shapes_differ(one: object, other: object) -> None:
    assert shape(one) != shape(other)
    assert shape(one) == shape(one)


def test_a_large_value_is_not_looked_at_in_full() -> None:
    class Watched(list[int]):
        asked = 0

        def __iter__(self) -> Any:
            for one in range(len(self)):
                Watched.asked += 1
                yield one

    assert shape(Watched([0] * 1_000_000)) == shape(Watched([0] * 1_000_000))
    assert Watched.asked < 100_000
    assert shape([0] * 1_000_000) != shape([0] * 1_000_001)


def test_the_shape_of_a_ring() -> None:
    one: list[Any] = [1]
    one.append(one)
    other: list[Any] = [1]
    other.append(other)
    assert shape(one) == shape(other)
