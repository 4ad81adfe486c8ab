"""``plait check``: what it runs, what it says, what it writes, and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

from plait._cli.main import run

LOSES = """
    import sys, threading

    total = 0

    def add():
        global total
        total += 1

    def test_loses():
        threads = [threading.Thread(target=add) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert total == int(sys.argv[1]) if sys.argv[1:] else 2

    if __name__ == "__main__":
        test_loses()
"""


@pytest.fixture(autouse=True)
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    file = tmp_path / "losing.py"
    file.write_text(dedent(LOSES).replace(" if sys.argv[1:] else 2", ""))
    (tmp_path / "right.py").write_text(
        "import threading\nfor _ in range(2):\n    threading.Thread(target=print).start()\n"
    )
    return file


def test_a_script_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "losing.py", "2"]) == 1
    story = capsys.readouterr().out
    assert story.startswith("Lost update of total\n")
    assert "losing.py" in story
    assert "AssertionError" in story
    (command,) = (line for line in story.splitlines() if "replay" in line)
    words = command.split()
    assert words[1:4] == ["plait", "check", "--replay"]
    assert words[5:] == ["losing.py", "2"]
    assert run(words[2:]) == 1
    assert "Lost update of total" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value", "coloured"),
    [("TERM", "xterm", True), ("NO_COLOR", "1", False), ("TERM", "dumb", False), ("FORCE_COLOR", "1", True)],
)
def test_colours_are_for_terminals_that_have_them(
    name: str, value: str, coloured: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: name != "FORCE_COLOR")
    assert run(["check", "losing.py"]) == 1
    assert ("\x1b[" in capsys.readouterr().out) is coloured


def test_a_module_and_a_function(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "-m", "losing", "2"]) == 1
    assert "check --replay" in capsys.readouterr().out
    (tmp_path / "losing.py").write_text(dedent(LOSES).replace("int(sys.argv[1]) if sys.argv[1:] else 2", "2"))
    assert run(["check", "losing.py:test_loses"]) == 1
    assert run(["check", "losing:test_loses", "--runs", "100"]) == 1  # a function has no words of its own
    sys.modules.pop("losing", None)


def test_a_script_that_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--runs", "20", "right.py"]) == 0
    assert capsys.readouterr().out.startswith("passed: 20 schedules, not a proof\nchecked: 20 schedules")


def test_json_sarif_and_html(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--json", "--sarif", "out.sarif", "--html", "out.html", "losing.py", "2"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "failed"
    assert report["findings"][0]["kind"] == "lost update"
    assert report["coverage"]["threads"] == 3
    log = json.loads((tmp_path / "out.sarif").read_text())
    location = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "losing.py"
    assert "<h1>Lost update of total</h1>" in (tmp_path / "out.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "what should be checked?"),
        (["nothing.py"], "there is no file 'nothing.py'"),
        (["-m", "no.such.module"], "no such module"),
        (["right.py:nothing"], "has no 'nothing'"),
        (["losing.py:add", "argument"], "without arguments"),
        (["losing.py:add", "--runs", "0"], "--runs"),
        (["--scheduler", "chance", "right.py"], "scheduler='chance' is not known"),
        (["--replay", "1abc", "right.py"], "copy all of it"),
        (["--runs", "0", "right.py"], "--runs"),
        (["--unknown", "right.py"], "--unknown"),
    ],
)
def test_what_cannot_begin_says_why(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_token_that_no_longer_applies(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "losing.py", "2"]) == 1
    token = next(line for line in capsys.readouterr().out.splitlines() if "--replay" in line).split()[4]
    program.write_text(program.read_text().replace("total", "sum_of_all"))
    assert run(["check", "--replay", token, "losing.py", "2"]) == 3
    assert "the token no longer applies: at switch 1" in capsys.readouterr().out


def test_help_says_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--help"]) == 0
    assert "3 inconclusive or not checked" in capsys.readouterr().out


def test_an_output_that_depends_on_the_schedule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = "import threading\nfor name in 'ab':\n    threading.Thread(target=print, args=(name,)).start()\n"
    (tmp_path / "prints.py").write_text(
        "def say(name):\n    print(name)\n" + source.replace("target=print", "target=say")
    )
    assert run(["check", "--runs", "50", "prints.py"]) == 0
    capsys.readouterr()
    assert run(["check", "--one-output", "prints.py"]) == 1
    story = capsys.readouterr().out
    words = " ".join(story.split())
    assert "The output depends on the schedule" in words
    assert "Line 1 is `b` in this execution and `a` in another one." in words or "Line 1 is `a`" in words
    token = story.partition("--replay ")[2].split()[0]
    assert run(["check", "--replay", token, "--one-output", "prints.py"]) == 1
    assert "The output depends on the schedule" in capsys.readouterr().out
    assert run(["check", "--replay", token, "prints.py"]) == 0


@pytest.mark.parametrize("seed", range(6))
def test_a_token_of_an_output_shows_another_one_whichever_came_first(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "prints.py").write_text(
        "import threading\nfor name in 'ab':\n    threading.Thread(target=lambda name=name: print(name)).start()\n"
    )
    assert run(["check", "--one-output", "--seed", str(seed), "prints.py"]) == 1
    token = capsys.readouterr().out.partition("--replay ")[2].split()[0]
    assert run(["check", "--replay", token, "--one-output", "prints.py"]) == 1


def test_a_package_that_is_named_is_observed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--observe", "no_such_package", "right.py"]) == 2
    assert "--observe no_such_package" in capsys.readouterr().err
    (tmp_path / "asks.py").write_text(
        "import sched, threading\nthreading.Thread(target=sched.scheduler().run).start()\n"
    )
    assert run(["check", "--runs", "5", "--observe", "sched", "asks.py"]) == 0
    assert " 0 shared accesses" not in capsys.readouterr().out
    assert run(["check", "--runs", "5", "asks.py"]) == 0
    assert " 0 shared accesses" in capsys.readouterr().out


def test_a_package_of_which_a_part_is_observed_is_imported_anew_itself(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path_factory.mktemp("installed") / "drawer"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "style.py").write_text("class Style:\n    pass\n")
    (folder / "themes.py").write_text("from .style import Style\nDEFAULT = Style()\n")
    (folder / "painting.py").write_text(
        "from . import themes\nfrom .style import Style\ndef paint(): assert isinstance(themes.DEFAULT, Style)\n"
    )
    monkeypatch.syspath_prepend(folder.parent)
    (tmp_path / "right.py").write_text(
        "import threading\nfrom drawer.painting import paint\n"
        "one = threading.Thread(target=paint)\none.start()\none.join()\n"
    )
    try:
        assert run(["check", "--runs", "3", "--observe", "drawer.painting", "right.py"]) == 0, capsys.readouterr()
        assert "drawer" in sys.modules
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "drawer"]:
            sys.modules.pop(name, None)


def test_a_part_of_a_package_is_observed_whatever_else_of_it_keeps_that(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path_factory.mktemp("installed")
    (folder / "shelf").mkdir()
    (folder / "shelf" / "__init__.py").write_text("from shelf.counting import Counter, counted\n")
    (folder / "shelf" / "counting.py").write_text(
        "counted = []\nclass Counter:\n    n = 0\n    def bump(self): self.n = int(self.n) + 1\n"
    )
    monkeypatch.syspath_prepend(folder)
    in_c = ModuleType("shelf.in_c")  # as an extension module: it has no source, and is never loaded again
    monkeypatch.setitem(sys.modules, "shelf.in_c", in_c)
    (tmp_path / "right.py").write_text(
        "import threading, shelf.in_c\nfrom shelf import Counter, counted, counting\n"
        "assert counting.Counter is Counter and not counted and shelf.in_c\ncounted.append(1)\n"
        "one = threading.Thread(target=Counter().bump)\none.start()\none.join()\n"
    )
    (tmp_path / "wrong.py").write_text(
        "import threading\nfrom shelf import Counter\nc = Counter()\n"
        "threads = [threading.Thread(target=c.bump) for _ in range(2)]\n"
        "for thread in threads: thread.start()\nfor thread in threads: thread.join()\nassert c.n == 2\n"
    )
    try:
        assert run(["check", "--runs", "5", "--observe", "shelf.counting", "right.py"]) == 0
        assert " 0 shared accesses" not in capsys.readouterr().out
        assert sys.modules["shelf"].counting is sys.modules["shelf.counting"]
        assert run(["check", "--runs", "50", "--observe", "shelf.counting", "wrong.py"]) == 1
        assert "Lost update of self.n" in capsys.readouterr().out
    finally:
        for name in ("shelf", "shelf.counting"):
            sys.modules.pop(name, None)


def test_tests_are_explored_one_by_one(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "test_it.py").write_text(
        "import threading\nclass C: n = 0\ndef test_it():\n    c = C()\n    def bump(): c.n += 1\n"
        "    threads = [threading.Thread(target=bump) for _ in range(2)]\n"
        "    for thread in threads: thread.start()\n    for thread in threads: thread.join()\n    assert c.n == 2\n"
    )
    assert run(["check", "--seconds", "0.3", "-m", "pytest", "-p", "no:cacheprovider", "test_it.py"]) == 1
    assert "Lost update of c.n" in capfd.readouterr().out
    assert run(["check", "--json", "-m", "pytest", "test_it.py"]) == 2
    assert "--json cannot be said for all" in capfd.readouterr().err


def test_tests_have_the_options_of_the_interpreter(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("""
import sys, threading
def test_it():
    thread = threading.Thread(target=print)
    thread.start()
    thread.join()
    assert (sys.flags.utf8_mode, sys.flags.bytes_warning) == (1, 2)
    assert False, "which counts under -O"
""")
    command = [sys.executable, "-O", "-bb", "-X", "utf8", "-m", "plait", "check", "-m", "pytest"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "AssertionError: which counts under -O" in done.stdout


def test_without_pytest_tests_could_not_begin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("plait._cli.check_run.find_spec", lambda name: None)
    assert run(["check", "-m", "pytest"]) == 2
    assert "pytest is not installed" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "trace"])
def test_an_option_of_ours_that_goes_to_a_script_is_told(command: str, tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text("x = 1\n")
    (tmp_path / "takes.py").write_text(
        "import argparse\nmine = argparse.ArgumentParser()\nmine.add_argument('--json')\n"
    )
    option = {"check": "--json", "trace": "--children"}[command]
    assert (
        f"note: plain.py is given {option}, which it does not mention; what is meant for plait {command} stands before"
        in errors_of(command, "plain.py", "input.txt", option)
    )
    for words in (["plain.py", "--other"], ["takes.py", "--json", "1"], [option, "plain.py"]):
        assert "note:" not in errors_of(command, *words)


def errors_of(*words: str) -> str:
    """What the command says, as a program: the end of a traced one is the end of the interpreter."""
    return subprocess.run(
        [sys.executable, "-m", "plait", *words], capture_output=True, text=True, timeout=60, check=False
    ).stderr
