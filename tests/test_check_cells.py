"""Checks of functions that were defined in cells: what they are given, what is said, and that the notebook stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

pytest.importorskip("IPython", reason="no IPython here; the extra `frameworks` has it")

LONG = 200.0
BEGIN = """
import threading, queue, functools, asyncio, pickle, sys
from unittest import mock
import plait

def run(*functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

def said(test):
    try:
        found = plait.check(test, runs=12, seconds=None)
    except plait.errors.PlaitError as error:
        return f"{type(error).__name__}: {error}"
    return f"{found.verdict}: {found.coverage}"
"""

# Cells, and what is said of `test` behind the last one: words that stand in it.
CASES: dict[str, tuple[list[str], list[str]]] = {
    "a race, by the lines of its cells": (
        ["n = 0", "def add():\n global n\n seen = n\n n = seen + 1", "def test():\n run(add, add)\n assert n == 2"],
        ["Lost update of n", "Cell In[3]:3  seen = n", "Cell In[4]:3  assert n == 2", "plait.replay(test, "],
    ),
    "the definition that was run last": (
        [
            "n = 0",
            "def add():\n global n\n n += 1",
            "def test():\n run(add, add)\n assert n == 2",
            "lock = threading.Lock()\ndef add():\n global n\n with lock: n += 1",
        ],
        ["passed: "],
    ),
    "a cell that was run again": (["n = 1", "n = 2", "n = 1", "def test():\n run(print)\n assert n == 1"], ["passed: "]),
    "what was counted before": (
        ["n = []", "def add(): n.append(1)", "def test():\n run(add, add)\n assert len(n) == 2", "test()"],
        ["passed: ", ", n as defined, not as now"],
    ),
    "a class of several cells": (
        [
            "class Account:\n def __init__(self): self.balance = 10",
            "def draw(self):\n if self.balance >= 10: self.balance -= 10\nAccount.draw = draw",
            "def test():\n a = Account()\n run(a.draw, a.draw)\n assert a.balance == 0",
        ],
        ["Checked, then changed by another thread: self.balance"],
    ),
    "an async test, in a running loop": (
        [("async def test():\n n = 0\n async def add():\n  nonlocal n\n  m = n\n  await asyncio.sleep(0)\n  n = m + 1\n"
         " await asyncio.gather(add(), add())\n assert n == 2")],
        ["Lost update of n"],
    ),
    "processes": (
        ["def double(n): return 2 * n\n@functools.cache\ndef half(n): return n / 2",
         ("def test():\n assert list(plait.map(double, [1], engine='process', workers=1)) == [2]\n"
         " assert list(plait.map(half, [2], engine='process', workers=1)) == [1]\n run(print)")],
        ["passed: "],
    ),
    "names of the notebook": (
        ["class A: pass\ndef f(): return 1",
         ("def test():\n with mock.patch('__main__.f', return_value=2):\n  run(lambda: f())\n  assert f() == 2\n"
         " assert repr(A()).startswith('<__main__.A')\n assert type(pickle.loads(pickle.dumps(A()))) is A")],
        ["passed: "],
    ),
    "what cannot be run again is copied": (
        ["import builtins\nbuiltins.input = lambda *_: ['x']\nnames = input()", "n = await asyncio.sleep(0, 3)",
         "def test():\n run(lambda: names.append(n))\n assert names == ['x', 3]"],
        ["passed: ", "n as it is now", "names as it is now"],
    ),
    "or refused": (
        ["class A: pass", "a = await asyncio.sleep(0, A())", "def test(): run(lambda: a)"],
        ["UsageError: check(test): it needs a, and no statement is known", "it uses A as it was", "make it in test"],
    ),
    "what is made by code has no source": (
        ["exec('def made(): pass')", "def test(): run(made)"],
        ["UsageError: check(test): it needs made, and no statement is known"],
    ),
    "a thread that was started before": (
        ["q = queue.Queue()\ndone = []", "def work():\n while True:\n  done.append(q.get())\n  q.task_done()",
         "threading.Thread(target=work, daemon=True).start()", "def test():\n q.put(1)\n q.join()\n assert done == [1]"],
        ["passed: "],
    ),
    "what functions have made is no definition": (
        ["known = {}\ndef add(key): known[key] = 1", "add('a')", "def test(): run(lambda: known['a'])"],
        ["NotChecked: inconclusive: ", "KeyError: 'a'", "But known was as defined, anew", "call them in test"],
    ),
    "nor is what they have put into a queue": (
        ["q = queue.Queue()\ndef fill(): q.put(1)", "fill()", "def test(): run(q.get)"],
        ["NotChecked: inconclusive: ", "But q was as defined, anew"],
    ),
    "what cannot be defined anew": (
        ["import os, tempfile\nfile = tempfile.mktemp()\nopen(file, 'w').close()", "size = os.stat(file).st_size",
         "os.remove(file)", "def test(): run(lambda: size)"],
        ["NotChecked: inconclusive: what test needs could not be defined anew", "FileNotFoundError", "at Cell In[3]:1"],
    ),
    "input() in the test": (
        ["def test(): run(lambda: input('How many? '))"],
        ["NotChecked: inconclusive: input('How many? ') is called", "give the test its answer"],
    ),
    "cells of magic commands": (
        ["%%time\nlock = threading.Lock()\ndef add():\n with lock: n.append(1)", "%time n = []", "%%capture\nm = 1",
         "def test():\n run(add, add)\n assert len(n) == 2 and m"],
        ["passed: "],
    ),
    "registered by decorators": (
        ["known = []\ndef on(f):\n known.append(f)\n return f", "@on\ndef f(): pass", "def test():\n run(*known)\n assert known"],
        ["passed: "],
    ),
    "annotations of the future": (
        ["from __future__ import annotations", "def f(x: Unknown = 1): pass", "def test(): run(f, f)"],
        ["passed: "],
    ),
    "an error in a cell above": (["n = 1", "1 / 0", "def test():\n run(print)\n assert n == 1"], ["passed: "]),
    "of the cell that asks only what is above": (
        ["n = 1", "def test():\n run(print)\n assert n == 1\nsays = said(test)\nn = 2", "assert says[:7] == 'passed:', says",
         "def test(): run(print)"],
        ["passed: "],
    ),
}  # fmt: skip
DRIVER = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
found = {}
for name, cells in json.loads(sys.argv[1]).items():
    shell.reset(new_session=True)
    for cell in [BEGIN, *cells]:
        ended = shell.run_cell(cell, store_history=True)
        if cell.startswith("assert "):
            ended.raise_error()
    before = {key: id(value) for key, value in shell.user_ns.items() if key[:1] != "_"}
    shell.run_cell("answer = said(test)", store_history=True)
    found[name] = shell.user_ns["answer"]
    after = {key: id(shell.user_ns[key]) for key in before}
    assert before == after and sys.modules["__main__"] is shell.user_module, name
print("found:", json.dumps(found), sep="")
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    cells = {name: case[0] for name, case in CASES.items()}
    folder = tmp_path_factory.mktemp("cells")
    return dict(json.loads(ran(folder, "-c", f"BEGIN = {BEGIN!r}" + DRIVER, json.dumps(cells)).rpartition("found:")[2]))


def ran(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
        env={**os.environ, "IPYTHONDIR": str(folder)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("case", CASES)
def test_it_is_said(case: str, answers: dict[str, Any]) -> None:
    flat = " ".join(answers[case].split())
    for words in CASES[case][1]:
        assert " ".join(words.split()) in flat, answers[case]


def test_a_session_without_history_is_known_as_well(tmp_path: Path) -> None:
    code = dedent("""
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        for cell in [BEGIN, "n = 1", "n = 2", "def test():\\n run(print)\\n assert n == 2", "print(said(test))"]:
            shell.run_cell(cell).raise_error()
    """)
    assert ran(tmp_path, "-c", f"BEGIN = {BEGIN!r}\n{code}").startswith("passed: ")
