"""What a line of source waits for, and which locks are held around it, read from the syntax tree of its file."""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from plait._see.why.branches import is_elsewhere
from plait._see.why.trees import Function, around, nodes_around, nodes_of, those_of, tree_of, within

_remembered = lru_cache(maxsize=4096)  # a hundred threads stand in a few places
_TAKES = re.compile(r"_?(acquire\w*|lock)")
_TAKES_ITSELF = "lock"  # without arguments: client.lock(name) makes one
_ENTERS = "__enter__"


class Call(NamedTuple):
    """A method that is called on a line, and what it is called on: ``self.lock`` and ``acquire``; "" for a function.

    It is `limited` when it is given a timeout, or told not to wait at all; and `takes` what it is called on, as a lock.
    """

    receiver: str
    method: str
    limited: bool = False
    takes: bool = False


class Held(NamedTuple):
    """Something that is held at a line: the expression, and the line where it was taken."""

    expression: str
    line: int


def text(file: str, line: int) -> str:
    """The line, without the blanks around it; "" if there is none."""
    return linecache.getline(file, line).strip()


@_remembered
def calls(file: str, line: int, column: int = -1) -> tuple[Call, ...]:
    """The calls that begin or go on in a line, the innermost first; what a ``with`` enters counts as ``__enter__``.

    Where the column is known, those around it, if there are such.
    """
    there = _calls(file, line, column) if column >= 0 else ()
    return there or _calls(file, line, -1)


def _calls(file: str, line: int, column: int) -> tuple[Call, ...]:
    tree = tree_of(file)
    found: list[tuple[int, Call]] = []
    for node in those_of(file, ast.With, ast.Call):
        if isinstance(node, ast.With):
            for item in node.items:
                inside = item.context_expr
                if _is_around(inside, line, column):
                    found.append((10**6, Call(ast.unparse(inside), _ENTERS, takes=True)))
        elif isinstance(node, ast.Call) and _is_around(node, line, column):
            size = (node.end_lineno or 0) - node.lineno
            if isinstance(node.func, ast.Attribute):
                receiver = ast.unparse(node.func.value)
                found.append((size, Call(receiver, node.func.attr, is_limited(node), is_taking(tree, node, receiver))))
                if node.func.attr == "enter_context" and node.args:
                    found.append((size, Call(ast.unparse(node.args[0]), _ENTERS, takes=True)))
            elif isinstance(node.func, ast.Name):
                given = node.args[0] if node.args and node.func.id == "iter" else None  # iter(inbox.get, None)
                method = Call(ast.unparse(given.value), given.attr) if isinstance(given, ast.Attribute) else None
                found.append((size, method or Call("", node.func.id)))
    return tuple(call for _, call in sorted(found, key=lambda entry: entry[0]))


def _is_around(node: ast.expr, line: int, column: int) -> bool:
    if column < 0:
        return node.lineno <= line <= (node.end_lineno or node.lineno)
    return (node.lineno, node.col_offset) <= (line, column) < _end(node)


def _end(node: ast.expr) -> tuple[int, int]:
    return (node.end_lineno or node.lineno, node.end_col_offset or 0)


def is_limited(call: ast.Call) -> bool:
    """Whether a call is given a timeout, or told not to wait."""
    given = [word.value for word in call.keywords if word.arg in ("timeout", "blocking", "block")]
    given += call.args[:2] if isinstance(call.func, ast.Attribute) and call.func.attr == "acquire" else []
    return any(not (isinstance(one, ast.Constant) and one.value in (None, True, -1)) for one in given)


