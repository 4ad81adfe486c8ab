"""Names of types that workers cannot import: type aliases and type parameters (PEP 695), new types, type variables.

What an alias or a parameter means is evaluated when somebody asks, for it may name itself: ``type Json = list[Json]``,
``class Node[T: Node[T]]``. So it is made first, by the statement that makes such a thing, and told what it means when
that has arrived. What is one at home is one in each process: it goes with a number, by which it is known there.
"""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable, MutableMapping
from functools import partial
from typing import Any, NamedTuple, NewType, ParamSpec, TypeVar, TypeVarTuple
from uuid import uuid4
from weakref import WeakKeyDictionary, WeakValueDictionary

from plait._core.importable import MAIN_ANEW, and_packages, is_adrift, is_being_imported
from plait._engines.worker_main import enter_as

_ALIAS: type = getattr(typing, "TypeAliasType", type("Never", (), {}))  # what no object is of, before CPython 3.12
_STARS: dict[type, str] = {TypeVar: "", TypeVarTuple: "*", ParamSpec: "**"}
TYPE_NAMES = frozenset({_ALIAS, NewType, *_STARS})


class _Known(NamedTuple):
    """What has a number here."""

    by_number: MutableMapping[str, Any]
    numbers: MutableMapping[Any, str]

    def number_of(self, value: Any) -> str:
        number = self.numbers.setdefault(value, uuid4().hex)
        self.by_number[number] = value
        return number

    def keep(self, number: str, made: Any) -> Any:
        """What has this number: what is made now, if nothing had it."""
        found = self.by_number.setdefault(number, made)
        self.numbers[found] = number
        return found


_parameters = _Known(WeakValueDictionary(), WeakKeyDictionary())
_aliases = _Known({}, {})  # to which there are no weak references
_untold: dict[str, list[Any]] = {}  # what it means is to be put there, for each that has just been made


class _Parameter(NamedTuple):
    """How a type parameter is declared: whether with a bound, with constraints and with a default."""

    number: str
    stars: str
    name: str
    has: tuple[bool, bool, bool]


class _Told(NamedTuple):
    """What an expression gives, or the error that it raises."""

    value: Any
    error: Exception | None


def reduce_type_name(value: Any, by_value: frozenset[str]) -> Any:
    """For pickle: its name where it is found by that, and not in a module that goes `by_value`; else how to make it."""
    module, name = value.__module__, value.__name__
    is_named = getattr(sys.modules.get(module), name, None) is value
    goes = module in ("__main__", MAIN_ANEW) or not by_value.isdisjoint(and_packages(module))
    if is_named and not (goes or is_adrift(module) or is_being_imported(value)):
        return NotImplemented
    kind = type(value)
    if kind is NewType:
        return NewType, (name, value.__supertype__)
    if kind is _ALIAS:
        parameters = tuple(map(_declared, value.__type_params__))
        number = _aliases.number_of(value)
        told = [_told(lambda: value.__value__)]
        state = number, told, value.__type_params__  # which are told by themselves
        return _made_alias, (number, name, module, parameters, is_named), state, None, None, _tell
    if sys.version_info >= (3, 12) and getattr(value, "__infer_variance__", kind is TypeVarTuple):
        parameter = _declared(value)
        return _made_parameter, (parameter, module), (parameter.number, _means(value), ()), None, None, _tell
    return NotImplemented if kind is TypeVar else (kind, (name,))


def _declared(parameter: Any) -> _Parameter:
    bound, constraints, default = (told is not None for told in _means(parameter))
    stars = _STARS[type(parameter)]
    return _Parameter(_parameters.number_of(parameter), stars, parameter.__name__, (bound, constraints, default))


def _means(parameter: Any) -> list[_Told | None]:
    """Its bound, its constraints and its default; None for what it has not."""
    has_default = hasattr(parameter, "has_default") and parameter.has_default()
    default = _told(lambda: parameter.__default__) if has_default else None
    if type(parameter) is not TypeVar:
        return [None, None, default]
    bound, constraints = _told(lambda: parameter.__bound__), _told(lambda: parameter.__constraints__)
    return [
        None if bound == (None, None) else bound,
        None if constraints == ((), None) else constraints,
        default,
    ]


def _told(evaluate: Callable[[], Any]) -> _Told:
    try:
        return _Told(evaluate(), None)
    except Exception as error:  # whatever it may raise: mostly NameError, for what only type checkers import
        return _Told(None, error)


# Where it arrives


def _made_alias(number: str, name: str, module: str, parameters: tuple[_Parameter, ...], is_named: bool) -> Any:
    if number in _aliases.by_number:
        return _aliases.by_number[number]
    alias, lists = _stated(name, module, parameters)
    made = _aliases.keep(number, alias)
    if made is alias:
        _untold[number] = lists[""]
        for parameter, each in zip(parameters, alias.__type_params__, strict=True):
            if _parameters.keep(parameter.number, each) is each:
                _untold[parameter.number] = lists[parameter.number]
    if module == "__main__" and is_named:
        enter_as(name, made)
    return made


def _made_parameter(parameter: _Parameter, module: str) -> Any:
    if parameter.number in _parameters.by_number:
        return _parameters.by_number[parameter.number]
    alias, lists = _stated("_", module, (parameter,))
    (each,) = alias.__type_params__
    made = _parameters.keep(parameter.number, each)
    if made is each:
        _untold[parameter.number] = lists[parameter.number]
    return made


def _stated(name: str, module: str, parameters: tuple[_Parameter, ...]) -> tuple[Any, dict[str, list[Any]]]:
    """An alias as the statement makes it, and the lists in which to put what it and its parameters mean."""
    lists: dict[str, list[Any]] = {"": [], **{parameter.number: [] for parameter in parameters}}
    means = "_".join(["means", *(parameter.name for parameter in parameters)])  # which none of them is called
    declared = ", ".join(_declaration(parameter, means) for parameter in parameters)
    scope: dict[str, Any] = {"__name__": module, means: partial(_meaning, lists)}
    exec(f"type {name}{declared and f'[{declared}]'} = {means}('', 0)", scope)
    return scope[name], lists


def _declaration(parameter: _Parameter, means: str) -> str:
    bound, constraints, default = (f"{means}({parameter.number!r}, {n})" for n in range(3))
    return "".join(
        [
            parameter.stars,
            parameter.name,
            f": {bound}" if parameter.has[0] else "",
            f": (*{constraints},)" if parameter.has[1] else "",
            f" = {default}" if parameter.has[2] else "",
        ]
    )


def _meaning(lists: dict[str, list[_Told]], number: str, position: int) -> Any:
    value, error = lists[number][position]
    if error is not None:
        raise error
    return value


def _tell(_: object, state: tuple[str, list[Any], object]) -> None:
    number, told, _ = state
    if (untold := _untold.pop(number, None)) is not None:
        untold.extend(told)
