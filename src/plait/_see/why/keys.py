"""What tells a lock from others, which locks a thread has, and as what one that it waits for is known further out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from plait._see.whereabouts import GENERATED, is_launcher
from plait._see.why import source
from plait._see.why.dump import Frame, Thread
from plait._see.why.values import Unknown, evaluate

_INTEGER = re.compile(r"-?\d{1,18}")
_NO_OWNERS = re.compile(r"^<frozen |[/\\](threading|queue|_base|selectors)\.py$|[/\\](asyncio|trio|anyio)[/\\]\w+\.py$")


_QUEUE = re.compile(r"lib[/\\]python[\d.t]+[/\\]queue\.py$|[/\\]Lib[/\\]queue\.py$")
TURNS = {"serialize_iterator": "self._lock", "_concurrent_tee": "self.lock"}  # by their classes
_MUTEX = "self.mutex"  # what all methods of a queue are in


class Key(NamedTuple):
    """What tells an object from others: where it, or what it is reached from, is in memory, and how it is reached."""

    root: str
    path: str


class Holding(NamedTuple):
    """A lock that a thread has, as far as the source tells: the expression, where it was taken, by which frame.

    `own` is the frame of the user's own that led there; `key` is None where nobody can tell which object it is.
    """

    expression: str
    key: Key | None
    frame: Frame
    line: int
    own: Frame | None = None

    @property
    def place(self) -> str:
        """Where it was taken."""
        return self.frame._replace(line=self.line).place


def holdings(thread: Thread) -> list[Holding]:
    """The locks that the thread has taken and not let go, as far as the source tells; innermost frame first."""
    found = []
    for at, frame in enumerate(thread.frames):
        if lock := _MUTEX if _is_within_queue(thread.frames[: at + 1]) else _turn(thread.frames[: at + 1]):
            own = next((outer for outer in thread.frames[at:] if is_own(outer)), None)
            found.append(Holding(f"the lock of {_class_of(frame)}", key_of(frame, lock), frame, frame.line, own))
        if _NO_OWNERS.search(frame.file) or (thread.task and not frame.variables and not is_own(frame)):
            continue
        own = next((outer for outer in thread.frames[at:] if is_own(outer)), None)
        callee = _callee(frame, thread.frames[at - 1]) if at else _within_c(thread)
        for one in source.held(frame.file, frame.line, frame.column, callee):
            key = key_of(frame, one.expression)
            if key is not None or not one.expression.endswith(")"):  # what a call makes is hardly ever a lock
                found.append(Holding(shown(frame, one.expression), key, frame, one.line, own))
    return found


def _is_within_queue(frames: tuple[Frame, ...]) -> bool:
    """Whether the last of these is a method of a queue that has called others: a finalizer, or a method ``__lt__``."""
    *inner, frame = frames
    if not _QUEUE.search(frame.file) or not inner or _QUEUE.search(inner[-1].file):
        return False
    return any(not _NO_OWNERS.search(one.file) for one in inner)


def _turn(frames: tuple[Frame, ...]) -> str:
    """The lock of an iterator that many share, from Python 3.15 on, within which others ask what it is made of."""
    *inner, frame = frames
    return TURNS.get(frame.variables["self"].type, "") if inner and takes_turns(frame) else ""


def takes_turns(frame: Frame) -> bool:
    """Whether it is a method of an iterator of `threading` that one at a time asks."""
    itself = frame.variables.get("self")
    return frame.file.endswith("threading.py") and itself is not None and itself.type in TURNS


def _callee(frame: Frame, inner: Frame) -> str:
    """The name of the function that a frame has called; that of a semaphore is `acquire` also for a ``with``."""
    if not inner.is_of("threading.py", "acquire"):
        return inner.name
    calls = source.calls(frame.file, frame.line, frame.column)
    return inner.name if any(one.method == inner.name for one in calls) else "__enter__"


def _class_of(frame: Frame) -> str:
    itself = frame.variables.get("self")
    return f"the {itself.type}" if itself is not None and itself.type else "a queue"


def _within_c(thread: Thread) -> str:
    """The name, which is not known, of the C code that a thread is in, where that is not taking a lock; "" otherwise.

    Locks are waited for in a futex. Who waits for a socket in ``with lock: return sock.recv(1)`` has the lock.
    """
    return f"<{thread.where}>" if thread.where and not thread.where.startswith("futex") else ""


def taken_at(frames: tuple[Frame, ...]) -> Iterator[Key | None]:
    """What the innermost frame takes, and as what it is known to those that called it for that.

    A wrapped lock is taken by a method that takes the lock within; whoever calls that waits for the wrapper.
    """
    for frame in frames:
        if frame.file.endswith("contextlib.py"):
            continue
        if _QUEUE.search(frame.file):
            yield key_of(frame, _MUTEX)
            return
        taking = source.taking(frame.file, frame.line, frame.column)
        if taking:
            yield key_of(frame, taking)
        if not source.takes_for_its_caller(frame.file, frame.line):
            return


def key_of(frame: Frame, expression: str) -> Key | None:
    """What tells the object of an expression from others; None for one that is made of more than names and values."""
    itself = frame.variables.get(expression)
    if itself is not None:
        return Key(str(itself.address), "")
    root, path = _parts(expression)
    thing = frame.variables.get(root)
    if not root or (thing is None and not source.is_global(frame.file, root)):
        return None  # a variable of a function around this one, which is another one for each call
    try:
        words = [_value(frame, part[1:]) if part.startswith("=") else part for part in path]
    except Unknown:
        return None
    return Key(str(thing.address) if thing is not None else f"{frame.file}:{root}", " ".join(words))


def shown(frame: Frame, expression: str) -> str:
    """An expression for people, who do not know what `self` is in a library."""
    thing = frame.variables.get("self")
    if is_own(frame) or thing is None or not thing.type or expression.partition(".")[0] != "self":
        return expression
    return f"{thing.type}{expression[4:]}"


def is_own(frame: Frame) -> bool:
    """Whether the frame is the user's own code: not the standard library's, an installed package's, or ours."""
    if frame.file == "<string>" and frame.function != "<module>" and frame.variables.keys() >= _OF_PROXIES:
        return False
    return not GENERATED.match(frame.file) and _INSTALLED.search(frame.file) is None and not is_launcher(frame.file)