@_remembered
def awaited(file: str, line: int, column: int = -1) -> str:
    """What is awaited in a line; "" if nothing is, or it is not known.

    Where the column is known, the innermost `await` around it, if there is one: a line such as ``async with lock: await
    send()`` has two. The method ``__await__`` awaits with `yield from`.
    """
    nodes = those_of(file, ast.Await, ast.YieldFrom, ast.AsyncWith, ast.AsyncFor)
    awaits = [node for node in nodes if isinstance(node, ast.Await | ast.YieldFrom)]
    there = [node for node in awaits if column >= 0 and _is_around(node, line, column)]
    if there:  # the walk comes to what is further out first
        return ast.unparse(there[-1].value).removesuffix(".__await__()")
    entered = [inside for node in nodes for inside in _entered(node)]
    found = [*entered, *(node.value for node in awaits)]
    return next((ast.unparse(one) for one in found if _is_around(one, line, -1)), "")


def awaits_to_take(file: str, line: int, column: int = -1) -> str:
    """What a line that awaits is to have then: it enters that, or calls its `acquire()`; "" where it takes nothing."""
    what = awaited(file, line, column)
    if what.endswith(".acquire()"):
        return what.removesuffix(".acquire()")
    heads = [inside for node in those_of(file, ast.AsyncWith) for inside in _entered(node)]
    return what if any(ast.unparse(one) == what and _is_around(one, line, -1) for one in heads) else ""


def _entered(node: ast.AST) -> list[ast.expr]:
    """What ``async with`` and ``async for`` await of themselves."""
    if isinstance(node, ast.AsyncWith):
        return [item.context_expr for item in node.items]
    return [node.iter] if isinstance(node, ast.AsyncFor) else []


@_remembered
def held(file: str, line: int, column: int = -1, callee: str = "") -> tuple[Held, ...]:
    """What the ``with`` blocks around a place have entered, and what was acquired before it and not released.

    The column is -1 where it is not known; then the function that was called there tells the body of a ``with`` in
    one line from its head.
    """
    tree = tree_of(file)
    if tree is None:
        return ()
    function = around(tree, line)
    found: list[Held] = []
    for node in within(function):
        if isinstance(node, ast.With | ast.AsyncWith) and node.lineno <= line <= (node.end_lineno or 0):
            entered = [item.context_expr for item in node.items]
            heads = {name for one in entered for name in _called(one)}
            inside = callee if callee not in (*heads, "__enter__", "__aenter__") else ""
            found += [Held(ast.unparse(one), one.lineno) for one in entered if _is_past(one, line, column, inside)]
    found += _acquired(tree, function, line, column, callee)
    return tuple(sorted(found, key=lambda one: one.line))


def _is_past(node: ast.expr, line: int, column: int, callee: str) -> bool:
    """Whether a place is after an expression; in its line, because that has been left for a function beyond it."""
    if column >= 0:
        return _end(node) <= (line, column)
    return line > _end(node)[0] or (line == _end(node)[0] and callee != "")


def _called(node: ast.expr) -> list[str]:
    """The names of the functions that an expression calls."""
    functions = [call.func for call in ast.walk(node) if isinstance(call, ast.Call)]
    return [one.attr if isinstance(one, ast.Attribute) else ast.unparse(one) for one in functions]


