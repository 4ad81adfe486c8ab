"""Where what a line waits for came from, as the function around it says. Pure."""

from __future__ import annotations

import ast
import re

from plait._see.why import source
from plait._see.why.dump import Frame
from plait._see.why.keys import is_own
from plait._see.why.trees import nodes_around

_POOL = re.compile(r"pool|acquire|check_?out|borrow|lease|connect", re.IGNORECASE)
_STARTS = ("start", "submit", "apply_async", "create_task")


def is_given_by(frame: Frame, what: str, function: str) -> bool:
    """Whether an expression is a call of this function, or a variable that was given one before: ``f = start(x)``."""
    if _calls(what, function):
        return True
    nodes = nodes_around(frame.file, frame.line)
    given = [node for node in nodes if isinstance(node, ast.Assign) and node.lineno <= frame.line]
    values = [ast.unparse(one.value) for one in given if what in map(ast.unparse, one.targets)]
    return any(_calls(value, function) for value in values)


def _calls(expression: str, function: str) -> bool:
    return re.match(rf"(\w+\.)*{function}\(", expression) is not None


def is_of_pool(frame: Frame) -> bool:
    """Whether a function hands its caller what it gets: `return self._free.get()` of a pool, by the name of either."""
    itself = frame.variables.get("self")
    names = f"{frame.function} {itself.type if itself is not None else ''}"
    return _POOL.search(names) is not None and source.text(frame.file, frame.line).startswith(_HANDS)


_HANDS = ("return ", "conn = ", "connection = ")


def started_later(frame: Frame) -> tuple[str, int]:
    """What the function around a line starts first below it, in no loop with it, and where; "" and 0 for none."""
    nodes = list(nodes_around(frame.file, frame.line))
    calls = [node for node in nodes if isinstance(node, ast.Call) and node.lineno > frame.line]
    loops = [node for node in nodes if isinstance(node, ast.While | ast.For)]
    around = [one for one in loops if one.lineno <= frame.line <= (one.end_lineno or 0)]
    found = [
        (one.lineno, ast.unparse(one.func))
        for one in calls
        if isinstance(one.func, ast.Attribute) and one.func.attr in _STARTS
        if not any(loop.lineno <= one.lineno <= (loop.end_lineno or 0) for loop in around)
    ]
    line, expression = min(found, default=(0, ""))
    return f"{expression}()" if line else "", line


def taken_by(frames: tuple[Frame, ...], what: str) -> Frame | None:
    """The frame of a stack that takes items, before its line, from what it now waits to put one into."""
    name = what.rpartition(".")[2]
    for frame in frames:
        nodes = nodes_around(frame.file, frame.line) if is_own(frame) and name else ()
        calls = [node for node in nodes if isinstance(node, ast.Call) and node.lineno <= frame.line]
        methods = [(one.lineno, one.func) for one in calls if isinstance(one.func, ast.Attribute)]
        for line, one in methods:
            if one.attr in _TAKES and ast.unparse(one.value).rpartition(".")[2] == name:
                return frame._replace(line=line)
    return None


_TAKES = ("get", "get_nowait")
ITS_OWN = (
    "Who takes from a queue must not wait for room in it: nobody makes any meanwhile. Give the queue no limit, or keep "
    "what has no room in a list of one's own and put it later."
)