_OF_PROXIES = {"self", "args", "kwds"}  # of the methods that multiprocessing compiles for what a manager has
_INSTALLED = re.compile(r"[/\\](site-packages|dist-packages|lib[/\\]python3\.\d+t?|plait[/\\]_\w+)[/\\]")


def _value(frame: Frame, expression: str) -> str:
    """What stands for the value of a name or of arithmetic with numbers: equal for equal ones.

    Raises:
        Unknown: nobody can tell.
    """
    node = ast.parse(expression, mode="eval").body
    if not isinstance(node, ast.Name):
        return repr(evaluate(node, lambda part: _number(frame, part)))
    if node.id in frame.variables:
        thing = frame.variables[node.id]
        return thing.text or str(thing.address)
    if not source.is_global(frame.file, node.id):
        raise Unknown
    number = source.number(frame.file, node.id)
    return f"{frame.file}:{node.id}" if number is None else str(number)


def _number(frame: Frame, node: ast.expr) -> int:
    """The number that a variable is, as its text or the only assignment to it says."""
    if not isinstance(node, ast.Name):
        raise Unknown
    thing = frame.variables.get(node.id)
    if thing is not None:
        if thing.type not in ("", "int") or not _INTEGER.fullmatch(thing.text):
            raise Unknown
        return int(thing.text)
    number = source.number(frame.file, node.id)
    if number is None:
        raise Unknown
    return number


@lru_cache(maxsize=4096)
def _parts(expression: str) -> tuple[str, tuple[str, ...]]:
    """The name that an expression begins with, and how it goes on; what has to be counted in that, after ``=``.

    >>> _parts("self.locks[name].inner"), _parts("lock_for(key)")
    (('self', ('.locks', '[', '=name', ']', '.inner')), ('lock_for', ('(', '=key', ')')))
    >>> _parts("locks[i + 1]"), _parts("locks[f(i)]")
    (('locks', ('[', '=i + 1', ']')), ('', ()))
    """
    try:
        node: ast.expr = ast.parse(expression, mode="eval").body
    except SyntaxError:
        return "", ()
    path: list[str] = []
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute):
            path[:0] = [f".{node.attr}"]
            node = node.value
            continue
        if isinstance(node, ast.Subscript):
            inner, brackets, following = [node.slice], "[]", node.value
        elif isinstance(node, ast.Call) and not node.keywords:
            inner, brackets, following = node.args, "()", node.func
        else:
            return "", ()
        if not all(isinstance(one, ast.Name | ast.Constant | ast.BinOp | ast.UnaryOp) for one in inner):
            return "", ()
        words = [ast.unparse(one) if isinstance(one, ast.Constant) else f"={ast.unparse(one)}" for one in inner]
        path[:0] = [brackets[0], *words, brackets[1]]
        node = following
    return node.id, tuple(path)