def _acquired(tree: ast.AST, function: ast.AST, line: int, column: int, callee: str) -> Iterator[Held]:
    taken: dict[tuple[str, str], int] = {}
    own = list(within(function))
    found = [node for node in own if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    for node in sorted(found, key=lambda call: (call.lineno, call.col_offset)):
        assert isinstance(node.func, ast.Attribute)
        if not _is_past(node, line, column, "" if callee in _called(node) else callee):
            break
        expression, method = ast.unparse(node.func.value), node.func.attr
        if method == "enter_context" and node.args:
            taken[ast.unparse(node.args[0]), method] = node.lineno
        elif is_taking(tree, node, expression):
            if not is_elsewhere(own, node, line):
                taken[expression, method] = node.lineno
        else:
            taken.pop((expression, opposite(method)), None)
    for (expression, _), since in taken.items():
        yield Held(expression, since)


def is_taking(tree: ast.AST | None, call: ast.Call, receiver: str) -> bool:
    """Whether the call of a method takes what it is called on, as a lock."""
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if not _TAKES.fullmatch(method) or (method == _TAKES_ITSELF and call.args):
        return False
    return tree is None or receiver not in _modules(tree)


@lru_cache(maxsize=256)
def _modules(tree: ast.AST) -> frozenset[str]:
    """The names of modules in a file, which are no locks."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    return frozenset(alias.asname or alias.name for node in imports for alias in node.names)


def opposite(method: str) -> str:
    """The method that takes what this one lets go."""
    return method.replace("unlock", "lock").replace("release", "acquire")


@_remembered
def taking(file: str, line: int, column: int = -1) -> str:
    """What a line takes as a lock: by `acquire` or a method of such a name, or as what a ``with`` enters.

    "" for nothing, or where it may be any of several.
    """
    if len(entered_together(file, line, column)) > 1:
        return ""
    return next((one.receiver for one in calls(file, line, column) if one.takes), "")


@_remembered
def entered_together(file: str, line: int, column: int) -> tuple[str, ...]:
    """What may be entered by ``with`` at a place: several in ``with a, b:`` where the column is not known.

    Nor is it known before CPython 3.13, where it is that of the whole statement.
    """
    items = [item for node in those_of(file, ast.With) for item in node.items]
    found = [item.context_expr for item in items if _is_around(item.context_expr, line, -1)]
    there = [one for one in found if column >= 0 and _is_around(one, line, column)]
    if not there and column >= 0 and any(_end(one) <= (line, column) for one in found):
        return ()
    return tuple(map(ast.unparse, there or found))


@_remembered
def takes_for_its_caller(file: str, line: int) -> bool:
    """Whether what is taken in this line is left to whoever has called the function, or entered it as a context."""
    tree = tree_of(file)
    if tree is None:
        return False
    function = around(tree, line)
    name = getattr(function, "name", "")
    if _TAKES.fullmatch(name):
        return True
    entered = any(one.method == _ENTERS for one in calls(file, line))
    if name == _ENTERS:
        return not entered or "__enter__()" in text(file, line)
    if name == "__aenter__":
        return not text(file, line).startswith("async with ")
    yields = [(node.lineno, node.col_offset) for node in ast.walk(function) if isinstance(node, ast.Yield)]
    if not yields or isinstance(function, ast.Module):
        return False
    return any(one.line == line for at in yields for one in held(file, *at))


@_remembered
def releases_for_others(file: str) -> bool:
    """Whether a file passes on a method ``release``, or calls it where nothing of that name was acquired."""
    for function in nodes_of(file):
        if isinstance(function, Function | ast.Module):
            methods = [node for node in within(function) if isinstance(node, ast.Attribute)]
            called = {id(node.func) for node in within(function) if isinstance(node, ast.Call)}
            taken = {ast.unparse(one.value) for one in methods if one.attr == "acquire"}
            releases = [one for one in methods if one.attr == "release"]
            if any(id(one) not in called or ast.unparse(one.value) not in taken for one in releases):
                return True
    return False


@_remembered
def passed(file: str, method: str) -> tuple[Held, ...]:
    """What a file gives such a method of to a call, without calling it: ``Thread(target=barrier.wait)``."""
    calls = [node for node in nodes_of(file) if isinstance(node, ast.Call)]
    given = [one for call in calls for one in (*call.args, *(word.value for word in call.keywords))]
    found = [one for one in given if isinstance(one, ast.Attribute) and one.attr == method]
    return tuple(Held(ast.unparse(one.value), one.lineno) for one in found)


@_remembered
def called_later(file: str, line: int, name: str, methods: tuple[str, ...]) -> tuple[Held, ...]:
    """Where the function around a line calls such a method, further down, of what is called so: ``self.stop.set()``."""
    functions = [node.func for node in nodes_around(file, line) if isinstance(node, ast.Call) and node.lineno > line]
    found = [one for one in functions if isinstance(one, ast.Attribute) and one.attr in methods]
    there = [Held(f"{ast.unparse(one)}()", one.lineno) for one in found if _last_name(one.value) == name]
    return tuple(sorted(there, key=lambda one: one.line))


@_remembered
def left_at(file: str, line: int) -> int:
    """The last line of the `with` of whose head a line is: who is on its way out of that has all of it behind."""
    blocks = [node for node in nodes_of(file) if isinstance(node, ast.With | ast.AsyncWith)]
    there = [node for node in blocks if node.lineno <= line <= (node.items[-1].context_expr.end_lineno or 0)]
    return max((node.end_lineno or line for node in there), default=line)


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


@_remembered
def made_as(file: str, expression: str) -> str:
    """The name of the class whose call a file assigns to an expression, ``Event``; "" where it does not say one."""
    found = [node for node in nodes_of(file) if isinstance(node, ast.Assign)]
    pairs = [(target, node.value) for node in found for target in node.targets]
    pairs += [pair for one, value in pairs if isinstance(one, ast.Tuple) and isinstance(value, ast.Tuple)
              for pair in zip(one.elts, value.elts, strict=False)]  # fmt: skip
    calls = [value.func for one, value in pairs if isinstance(value, ast.Call) and ast.unparse(one) == expression]
    names = {ast.unparse(one).rpartition(".")[2] for one in calls}
    return names.pop() if len(names) == 1 else ""


@_remembered
def iterated(file: str, line: int) -> str:
    """What a ``for`` in a line goes over; "" for none."""
    loops = [node for node in nodes_of(file) if isinstance(node, ast.For)]
    return next((ast.unparse(one.iter) for one in loops if _is_around(one.iter, line, -1)), "")


@_remembered
def loop_around(file: str, line: int) -> int:
    """The line where the innermost `while` around a line begins, within its function; 0 for none."""
    loops = [one for one in nodes_around(file, line) if isinstance(one, ast.While)]
    return max((one.lineno for one in loops if one.lineno <= line <= (one.end_lineno or 0)), default=0)


@_remembered
def generators_with(file: str, expression: str) -> tuple[Held, ...]:
    """Where generators of a file stand still with this taken: the generator's name, and the line of its `yield`."""
    found = []
    for function in nodes_of(file):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) or any(
            "contextmanager" in ast.unparse(one) for one in function.decorator_list
        ):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Yield | ast.YieldFrom):
                if any(one.expression == expression for one in held(file, node.lineno, node.col_offset)):
                    found.append(Held(function.name, node.lineno))
                    break
    return tuple(found)


