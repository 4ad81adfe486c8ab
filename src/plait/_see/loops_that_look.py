"""Loops that look again and again whether they may go on: busily, or sleeping between two looks. Pure."""

from __future__ import annotations

import ast
from collections.abc import Callable

from plait._see.why import source
from plait._see.why.branches import ends_of_loop
from plait._see.why.trees import tree_of


def looks(file: str, line: int) -> str:
    """What ends the `while` around a line that only sleeps and looks, in words; "" where it does anything else.

    And where it waits until a queue has something: that queue itself does.
    """
    if not _only(file, line, _does_nothing) or _until_filled(_loop_at(file, line)):
        return ""
    return ends_of_loop(tree_of(file), source.loop_around(file, line))


def asks(file: str, line: int) -> str:
    """What the `while` around a line takes from when there is something, as ``jobs``; "" where it asks no queue."""
    loop = _loop_at(file, line)
    return asked_in(loop) if loop is not None else ""


def _loop_at(file: str, line: int) -> ast.While | None:
    head, tree = source.loop_around(file, line), tree_of(file)
    loops = ast.walk(tree) if tree is not None and head else ()
    return next((node for node in loops if isinstance(node, ast.While) and node.lineno == head), None)


def _until_filled(loop: ast.While | None) -> bool:
    """Whether it is a ``while jobs.empty():``."""
    test = loop.test if loop is not None else None
    return isinstance(test, ast.Call) and _called(test) == "empty"


def asked_in(loop: ast.While) -> str:
    r"""The queue that a loop asks whether there is something, without waiting.

    >>> asked_in(ast.parse("while True:\n if not self.jobs.empty(): run(self.jobs.get())\n sleep(1)").body[0])
    'self.jobs'
    >>> asked_in(ast.parse("while True:\n try: run(jobs.get_nowait())\n except Empty: sleep(1)").body[0])
    'jobs'
    """
    for node in ast.walk(loop):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _ASKS:
            return ast.unparse(node.func.value)
    return ""


def spins(file: str, line: int) -> bool:
    """Whether a line is in a `while` that does nothing but ask whether it may go on."""
    return _only(file, line, lambda node: _does_nothing(node) and not _sleeps(node))


def _only(file: str, line: int, allowed: Callable[[ast.stmt], bool]) -> bool:
    loop = _loop_at(file, line)
    return loop is not None and is_bare(loop) and all(map(allowed, loop.body))


def is_bare(loop: ast.While) -> bool:
    r"""Whether there is nothing in a loop but its own end, and sleeping; what its test assigns is used.

    >>> texts = "while not ready: pass", "while n < 9: n += 1", "while (item := take()): pass"
    >>> [is_bare(ast.parse(text).body[0]) for text in texts]
    [True, False, False]
    >>> is_bare(ast.parse("while True:\n if ready(): break\n sleep(1)").body[0])
    True
    """
    takes = any(isinstance(node, ast.NamedExpr | ast.Await) for node in ast.walk(loop.test))
    return not takes and all(map(_does_nothing, loop.body))


def _does_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.If):
        return not node.orelse and all(isinstance(one, _ENDS) or _does_nothing(one) for one in node.body)
    called = node.value if isinstance(node, ast.Expr) else None
    called = called.value if isinstance(called, ast.Await) else called
    if isinstance(called, ast.Call):
        return _called(called) in ("sleep", "sched_yield")
    return isinstance(node, ast.Pass | ast.Continue) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def _sleeps(node: ast.stmt) -> bool:
    """For longer than it takes to let others run."""
    calls = [one for one in ast.walk(node) if isinstance(one, ast.Call) and _called(one) == "sleep"]
    return any(not (call.args and isinstance(call.args[0], ast.Constant) and not call.args[0].value) for call in calls)


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


_ENDS = (ast.Break, ast.Return)
_ASKS = ("empty", "get_nowait")
