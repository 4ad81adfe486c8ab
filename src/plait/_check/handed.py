"""Functions that a program calls where it was to hand them over: ``Thread(target=work())`` runs `work` at once.

What takes a function to call it later (a thread, a pool, an event loop, a future) is known by its name; in the source
such a place stands out when a call stands there. It is a mistake only if that call gives nothing that can be called.
Then it is also said how the call is written that hands the function over: ``Thread(target=work, args=(1,))``.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import concurrent.futures
import inspect
import linecache
import sys
import threading
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any, Final, NamedTuple

from plait._check.reading.source_files import SourceFiles
from plait._check.record import Remark
from plait._check.remarks import CALLED
from plait._check.stage import STAGE
from plait._core.event import Site


class Taker(NamedTuple):
    """What takes a function: as which argument, and how it takes what that is to be called with.

    `arguments` is the name of a keyword for a tuple of them, "call" where they stand behind the function as in a call,
    "loop" where keywords do not, and "" where there are none. `sure` says that nobody else has something of this name;
    otherwise what is called must be known to be it. Where the function is not `needed` it may be None.
    """

    position: int
    keyword: str
    arguments: str
    sure: bool = False
    needed: bool = True


TAKERS: Final = {
    "Thread": Taker(1, "target", "args", needed=False),
    "Process": Taker(1, "target", "args", needed=False),
    "Timer": Taker(1, "function", "args"),
    "Barrier": Taker(1, "action", "", needed=False),
    "ThreadPoolExecutor": Taker(2, "initializer", "initargs", sure=True, needed=False),
    "ProcessPoolExecutor": Taker(2, "initializer", "initargs", sure=True, needed=False),
    "submit": Taker(0, "fn", "call"),
    "to_thread": Taker(0, "func", "call"),
    "run_in_executor": Taker(1, "func", "loop", sure=True),
    "call_soon": Taker(0, "callback", "loop", sure=True),
    "call_soon_threadsafe": Taker(0, "callback", "loop", sure=True),
    "call_later": Taker(1, "callback", "loop", sure=True),
    "call_at": Taker(1, "callback", "loop", sure=True),
    "add_done_callback": Taker(0, "fn", "", sure=True),
}
_OWNERS: Final = (
    threading.Thread, threading.Barrier, BaseProcess, BaseContext, concurrent.futures.Executor,
    concurrent.futures.Future, asyncio.AbstractEventLoop, asyncio.Future,
)  # fmt: skip
_OF_LOOPS: Final = ("call_soon", "call_soon_threadsafe", "call_later", "call_at", "add_done_callback")
_LONGEST = 100  # letters of a call that is shown as it should be written
_PACKAGES: Final = ("threading", "multiprocessing", "concurrent", "asyncio")


def handed_call(node: ast.Call) -> ast.Call | None:
    """The call that stands where a function is to be handed over; None if there is none."""
    found = handed_function(node)
    return found if isinstance(found, ast.Call) else None


def handed_function(node: ast.Call) -> ast.expr | None:
    """What stands where the call hands a function over; None if it hands none over."""
    taker = taker_of(node)
    if taker is None or any(isinstance(argument, ast.Starred) for argument in node.args[: taker.position + 1]):
        return None
    found = next((one.value for one in node.keywords if one.arg == taker.keyword), None)
    if found is None and len(node.args) > taker.position:
        found = node.args[taker.position]
    return found


def taker_of(node: ast.Call) -> Taker | None:
    """What the call gives a function to; None for most calls."""
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return TAKERS.get(name)


def handed(value: Any, site: Any, called: str) -> Any:
    """When this call, which stands where a function belongs, has given its value.

    The site is that of the call around it, its text what that calls.
    """
    execution = STAGE.execution
    if execution is None or callable(value):
        return value
    me, frame = execution.here(), sys._getframe(1)
    if me is not None and not execution.aborting and takes(site[6], frame):
        if value is not None or _is_mistaken(site[6], called, frame):
            gives = "None" if value is None else type(value).__name__
            execution.remarks.add(Remark(CALLED, me.number, called, Site._make(site), gives=gives))
    return value


def takes(text: str, frame: FrameType) -> bool:
    """Whether what stands for this text in the frame calls what it is given later, as it is."""
    found = _found(text, frame)
    if found is None:
        return TAKERS[_last(text)].sure
    if isinstance(found, type):
        return issubclass(found, _OWNERS) and not any(map(_is_special, found.__mro__))
    return isinstance(getattr(found, "__self__", None), _OWNERS) or _is_known(found)


def _is_mistaken(text: str, called: str, frame: FrameType) -> bool:
    """Whether nobody can have meant the None that a call has given: some take it, and then call nothing.

    Who starts a thread wants a function for it; other options may be left out: ``Barrier(2, options.get("action"))``.
    """
    if TAKERS[_last(text)].needed:
        return True
    function = _found(called.partition("(")[0], frame)
    code = getattr(function, "__code__", None)
    if code is None:
        return function is print
    if _last(text) in ("Thread", "Process"):
        return True
    return SourceFiles(linecache.getlines).returns_nothing(code.co_filename, code.co_firstlineno)


def _is_special(kind: type) -> bool:
    """Whether a class of the user's may do something else with the function, or without it."""
    return not _is_known(kind) and kind is not object and not {"__init__", "run"}.isdisjoint(vars(kind))


