"""Loops that look again and again whether they may go on: busily, or sleeping between two looks. Pure."""

from __future__ import annotations

import ast

from plait._see import why_source
from plait._see.why_branches import ends_of_loop
from plait._see.why_trees import tree_of


def ends_at(file: str, line: int) -> str:
    """What ends the `while` around a line, in words; "" where it has no condition, or there is no such loop."""
    return ends_of_loop(tree_of(file), why_source.loop_around(file, line))


def spins(file: str, line: int) -> bool:
    """Whether a line is in a `while` that does nothing but ask whether it may go on."""
    head = why_source.loop_around(file, line)
    tree = tree_of(file)
    if tree is None or not head:
        return False
    loops = (node for node in ast.walk(tree) if isinstance(node, ast.While) and node.lineno == head)
    return any(is_empty(loop) for loop in loops)


def is_empty(loop: ast.While) -> bool:
    r"""Whether there is nothing in a loop but its own end.

    >>> [is_empty(ast.parse(text).body[0]) for text in ("while not ready: pass", "while n < 9: n += 1")]
    [True, False]
    >>> is_empty(ast.parse("while True:\n if ready(): break").body[0])
    True
    """
    return all(_does_nothing(one) for one in loop.body)


def _does_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.If):
        return not node.orelse and all(isinstance(one, _ENDS) or _does_nothing(one) for one in node.body)
    if isinstance(node, ast.Expr):
        call = node.value
        yields = isinstance(call, ast.Call) and ast.unparse(call) in _YIELDS
        return yields or isinstance(call, ast.Constant)
    return isinstance(node, ast.Pass | ast.Continue)


_ENDS = (ast.Break, ast.Return)
_YIELDS = ("time.sleep(0)", "sleep(0)", "os.sched_yield()")
