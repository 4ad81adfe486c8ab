"""Which expression in the source stands for what an access touches."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from plait._core.event import Site


def touched_in(node: ast.AST, part: str, site: Site, *, called: bool) -> ast.expr | None:
    """The expression for what is touched, inside the node that the site is of."""
    if isinstance(node, ast.AugAssign):
        return node.target
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.Delete):
        targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
        return next((target for target in targets if last_name(target) == part.strip("[]")), targets[0])
    whole = part.startswith("[")
    if isinstance(node, ast.Compare) and whole:
        return node.comparators[-1]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and (whole or node.func.attr == site.text):
        if not whole and part != site.text:
            return ast.Attribute(node.func.value, part)  # what the method keeps there: `level` of `setLevel()`
        is_text = whole and isinstance(node.func.value, ast.Constant | ast.JoinedStr)  # as in `", ".join(names)`
        return _given(node) if is_text else node.func.value if whole else node.func
    if isinstance(node, ast.Call) and whole and node.args:
        return node.args[0]
    if isinstance(node, ast.Attribute) and whole and called:
        return node.value
    return node if isinstance(node, ast.expr) else None


def _given(call: ast.Call) -> ast.expr | None:
    """What a call is given, if it is one thing."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    one = given[0] if len(given) == 1 else None
    return one.value if isinstance(one, ast.Starred) else one


def last_name(target: ast.expr) -> str:
    """`value` for ``self.value`` and for ``value``; a subscript has the name of what it is a part of."""
    if isinstance(target, ast.Subscript):
        return last_name(target.value)
    return target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""


def last_word(text: str) -> str:
    """The same of an expression as it is written.

    >>> last_word("self.locks[0]")
    'locks'
    """
    return text.partition("[")[0].rpartition(".")[2]


def called_name(call: ast.Call) -> str:
    """The last name of what is called: `take` in ``self.pool.take(n)``."""
    return ast.unparse(call.func).rpartition(".")[2]


def calls_of(node: ast.AST, name: str, method: str) -> Iterator[int]:
    """The lines in the node where a method is called on what has this last name."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == method:
            if last_name(call.func.value) == name:
                yield call.lineno
