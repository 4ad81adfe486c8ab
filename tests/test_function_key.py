"""Keys of functions: what changes them is what changes what they mean, and nothing else."""

from __future__ import annotations

import ast
import functools
import importlib
import os
import subprocess
import sys
import sysconfig
import threading
from pathlib import Path
from typing import Any

import pytest

import plait
from plait._core import installed
from plait._core.source import Sources
from plait._core.star import Star
from plait._run.recording.function_key import Codes, function_key

MODULE = '''
import dataclasses, enum, threading
import helpers
from helpers import trim

WIDTH = 3
SETTINGS = {"a": 1, "b": {2, 3}}
lock = threading.Lock()

class Color(enum.Enum):
    RED = 1

@dataclasses.dataclass
class Config:
    size: int = 1

    def area(self):
        return self.size * WIDTH

config = Config()

def even(n):
    return n == 0 or odd(n - 1)

def odd(n):
    return n != 0 and even(n - 1)

def work(x, names=("a", "b")):
    """What it does."""
    with lock:
        from helpers import late
        return [helpers.clean(x), trim(x), late(x), WIDTH, SETTINGS, config.area(), Color.RED, even(x), x in {"u", "v", "w"}]

pair = (lambda x: x + 1), (lambda x: x + 2)
'''

HELPERS = """
def clean(x):
    return inner(x)

def inner(x):
    return x

def trim(x):
    return x

def late(x):
    return x
"""

EDITS = {
    "nothing": (None, None, "same"),
    "a comment": ("    with lock:", "    # why\n    with lock:", "same"),
    "blank lines and layout": ("def even(n):\n    return n == 0 or odd(n - 1)", "def even( n ):\n\n    return (n == 0\n        or odd(n-1))", "same"),
    "a function that it does not use": ("pair =", "def other():\n    return 1\n\npair =", "same"),
    "the order of a set": ('{"u", "v", "w"}', '{"u", "v", "w"}', "same"),
    "its code": ("from helpers import late\n", "from helpers import late\n        x = x\n", "work"),
    "its docstring": ("What it does.", "What it does now.", "work"),
    "a default": ('("a", "b")', '("a", "c")', "default 1 of work"),
    "a global number": ("WIDTH = 3", "WIDTH = 4", "global WIDTH"),
    "something in a global dict": ("{2, 3}", "{2, 4}", "global SETTINGS"),
    "the state of a global object": ("config = Config()", "config = Config(2)", "global config"),
    "a method of its class": ("self.size * WIDTH", "self.size + WIDTH", "Config.area"),
    "a default of its class": ("size: int = 1", "size: int = 5", "Config.size"),
    "a member of an enumeration": ("RED = 1", "RED = 2", "Color.RED"),
    "a function that calls it back": ("n != 0 and", "n > 0 and", "odd"),
    "a helper's helper": ("def inner(x):\n    return x", "def inner(x):\n    return x + 1", "inner"),
    "an imported function": ("def trim(x):\n    return x", "def trim(x):\n    return x + 1", "trim"),
    "what is imported inside": ("def late(x):\n    return x", "def late(x):\n    return x + 1", "import helpers"),
}  # fmt: skip