@_remembered
def is_global(file: str, name: str) -> bool:
    """Whether a name is one of the module's own: assigned, imported or defined there, or declared ``global``."""
    return name in _globals(file)


@_remembered
def number(file: str, name: str) -> int | None:
    """The whole number that a name of the module stands for; None for anything else, or where it is assigned twice."""
    tree = tree_of(file)
    stores = [node for node in nodes_of(file) if isinstance(node, ast.Name) and node.id == name and _is_store(node)]
    given = [node for node in tree.body if isinstance(node, ast.Assign)] if tree is not None else []
    values = [one.value for one in given if len(one.targets) == 1 and one.targets[0] in stores]
    if len(stores) != 1 or len(values) != 1 or not isinstance(values[0], ast.Constant):
        return None
    value = values[0].value
    return value if type(value) is int else None


def _is_store(node: ast.Name) -> bool:
    return not isinstance(node.ctx, ast.Load)


@lru_cache(maxsize=256)
def _globals(file: str) -> frozenset[str]:
    tree = tree_of(file)
    found: set[str] = set()
    waiting: list[ast.AST] = [tree] if tree is not None else []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
            found.update(name for one in ast.walk(node) if isinstance(one, ast.Global) for name in one.names)
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        waiting += ast.iter_child_nodes(node)
    return frozenset(found)
