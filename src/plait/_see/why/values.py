"""What an expression of a program means where it stands, without any code of the program: names, parts, arithmetic."""

from __future__ import annotations

import ast
import operator
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import GetSetDescriptorType, MemberDescriptorType, ModuleType

_ARITHMETIC: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitXor: operator.xor,
}
_LARGEST = 1 << 64  # a number beyond which nothing is counted by
_ROWS = (list, tuple, deque)
_TABLES = (dict, defaultdict, OrderedDict)
_PLAIN = (int, str, bytes, bool, float, tuple)


class Unknown(Exception):
    """Nobody can tell without running code of the program."""


def value_of(expression: str, names: Mapping[str, object]) -> object:
    """The object that an expression means, of names that stand for objects of this process.

    Raises:
        Unknown: it is made of more than names, attributes, subscripts, numbers and ``len``.

    >>> value_of("forks[(i + 1) % len(forks)]", {"forks": ["a", "b", "c"], "i": 2})
    'a'
    """
    return evaluate(_parsed(expression), lambda node: _part(node, names))


def evaluate(node: ast.expr, part: Callable[[ast.expr], object]) -> object:
    """What an expression of numbers comes to; `part` says what is no number and no arithmetic.

    Raises:
        Unknown: one of its parts is not known, or it is no such expression.
    """
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_number(evaluate(node.operand, part))
    if isinstance(node, ast.BinOp):
        count = _ARITHMETIC.get(type(node.op))
        left, right = _number(evaluate(node.left, part)), _number(evaluate(node.right, part))
        if count is None or (right == 0 and isinstance(node.op, ast.FloorDiv | ast.Mod)):
            raise Unknown
        return count(left, right)
    return part(node)


def attribute(value: object, name: str) -> object:
    """An attribute, as the object's own dictionary, its slots or its class have it.

    Raises:
        Unknown: there is none, or it is made by code.
    """
    of_class = issubclass(type(value), type)
    own = {} if of_class else variables_of(value)
    classes: tuple[type, ...] = _mro(value) if of_class else _mro(type(value))  # type: ignore[arg-type]  # a class
    for cls in classes:
        found = type.__dict__["__dict__"].__get__(cls).get(name, Unknown)
        if found is Unknown:
            continue
        if type(found) is MemberDescriptorType and not of_class:
            return _slot(found, value)
        if any(method in each.__dict__ for each in _mro(type(found)) for method in ("__set__", "__delete__")):
            raise Unknown
        if name in own:
            break
        if any("__get__" in each.__dict__ for each in _mro(type(found))):
            raise Unknown
        return found
    if name in own:
        return own[name]
    raise Unknown


def variables_of(value: object) -> dict[str, object]:
    """Those in an object's own dictionary, without running any code of its class; proxies have such code."""
    if type(value) is ModuleType:
        return value.__dict__
    for cls in type(value).__mro__:
        if "__dict__" in cls.__dict__:
            if type(cls.__dict__["__dict__"]) is not GetSetDescriptorType:
                return {}
            found = object.__getattribute__(value, "__dict__")
            return found if type(found) is dict else {}
    return {}


def _mro(cls: type) -> tuple[type, ...]:
    found: tuple[type, ...] = type.__dict__["__mro__"].__get__(cls)
    return found


def _slot(slot: MemberDescriptorType, value: object) -> object:
    try:
        return slot.__get__(value)
    except AttributeError:
        raise Unknown from None


def _part(node: ast.expr, names: Mapping[str, object]) -> object:
    def inner(expression: ast.expr) -> object:
        return evaluate(expression, lambda each: _part(each, names))

    if isinstance(node, ast.Name) and node.id in names:
        return names[node.id]
    if isinstance(node, ast.Attribute):
        return attribute(inner(node.value), node.attr)
    if isinstance(node, ast.Subscript):
        return _item(inner(node.value), inner(node.slice))
    if isinstance(node, ast.Tuple):
        return tuple(map(inner, node.elts))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len" and "len" not in names:
        counted = inner(node.args[0]) if len(node.args) == 1 else None
        if type(counted) in (*_ROWS, *_TABLES):
            return len(counted)  # type: ignore[arg-type]  # one of these types
    raise Unknown


def _item(value: object, key: object) -> object:
    if type(value) in _ROWS and type(key) is int:
        row = list(value)  # type: ignore[call-overload]  # one of these types
        if -len(row) <= key < len(row):
            return row[key]
    if type(value) in _TABLES and _is_plain(key):  # looked through: a key of another class may have code that compares
        entries: list[tuple[object, object]] = list(dict.items(value))  # type: ignore[arg-type]  # one of these types
        for each, found in entries:
            if type(each) is type(key) and _is_plain(each) and each == key:
                return found
    raise Unknown


def _is_plain(value: object) -> bool:
    return type(value) in _PLAIN and (type(value) is not tuple or all(map(_is_plain, value)))


def _number(value: object) -> int:
    if type(value) is not int or abs(value) > _LARGEST:
        raise Unknown
    return value


@lru_cache(maxsize=4096)
def _parsed(expression: str) -> ast.expr:
    try:
        return ast.parse(expression, mode="eval").body
    except (SyntaxError, ValueError):
        raise Unknown from None