def _is_known(found: object) -> bool:
    return str(getattr(found, "__module__", "")).partition(".")[0] in _PACKAGES


def _found(text: str, frame: FrameType) -> Any:
    """What a dotted name stands for; None if that cannot be told without running code of the program's."""
    first, *others = text.split(".")
    found = frame.f_locals.get(first, frame.f_globals.get(first, getattr(builtins, first, None)))
    for other in others:
        if isinstance(found, _OWNERS):
            return getattr(found, other, None)  # a method, or a class
        found = inspect.getattr_static(found, other, None)
    return getattr(found, "__func__", found)


def _last(text: str) -> str:
    return text.rpartition(".")[2]


def handed_over(node: ast.Call, *, is_coroutine: bool = False) -> str:
    """The source of the call with the function in the place of the call of it; "" if that gets too long.

    >>> def mended(text):
    ...     return handed_over(ast.parse(text, mode="eval").body)
    >>> mended("threading.Thread(target=work(1), daemon=True)")
    'threading.Thread(target=work, args=(1,), daemon=True)'
    >>> mended("pool.submit(work(1, base=2))")
    'pool.submit(work, 1, base=2)'
    >>> mended("loop.call_later(3, work(1, base=2))")
    'loop.call_later(3, functools.partial(work, 1, base=2))'
    >>> mended("future.add_done_callback(work())")
    'future.add_done_callback(work)'
    """
    taker, given = taker_of(node), handed_call(node)
    if taker is None or given is None:
        return ""
    if is_coroutine:
        runner = "asyncio.create_task" if ast.unparse(node.func).rpartition(".")[2] in _OF_LOOPS else "asyncio.run"
        arguments = _arguments(taker, ast.Call(_name(runner), [given], []))
    else:
        arguments = _arguments(taker, given)
    if arguments.rest and given not in node.args:
        return ""
    args, keywords = [], []
    for argument in node.args:
        args += [arguments.function, *arguments.rest] if argument is given else [argument]
    for keyword in node.keywords:
        is_given = keyword.value is given
        keywords += [ast.keyword(keyword.arg, arguments.function), *arguments.beside] if is_given else [keyword]
    if given in node.args:
        keywords = [*arguments.beside, *keywords]
    text = ast.unparse(ast.fix_missing_locations(ast.Call(node.func, args, keywords)))
    return text if len(text) <= _LONGEST else ""


class _Arguments(NamedTuple):
    """A function, what stands behind it, and keywords of the call around it."""

    function: ast.expr
    rest: list[ast.expr]
    beside: list[ast.keyword]


def _arguments(taker: Taker, given: ast.Call) -> _Arguments:
    """What a call calls and gives, as the one around it takes them."""
    function, args, keywords = given.func, given.args, given.keywords
    if not (args or keywords):
        return _Arguments(function, [], [])
    if taker.arguments == "call":
        return _Arguments(function, args, keywords)
    if taker.arguments == "loop" and not keywords:
        return _Arguments(function, args, [])
    if taker.arguments == "args" or (taker.arguments == "initargs" and not keywords):
        beside = [ast.keyword(taker.arguments, ast.Tuple(args, ast.Load()))] if args else []
        names: list[ast.expr | None] = [ast.Constant(one.arg) if one.arg else None for one in keywords]
        named = ast.keyword("kwargs", ast.Dict(names, [one.value for one in keywords]))
        return _Arguments(function, [], [*beside, named] if keywords else beside)
    return _Arguments(ast.Call(_name("functools.partial"), [function, *args], keywords), [], [])


def _name(dotted: str) -> ast.expr:
    return ast.parse(dotted, mode="eval").body
