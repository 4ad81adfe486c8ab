"""How a call is written that hands over a function, in place of calling it: ``Thread(target=work, args=(1,))``."""

from __future__ import annotations

import ast
from typing import Final, NamedTuple

from plait._check.handed import Taker, handed_call, taker_of

_LONGEST = 100
_OF_LOOPS: Final = ("call_soon", "call_soon_threadsafe", "call_later", "call_at", "add_done_callback")


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
