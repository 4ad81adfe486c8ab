"""Finding the function that a target names, and what is said when there is none."""

from __future__ import annotations

import math
import sys

import click
import pytest

from plait._cli.main import run
from plait._cli.target import find_function


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    (tmp_path / "tools_for_plait.py").write_text(
        "number = 3\n"
        "def shout(x):\n    return x.upper()\n"
        "class Kit:\n    @staticmethod\n    def twice(x):\n        return x * 2\n"
    )
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def said(target: str) -> str:
    with pytest.raises(click.ClickException) as caught:
        find_function(target)
    return caught.value.message


def test_functions_of_installed_modules():
    assert find_function("math:sqrt") is math.sqrt
    assert find_function("os.path:join")("a", "b") == "a/b"


@pytest.mark.skipif(sys.platform == "win32", reason="a folder that is in use cannot be deleted here")
def test_in_a_folder_that_was_deleted(folder):
    folder.joinpath("tools_for_plait.py").unlink()
    folder.rmdir()
    before = list(sys.path)
    assert find_function("math:sqrt") is math.sqrt
    assert sys.path == before
    assert "neither here (in a folder that was deleted) nor installed" in said("no_such_module_at_all:f")
    assert said("tools_for_plait.py:shout").startswith("there is no file 'tools_for_plait.py'")


def test_the_current_folder_is_importable(folder):
    assert find_function("tools_for_plait:shout")("a") == "A"
    assert find_function("tools_for_plait:Kit.twice")("a") == "aa"


def test_a_file(folder):
    (folder / "deeper").mkdir()
    (folder / "deeper" / "other_tools_for_plait.py").write_text("def f(x):\n    return x\n")
    assert find_function("tools_for_plait.py:shout")("a") == "A"
    assert find_function("deeper/other_tools_for_plait.py:f").__module__ == "other_tools_for_plait"


def test_a_file_in_a_package_keeps_its_relative_imports(folder):
    package = folder / "kit_for_plait"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "base.py").write_text("def f(x):\n    return x\n")
    (package / "use.py").write_text("from .base import f\n")
    assert find_function("kit_for_plait/use.py:f").__module__ == "kit_for_plait.base"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("tools_for_plait:shoutt", ["tools_for_plait", "'shoutt'", "did you mean 'shout'"]),
        ("tools_for_plait:Kit.twic", ["tools_for_plait:Kit", "'twic'", "did you mean 'twice'"]),
        ("tols_for_plait:shout", ["no module 'tols_for_plait'", "did you mean 'tools_for_plait'"]),
        ("tols_for_plait.py:shout", ["no file 'tols_for_plait.py'", "did you mean 'tools_for_plait.py'"]),
        ("tools_for_plait:number", ["int", "cannot be called"]),
        ("tools_for_plait", ["expected module:function, module:Class.method or file.py:function"]),
        (":shout", ["expected module:function"]),
        ("tools_for_plait:", ["expected module:function"]),
        ("nowhere/tools.py:f", ["no file 'nowhere/tools.py'"]),
        ("tools_for_plait.shout", ["did you mean 'tools_for_plait:shout'?"]),
        ("tools_for_plait.Kit.twice", ["did you mean 'tools_for_plait:Kit.twice'?"]),
        ("os.path.basename", ["did you mean 'os.path:basename'?"]),
        ("len", ["did you mean 'builtins:len'?"]),
        ("tools_for_plait.py.shout", ["did you mean 'tools_for_plait.py:shout'?"]),
        ("tools_for_plait.py::Kit::twice", ["did you mean 'tools_for_plait.py:Kit.twice'?"]),
        ("tools_for_plait", ["for a function in this file, write 'tools_for_plait.py:NAME'"]),
        ("tools_for_plait.py", ["for a function in this file, write 'tools_for_plait.py:NAME'"]),
    ],
)
def test_wrong_targets(folder, target, words):
    message = said(target)
    assert [word for word in words if word not in message] == [], message


def test_a_module_that_fails_shows_its_own_lines_only(folder):
    (folder / "broken_for_plait.py").write_text("def f(x):\n    return x\n\n1 / 0\n")
    message = said("broken_for_plait:f")
    assert "ZeroDivisionError" in message
    assert 'broken_for_plait.py", line 4' in message
    assert "importlib" not in message
    assert "target.py" not in message


def test_a_module_that_misses_another_says_which(folder):
    (folder / "needy_for_plait.py").write_text("import there_is_no_such_module\n")
    message = said("needy_for_plait:f")
    assert "importing 'needy_for_plait' failed" in message
    assert "there_is_no_such_module" in message


def test_a_file_whose_name_is_taken(folder):
    (folder / "json.py").write_text("def f(x):\n    return x\n")
    assert "give the file another name" in said("json.py:f")


@pytest.mark.parametrize(
    ("command", "also"),
    [("map", "or a shell command in quotes"), ("advise", ""), ("check", "or a script whose name ends in .py")],
)
def test_each_command_says_what_it_takes(folder, capfd, command, also):
    assert run([command, "tools_for_plait"]) in (2, 255)
    said = capfd.readouterr().err
    assert "expected module:function, module:Class.method" in said
    assert also in said
    assert ("shell command" in said) == (command == "map")
