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
