"""What a call in the source is of: a method of what is before the dot, a function, or something handed over before."""

from __future__ import annotations

import ast
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Final

from plait._check.access import CHANGES
from plait._check.opaque import CONSUMING, FILLING

_METHODS: Final = {
    kind.__name__: frozenset(dir(kind))
    for kind in (list, dict, set, bytearray, deque, OrderedDict, defaultdict, Counter)
}


def hides(call: ast.Call, kind: str, tree: ast.Module | None) -> bool:
    r"""Whether a call that touches a container of this kind does not say which.

    So it is when the container's method was handed over, and has another name here.

    >>> def asks(text):
    ...     return hides(ast.parse(text, mode="eval").body, "list", ast.parse("import bisect\nadd = found.append"))
    >>> asks("self.on_event(x)"), asks("handlers[0](x)"), asks("add(x)")
    (True, True, True)
    >>> asks("found.append(x)"), asks("bisect.insort(found, x)"), asks("sorted(found)")
    (False, False, False)
    """
    methods, function = _METHODS.get(kind), call.func
    if methods is None:
        return False
    if isinstance(function, ast.Name):
        return function.id in _given(tree)
    return not isinstance(function, ast.Attribute) or not (function.attr in methods or owns_nothing(function, tree))


def is_result(call: ast.Call, text: str) -> bool:
    """Whether an access at a call, whose site has this text, is one of what the call gives, and not of what it does.

    >>> call = ast.parse("subs.get(1)", mode="eval").body
    >>> is_result(call, "for"), is_result(call, "get")
    (True, False)
    """
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "()")
    return not text.endswith(name)


def owns_nothing(function: ast.expr, tree: ast.Module | None) -> bool:
    """Whether it is a function, or a method of a text or a class: what such a call looks at are its arguments."""
    if not isinstance(function, ast.Attribute) or isinstance(function.value, ast.Constant):
        return True
    imports = (one for one in _nodes(tree) if isinstance(one, ast.Import))
    names = {alias.asname or alias.name for one in imports for alias in one.names}
    return ast.unparse(function.value) in names | {"dict", "list", "set"}


def is_of_argument(function: ast.expr, *, changes: bool) -> bool:
    """Whether an access of a method call is that of an argument: what the method is called on is accessed otherwise."""
    if not isinstance(function, ast.Attribute):
        return False
    return function.attr in FILLING if changes else function.attr in CHANGES & CONSUMING


def _given(tree: ast.Module | None) -> set[str]:
    """The names that are assigned, or are parameters, somewhere in the file."""
    nodes = list(_nodes(tree))
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return stored | {node.arg for node in nodes if isinstance(node, ast.arg)}


def _nodes(tree: ast.Module | None) -> list[ast.AST]:
    return list(ast.walk(tree)) if tree is not None else []
