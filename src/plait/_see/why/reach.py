"""Whether what a thread can still run may end the wait of another one, by the methods that its code calls. Pure.

It is asked where a wait might be ended by somebody who merely waits for a socket, or sleeps: most threads of a program
have nothing to do with each other. Who calls what he was given, or a method that nobody knows, may end any wait.
"""

from __future__ import annotations

import ast
import builtins
import os
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import NamedTuple

from plait._see.why.graph import FOR_EVER, NOT_TOLD, RESULTS, awaited
from plait._see.why.keys import is_own
from plait._see.why.known import Known
from plait._see.why.task_wait import primitive
from plait._see.why.trees import Function, around, nodes_of, tree_of, within

_ENDED_BY = {
    "event": ("set", "is_set"),
    "condition": ("notify", "notify_all"),
    "semaphore": ("release",),
    "lock": ("release",),
    "queue get": ("put", "put_nowait", "shutdown"),
    "queue put": ("get", "get_nowait"),
    "queue join": ("task_done",),
    "barrier": ("wait", "abort"),
    "future": ("set_result", "set_exception", "cancel"),
    "futures": ("set_result", "set_exception", "cancel"),
}
_COMMON = ("wait", "get", "is_set")  # methods of many classes: only where what they are called on has the same name
_HARMLESS = frozenset(  # methods of the standard library's objects that call nothing of the program's
    "recv recvfrom recv_into recvmsg send sendall sendto accept listen bind connect close shutdown settimeout fileno "
    "read readline readlines readinto write flush seek wait wait_for get get_nowait put put_nowait task_done join "
    "acquire release locked is_set is_alive set clear notify notify_all append appendleft extend pop popleft remove "
    "discard add update keys values items setdefault copy sort strip split rsplit splitlines format encode decode "
    "startswith endswith replace lower upper debug info warning error exception log sleep cancel done".split()
)
_MOST = 100  # files


class Code(NamedTuple):
    """The methods that code names, and of what; whether all that it calls is `known`."""

    methods: frozenset[tuple[str, str]]
    known: bool


def concerned(known: Known, everybody: list[Known]) -> list[Known]:
    """One that waits, who of the others may end its wait, who may end the waits of these, and so on."""
    found = [known]
    others = [one for one in everybody if one is not known]
    for each in found:
        more = [one for one in others if may_end(one, each)]
        found += more
        others = [one for one in others if one not in more]
    return found


def at_last(everybody: list[Known]) -> Known | None:
    """For whom the main thread waits at last, which may be itself; None where nobody can tell that it waits."""
    at = next((at for at, known in enumerate(everybody) if known.thread.name == "MainThread"), None)
    seen: set[int] = set()
    while at is not None and at not in seen:
        seen.add(at)
        following = awaited(everybody, at)
        if following is None:
            kinds = (*FOR_EVER, *RESULTS)
            return everybody[at] if everybody[at].wait.kind in kinds and not everybody[at].wait.limited else None
        at = following
    return None


def concerns_main(waiting: list[Known], everybody: list[Known]) -> list[Known]:
    """Of tasks that wait, those that have to do with what the main task of a loop awaits; all where that is not known.

    That is the one which `asyncio.run` was given, or `run_until_complete`. Where all that it awaits goes on by itself,
    none has, unless it only sleeps, as where others are the program.
    """
    run = [frame for known in everybody for frame in known.thread.frames if frame.is_of(*_RUNS)]
    mains = {frame.variables["future"].address for frame in run if "future" in frame.variables}
    found = [known for known in everybody if known.thread.task and known.thread.ident in mains]
    for each in found:
        found += [one for one in everybody if one.thread.ident in each.thread.awaits and one not in found]
    last = [known for known in found if known in waiting and not known.thread.awaits]
    if found and len(mains) == 1 and all(known.thread.awaits or known.wait.kind in _GOES_ON for known in found):
        return [known for known in waiting if len(found) == 1 and primitive(known.thread) != "queue get"]
    if not last or len(mains) > 1:
        return waiting
    more = [one for known in last for one in concerned(known, waiting)]
    return [known for known in waiting if known in found or known in more]


_GOES_ON = ("sleep", "ready", "current", "serves")
_RUNS = ("base_events.py", "run_until_complete")