def key_of(folder: Path, name: str = "work") -> plait._run.recording.function_key.FunctionKey:
    """The key of the function in the module as it is now, imported afresh."""
    for module in ("subject", "helpers"):
        sys.modules.pop(module, None)
    importlib.invalidate_caches()
    return function_key(getattr(importlib.import_module("subject"), name))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "subject.py").write_text(MODULE)
    (tmp_path / "helpers.py").write_text(HELPERS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for module in ("subject", "helpers"):
        sys.modules.pop(module, None)


@pytest.mark.parametrize("edit", EDITS)
def test_what_changes_a_key(folder, edit):
    before, after, part = EDITS[edit]
    old = key_of(folder)
    found = 0
    for name in ("subject.py", "helpers.py"):
        text = (folder / name).read_text()
        if before and before in text:
            (folder / name).write_text(text.replace(before, after))
            found += 1
    assert found or before is None
    new = key_of(folder)
    if part == "same":
        assert new == old
    else:
        assert new.digest != old.digest
        changed = {name for name in old.parts | new.parts if old.parts.get(name) != new.parts.get(name)}
        assert part in changed
        assert changed <= {part, "import helpers", "global config", "work"}


def test_names_and_what_is_loose(folder):
    key = key_of(folder)
    assert key.name == "subject.work"
    assert key.loose == ["global lock (lock)"]
    assert function_key(lambda x: x).name == ""
    assert function_key(pow).name == "builtins.pow"
    assert function_key(Star(pow)).name == "builtins.pow"
    assert function_key(functools.partial(functools.partial(pow, 2))).name == "builtins.pow"


def test_lambdas_of_one_line_are_told_apart(folder):
    key_of(folder)
    one, other = sys.modules["subject"].pair
    assert function_key(one).digest != function_key(other).digest


def test_a_file_that_was_edited_after_the_import_says_nothing_about_what_runs(folder):
    old = key_of(folder)
    work = sys.modules["subject"].work
    text = (folder / "subject.py").read_text()
    (folder / "subject.py").write_text(text.replace("What it does.", "Something else."))
    os.utime(folder / "subject.py", (1, 1))
    stale = function_key(work)
    assert stale.digest != old.digest  # by its byte code now
    assert stale.digest != key_of(folder).digest
    assert stale == function_key(work)


def captured(value):
    def inner(x):
        return x, value

    return inner


class Thing:
    def __init__(self, size):
        self.size = size

    def method(self, x):
        return x * self.size

    __call__ = method


@functools.lru_cache
def cached(x):
    return x


@plait.per_worker
def session():
    return 1


def uses_a_session(x):
    return session()


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        (captured(1), captured(1), captured(2)),
        (captured([1, {2}]), captured([1, {2}]), captured([1, {3}])),
        (captured(len), captured(len), captured(max)),
        (captured(captured(1)), captured(captured(1)), captured(captured(2))),
        (functools.partial(pow, 2), functools.partial(pow, 2), functools.partial(pow, 3)),
        (functools.partial(captured(1), key=1), functools.partial(captured(1), key=1), functools.partial(captured(1), key=2)),
        (Thing(1).method, Thing(1).method, Thing(2).method),
        (Thing(1), Thing(1), Thing(2)),
        (Thing, Thing, dict),
        (cached, cached, cached.__wrapped__),
        (Star(pow), Star(pow), pow),
        ("a".join, "a".join, "b".join),
        (str.upper, str.upper, str.lower),
        (uses_a_session, uses_a_session, session),
    ],
)  # fmt: skip
def test_what_a_function_is_made_with(one, same, other):
    assert function_key(one).digest == function_key(same).digest
    assert function_key(one).digest != function_key(other).digest


def test_what_has_no_content_counts_by_its_class_and_is_named():
    assert function_key(captured(threading.Lock())).digest == function_key(captured(threading.Lock())).digest
    assert function_key(captured(threading.Lock())).digest != function_key(captured(threading.Event())).digest
    assert function_key(captured(threading.Lock())).loose == ["captured value (lock)"]


def test_a_function_without_source():
    space: dict[str, object] = {}
    exec("def f(x):\n    return x + 1", space)
    same: dict[str, object] = {}
    exec("\n\n# elsewhere\ndef f(x):\n    return x + 1", same)
    other: dict[str, object] = {}
    exec("def f(x):\n    return x + 2", other)
    assert function_key(space["f"]).digest == function_key(same["f"]).digest
    assert function_key(space["f"]).digest != function_key(other["f"]).digest


def test_classes_of_items():
    codes = Codes()
    assert codes.class_digest(int) is None
    assert codes.class_digest(Thing) == Codes().class_digest(Thing) != codes.class_digest(Local())
    key_again = codes.class_digest(Thing)
    assert key_again == codes.class_digest(Thing)


def Local():
    class Thing:
        def method(self, x):
            return x

    return Thing


def test_a_key_is_the_same_in_every_process_as_script_and_as_module(folder):
    program = folder / "subject.py"
    program.write_text(
        MODULE + "if __name__ == '__main__':\n"
        "    from plait._run.recording.function_key import function_key\n"
        "    print(function_key(work).digest.hex())\n"
    )
    found = {
        subprocess.run(
            [sys.executable, str(program)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {key_of(folder).digest.hex()}


def test_keys_are_the_same_on_every_python(folder):
    """Pinned: another version of Python that reads the same source says the same."""
    assert key_of(folder).digest.hex() == PINNED


PINNED = "d6fad88356dcbf290cad3b0bf7b74c76"


def test_threads_that_ask_at_the_same_time_do_not_disturb_each_other() -> None:
    """CPython 3.11 answers with errors then: sysconfig, which has half of its variables, and the parser (gh-106905)."""
    failures = [SystemError("AST constructor recursion depth mismatch (before=69, after=68)")] * 2
    parse, paths = ast.parse, sysconfig.get_paths

    def disturbed(text: str) -> ast.Module:
        if failures:
            raise failures.pop()
        return parse(text)

    def one_by_one(*args: Any) -> dict[str, str]:
        assert installed._ONE_BY_ONE.locked()
        return paths(*args)

    with pytest.MonkeyPatch.context() as patch:  # pytest parses, too, when it shows a failure
        patch.setattr(ast, "parse", disturbed)
        patch.setattr(sysconfig, "get_paths", one_by_one)
        installed._homes.cache_clear()
        node = Sources().node_of(disturbed.__code__)
        assert installed.is_installed(ast.dump)
    assert isinstance(node, ast.FunctionDef)
    assert not failures
