"""Where what a thread waits for is changed back and notified, and nobody has come: ``self.writing = False``, say."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.waits import Waiting, condition_of

_WAKES = ("notify", "notify_all")


def unreached(history: History, change: int, what: Waiting, sources: Sources) -> tuple[int, ...]:
    """The lines that change back what was changed last, and notify the condition; none if one of them came after it.

    Only of a flag, a state, or a count, which one line sets and another one sets back.
    """
    if change < 0:
        return ()
    site, condition = history.events[change].site, condition_of(what, sources)
    statement = sources.statement(site) if site is not None else None
    if site is None or statement is None:
        return ()
    found = [
        other
        for function in sources.functions(site.file)
        if _notifies(function, condition)
        for other in ast.walk(function)
        if isinstance(other, ast.stmt) and _undoes(other, statement, history.events[change].name)
    ]
    lines = {other.lineno for other in found}
    after = (event.site for event in history.events[change + 1 :] if event.site is not None)
    since = {one.line for one in after if one.file == site.file}
    return () if lines & since else tuple(sorted(lines))


def _notifies(function: ast.AST, condition: str) -> bool:
    """Whether a function notifies the condition, as far as its last name tells."""
    calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    wakes = [one.value for one in calls if isinstance(one, ast.Attribute) and one.attr in _WAKES]
    return condition in [ast.unparse(value).rpartition(".")[2] for value in wakes]


def _undoes(other: ast.stmt, statement: ast.stmt, name: str) -> bool:
    """Whether it changes the same attribute or variable in another way: to another constant, or the other way round."""
    if isinstance(other, ast.AugAssign) and isinstance(statement, ast.AugAssign):
        back = isinstance(other.op, ast.Sub) != isinstance(statement.op, ast.Sub)
        return back and name in _names(other)
    if not isinstance(other, ast.Assign) or not isinstance(statement, ast.Assign):
        return False
    return name in _names(other) and ast.dump(other.value) != ast.dump(statement.value)


def _names(statement: ast.Assign | ast.AugAssign) -> Iterator[str]:
    """The last names of what it assigns to."""
    for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
        if isinstance(target, ast.Attribute | ast.Name):
            yield target.attr if isinstance(target, ast.Attribute) else target.id