def may_end(known: Known, other: Known, *, certainly: bool = True) -> bool:
    """Whether what one of them may still run ends the wait of the other; or unless `certainly`, whether it may."""
    kind = (primitive(other.thread) or "future") if other.thread.task else other.wait.kind
    methods = _ENDED_BY.get(kind)
    if methods is None or known.wait.kind in NOT_TOLD or (kind in ("lock", "semaphore") and known.held):
        return True
    if known.wait.pooled and kind in RESULTS and not other.thread.task:
        return True  # its pool sets the result of the call that it runs
    frames = [frame for frame in known.thread.frames if is_own(frame)]
    if not frames or any(tree_of(frame.file) is None for frame in frames):
        return True
    name = _last_name(other.wait.what)
    code = _code(tuple((frame.file, frame.line) for frame in frames))
    ends = any(method in methods and (method not in _COMMON or on == name) for on, method in code.methods)
    return ends or not (certainly or code.known)


def _last_name(expression: str) -> str:
    for method in (*_ENDED_BY, *(method for methods in _ENDED_BY.values() for method in methods)):
        expression = expression.partition(f".{method}(")[0]
    return expression.rpartition(".")[2]


@lru_cache(maxsize=256)
def _code(places: tuple[tuple[str, int], ...]) -> Code:
    """What can still be run from these places on: there, and in the functions and classes that are named there."""
    files = _program({file for file, _ in places})
    named: dict[str, list[ast.AST]] = {}
    for one in (node for file in files for node in nodes_of(file)):
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            named.setdefault(one.name, []).append(one)
    outside = frozenset(name for file in files for name in _names_of_others(file)) | frozenset(dir(builtins))
    waiting = [node for file, line in places for node in _left_to_run(file, line)]
    methods: set[tuple[str, str]] = set()
    followed: set[str] = set()
    known = True
    while waiting:
        node = waiting.pop()
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if isinstance(node, ast.Attribute):
            methods.add((_last_name(ast.unparse(node.value)), node.attr))
        if isinstance(node, ast.Call):
            known = known and _is_known(node.func, named.keys() | outside)
        if name and name not in followed:
            followed.add(name)
            waiting += [inner for function in named.get(name, ()) for inner in ast.walk(function)]
    return Code(frozenset(methods), known)


def _is_known(called: ast.expr, names: AbstractSet[str]) -> bool:
    """Whether it is seen what a call runs: a function of the program, of a package, or a method that calls nothing."""
    if isinstance(called, ast.Name):
        return called.id in names
    if not isinstance(called, ast.Attribute):
        return False
    of_module = isinstance(called.value, ast.Name) and called.value.id in names
    return of_module or called.attr in names or called.attr in _HARMLESS


@lru_cache(maxsize=64)
def _names_of_others(file: str) -> tuple[str, ...]:
    """The names in a file that stand for modules, and for what is imported from modules that are not the program's."""
    imports = [node for node in nodes_of(file) if isinstance(node, ast.Import | ast.ImportFrom)]
    return tuple((alias.asname or alias.name).partition(".")[0] for one in imports for alias in one.names)


def _left_to_run(file: str, line: int) -> Iterator[ast.AST]:
    """What the function around a line may still run: what is below it, and all of the loops around it."""
    tree = tree_of(file)
    assert tree is not None
    function = around(tree, line)
    nodes = list(ast.walk(function) if isinstance(function, Function) else within(function))
    loops = [one.lineno for one in nodes if isinstance(one, ast.While | ast.For | ast.AsyncFor)
             if one.lineno <= line <= (one.end_lineno or 0)]  # fmt: skip
    since = min((*loops, line))
    return (node for node in nodes if (getattr(node, "end_lineno", 0) or 0) >= since)


@lru_cache(maxsize=64)
def _imported(file: str) -> tuple[str, ...]:
    """The files beside it that it imports, in its folder or in the package that it is in."""
    roots = [os.path.dirname(file)]
    while os.path.exists(os.path.join(roots[-1], "__init__.py")):
        roots.append(os.path.dirname(roots[-1]))
    names: list[str] = []
    for node in nodes_of(file):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names += [module, *(f"{module}.{alias.name}".lstrip(".") for alias in node.names)]
    stems = [os.path.join(root, *name.split(".")) for root in roots for name in names if name]
    paths = [path for stem in stems for path in (f"{stem}.py", os.path.join(stem, "__init__.py"))]
    return tuple(path for path in paths if os.path.exists(path))


def _program(files: Iterable[str]) -> list[str]:
    found = list(files)
    for file in found:
        found += [one for one in _imported(file) if one not in found][: _MOST - len(found)]
    return found
