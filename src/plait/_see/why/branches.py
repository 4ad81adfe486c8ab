"""Whether something in a function was come by for sure when a line of it is: branches, and tries that failed. Pure."""

from __future__ import annotations

import ast


def is_elsewhere(nodes: list[ast.AST], there: ast.AST, line: int) -> bool:
    """Whether something is in a branch that a line is not in: then nobody can tell whether it was come by."""
    branches = [part for node in nodes for part in _branches(node) if part]
    others = [part for part in branches if not part[0].lineno <= line <= (part[-1].end_lineno or 0)]
    others += [
        node.body for node in nodes if isinstance(node, ast.Try) and any(_has(one, line) for one in node.handlers)
    ]
    return any(one is there for part in others for each in part for one in ast.walk(each))


def _has(node: ast.ExceptHandler, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def _branches(node: ast.AST) -> list[list[ast.stmt]]:
    if isinstance(node, ast.If):
        return [node.body, node.orelse]
    return [node.body] if isinstance(node, ast.ExceptHandler | ast.match_case) else []


def ends_of_loop(tree: ast.AST | None, line: int) -> str:
    r"""What ends the `while` that begins in a line, in words; "" where it has no condition, or there is no such loop.

    >>> ends_of_loop(ast.parse("while not done(): sleep(1)"), 1)
    'goes on while `not done()`'
    >>> ends_of_loop(ast.parse("while True:\n if done(): break\n sleep(1)"), 1)
    'goes on until `done()`'
    """
    nodes = ast.walk(tree) if tree is not None else ()
    loop = next((node for node in nodes if isinstance(node, ast.While) and node.lineno == line), None)
    if loop is None:
        return ""
    if not isinstance(loop.test, ast.Constant):
        return f"goes on while `{ast.unparse(loop.test)}`"
    found = [ast.unparse(one.test) for one in _of_loop(loop) if isinstance(one, ast.If) and _leaves(one.body)]
    return f"goes on until {' or '.join(f'`{one}`' for one in found)}" if found else ""


def _of_loop(loop: ast.While) -> list[ast.AST]:
    """What is in a loop, but not in one within it, or in a function."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = list(loop.body)
    while waiting:
        node = waiting.pop(0)
        found.append(node)
        if not isinstance(node, _APART):
            waiting += ast.iter_child_nodes(node)
    return found


_APART = (ast.While, ast.For, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def _leaves(body: list[ast.stmt]) -> bool:
    return isinstance(body[-1], ast.Break | ast.Return)
