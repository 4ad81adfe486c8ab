"""Functions that take a lock and may end without letting it go, as their source has it. Pure."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import NamedTuple

from plait._see.why import source
from plait._see.why.known import Known, Step
from plait._see.why.task_wait import primitive
from plait._see.why.trees import tree_of, within


class Left(NamedTuple):
    """A function that takes something and may end without letting it go, at which line; `ever` if it does let go."""

    function: str
    line: int
    ever: bool


def leavers(known: Known, *, semaphores: bool = False) -> list[Step]:
    """The functions in the file of the line that waits for a lock which may leave that taken; the surest first.

    With `semaphores` those of threads, too: only where a function lets it go that takes it, for others hand on.
    """
    frame, what = known.wait.deep or known.wait.frame, known.wait.what
    kind = primitive(known.thread) if known.thread.task else known.wait.kind
    hands_on = kind == "semaphore" and not known.thread.task
    if kind not in ("lock", "semaphore") or (hands_on and not semaphores) or frame is None or not what:
        return []
    return [
        Step(
            f"{one.function}()",
            f"takes {what}, and lets it go only if nothing is raised in between,"
            if one.ever
            else f"takes {what}, and does not let it go,",
            frame._replace(line=one.line).place,
            source.text(frame.file, one.line),
        )
        for one in sorted(_left(frame.file, what), key=lambda one: one.ever)
        if one.ever or not hands_on
    ][:_MOST]


_MOST = 3


@lru_cache(maxsize=4096)
def _left(file: str, expression: str) -> tuple[Left, ...]:
    """The functions of a file that take something and may end with it taken, but those that take it for their caller.

    Who passes its release on, or lets it go in a `finally` or after an error, is none of them either.
    """
    tree = tree_of(file)
    found = []
    for function in ast.walk(tree) if tree is not None else ():
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        calls = [one for one in within(function) if isinstance(one, ast.Call)]
        methods = {id(one.func): one for one in calls if isinstance(one.func, ast.Attribute)}
        named = [one for one in within(function) if isinstance(one, ast.Attribute)]
        named = [one for one in named if ast.unparse(one.value) == expression]
        taken = [one for one in named if id(one) in methods and _takes(tree, methods[id(one)], expression)]
        gives = [one for one in named if source.opposite(one.attr) in {each.attr for each in taken}]
        gives = [one for one in gives if one not in taken]
        surely = {id(each) for one in ast.walk(function) if isinstance(one, ast.Try) for each in _afterwards(one)}
        if not taken or source.takes_for_its_caller(file, taken[0].lineno):
            continue
        if not gives and _gives_by_another_name(list(methods.values()), {one.attr for one in taken}):
            continue
        if all(id(one) in methods and id(one) not in surely for one in gives):
            found.append(Left(function.name, taken[0].lineno, bool(gives)))
    return tuple(found)


def _gives_by_another_name(calls: list[ast.Call], taken: set[str]) -> bool:
    """Whether something is let go that was not taken under that name: ``get_lock().acquire()``, ``_lock.release()``."""
    methods = [one.func for one in calls if isinstance(one.func, ast.Attribute)]
    named = {ast.unparse(one.value) for one in methods if one.attr in taken}
    return any(source.opposite(one.attr) in taken and ast.unparse(one.value) not in named
               for one in methods if one.attr not in taken)  # fmt: skip


def _takes(tree: ast.AST | None, call: ast.Call, expression: str) -> bool:
    return source.is_taking(tree, call, expression) and not source.is_limited(call)


def _afterwards(node: ast.Try) -> list[ast.AST]:
    """What is in the `finally` and the `except` of a ``try``."""
    return [each for part in (*node.finalbody, *node.handlers) for each in ast.walk(part)]
