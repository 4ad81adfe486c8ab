"""What a function is, by content: its code, and that of everything of the user's that it uses, with the data they hold.

A key is made of parts, each with a digest: the function, the functions and classes it names, global names, captured
values, defaults, bound arguments. So two keys can be compared part by part, to say what has changed.

Not followed: what comes with Python or an installed package counts by its name, and an object that cannot be digested,
such as a connection, by its class; `FunctionKey.loose` names those.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from _blake2 import blake2b
from _collections_abc import Iterator
from dataclasses import MISSING
from dis import Instruction, get_instructions
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from plait._core.code_names import codes_in
from plait._core.digest import SIZE, Digester, Undigestible
from plait._core.installed import is_installed
from plait._core.lazy_imports import settled
from plait._core.source import Sources

_GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME")
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")
_COMMANDS = "plait._run.command"
_TOLD = ("function", "self", "captured", "global", "default", "bound")  # roles whose loose parts are worth a word


class FunctionKey(NamedTuple):
    """What a function is.

    Attributes:
        name: what it is called, to find earlier versions of it; empty for a lambda, of which there may be many.
        digest: the same for two functions of the same content.
        parts: a digest, as text, for each thing that belongs to it.
        loose: parts of which only the class counts.
    """

    name: str
    digest: bytes
    parts: dict[str, str]
    loose: list[str]


def function_key(function: Any) -> FunctionKey:
    """The key of anything that can be called.

    >>> scale = 2
    >>> function_key(lambda x: scale * x).digest == function_key(lambda x: scale * x).digest
    True
    """
    return Codes().key(function)


class Codes:
    """Digests code, each piece once."""

    def __init__(self) -> None:
        self._sources = Sources()
        self._classes: dict[int, tuple[type, bytes]] = {}
        self._parts: dict[str, str] = {}
        self._named: dict[int, str] = {}
        self._seen: set[tuple[int, str]] = set()
        self._loose: list[str] = []

    def key(self, function: Any) -> FunctionKey:
        """The key of a function."""
        parts, loose = self._collect(function, "function")
        inner = _innermost(function)
        name = getattr(inner, "__qualname__", None) or getattr(inner, "__name__", None) or type(inner).__qualname__
        module = getattr(inner, "__module__", None) or type(inner).__module__
        full = "" if "<lambda>" in name else f"{'command' if module == _COMMANDS else module}.{name}"
        return FunctionKey(full, _digest_of(parts), parts, loose)

    def class_digest(self, kind: Any) -> bytes | None:
        """The digest of a class or function of the user's with all that belongs to it; None for any other."""
        if is_installed(kind):
            return None
        if id(kind) not in self._classes:
            self._classes[id(kind)] = kind, _digest_of(self._collect(kind, "class")[0])
        return self._classes[id(kind)][1]

    def _collect(self, value: Any, role: str) -> tuple[dict[str, str], list[str]]:
        self._parts, self._named, self._seen, self._loose = {}, {}, set(), []
        self._add(value, role)
        return self._parts, self._loose

    # --- parts

    def _add(self, value: Any, role: str) -> None:
        """Add what the value is made of; `role` says what it is to whoever uses it."""
        if isinstance(value, functools.partial):
            self._add(value.func, role)
            for position, argument in enumerate(value.args):
                self._add(argument, f"bound argument {position + 1}")
            for name, argument in value.keywords.items():
                self._add(argument, f"bound argument {name}")
        elif isinstance(value, MethodType):
            self._add(value.__func__, role)
            self._add(value.__self__, "self")
        elif isinstance(value, (FunctionType, type)):
            self._add_code(value)
        elif callable(value) and hasattr(value, "__wrapped__"):  # lru_cache and its like
            self._add(value.__wrapped__, role)
            self._add_code(type(value))
        else:
            self._add_data(value, role)

    def _add_code(self, code: Any) -> None:
        if id(code) in self._named:
            return
        installed = is_installed(code)
        name = f"{code.__module__}.{code.__qualname__}" if installed else code.__qualname__
        while name in self._parts:  # two functions of one name
            name += "'"
        self._named[id(code)] = name
        self._parts[name] = ""
        if installed:
            return
        if isinstance(code, FunctionType):
            self._parts[name] = self._text(self._sources.meaning(code.__code__))
            self._add_used(code)
        else:
            self._add_class(code, name)

    def _add_used(self, function: FunctionType) -> None:
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                self._add(cell.cell_contents, f"captured {name}")
            except ValueError:  # not assigned yet
                continue
        for position, value in enumerate(function.__defaults__ or ()):
            self._add(value, f"default {position + 1} of {function.__qualname__}")
        for name, value in (function.__kwdefaults__ or {}).items():
            self._add(value, f"default {name} of {function.__qualname__}")
        for code in codes_in(function.__code__):
            for name, value in _globals_used(list(get_instructions(code)), function.__globals__):
                self._add_global(name, value)

    def _add_global(self, name: str, value: Any) -> None:
        if not isinstance(value, ModuleType):
            self._add(value, f"global {name}")
        elif not is_installed(value) and name.startswith("import "):  # inside the function: which part, nobody knows
            file = getattr(value, "__file__", None)
            if file is not None and os.path.isfile(file):
                self._parts[name] = self._text(Path(file).read_bytes())

    def _add_class(self, kind: type, name: str) -> None:
        facts: list[object] = []
        for field in vars(kind).get("__dataclass_fields__", {}).values():
            facts.append((field.name, field.init, field.kw_only))
            for part in (field.default, field.default_factory):
                if part is not MISSING:
                    self._add(part, f"{kind.__qualname__}.{field.name}")
        for key, value in sorted(vars(kind).items()):
            functions = [each for each in _functions_of(value) if not _is_written_by_python(each)]
            if not functions and key.startswith("_") and key.endswith("_"):
                continue  # a name of Python's own, which each version has others of
            facts.append(key)
            for function in functions:
                self._add_code(function)
            if not functions:
                self._add(value, f"{kind.__qualname__}.{key}")
        self._parts[name] = self._text(facts)
        for base in kind.__bases__:
            self._add_code(base)

    def _add_data(self, value: Any, role: str) -> None:
        if (id(value), role) in self._seen:
            return
        self._seen.add((id(value), role))
        while role in self._parts:  # of another function
            role += "'"
        self._parts[role] = ""  # it may refer to itself
        try:
            self._parts[role] = self._text(value)
        except Undigestible:
            if role.startswith(_TOLD):
                self._loose.append(f"{role} ({type(value).__qualname__})")
            self._add_code(type(value))

    def _text(self, value: object) -> str:
        return Digester(self._code_of).digest(value).hex()

    def _code_of(self, code: Any) -> bytes | None:
        """Code inside of data is one more part of the whole."""
        if is_installed(code):
            return None
        self._add_code(code)
        return self._named[id(code)].encode()


def _digest_of(parts: dict[str, str]) -> bytes:
    return blake2b(repr(sorted(parts.items())).encode(), digest_size=SIZE).digest()


def _innermost(function: Any) -> Any:
    """The function that a user would name, without what was put around it."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif hasattr(type(function), "__plait_key__"):  # its class, as an object may answer to any name
            wrapped = getattr(function, "fn", None)
            if wrapped is None:
                return function
            function = wrapped
        else:
            return function


def _is_written_by_python(function: FunctionType) -> bool:
    """Whether a dataclass, an enumeration or Python 3.14, for its annotations, has it, and nobody has written it."""
    code = function.__code__
    return is_installed(function) or code.co_filename == "<string>" or code.co_name == "__annotate__"


def _functions_of(value: Any) -> Iterator[FunctionType]:
    """The functions that an attribute of a class consists of."""
    if isinstance(value, FunctionType):
        yield value
    elif isinstance(value, (staticmethod, classmethod)):
        yield from _functions_of(value.__func__)
    elif isinstance(value, property):
        for part in (value.fget, value.fset, value.fdel):
            yield from _functions_of(part)
    elif isinstance(value, functools.cached_property):
        yield from _functions_of(value.func)


def _globals_used(instructions: list[Instruction], scope: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The global names that the code loads, with what they are; a module's with the attribute that is taken of it."""
    for position, instruction in enumerate(instructions):
        if instruction.opname == "IMPORT_NAME":
            yield from _imported(instruction.argval, scope)
        if instruction.opname not in _GLOBALS or instruction.argval not in scope:
            continue
        name, value = instruction.argval, settled(scope, instruction.argval)
        for following in instructions[position + 1 :]:
            if not isinstance(value, ModuleType) or following.opname not in _ATTRIBUTES or is_installed(value):
                break
            name, value = f"{name}.{following.argval}", getattr(value, following.argval, None)
        if not isinstance(value, ModuleType):
            yield name, value


def _imported(name: str, scope: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The module that the function imports when it runs, if it has been loaded or can be found."""
    package = scope.get("__package__") or ""
    for candidate in (name, f"{package}.{name}" if package and name else package):
        module = sys.modules.get(candidate)
        if module is None and candidate:
            try:
                spec = importlib.util.find_spec(candidate)
            except (ImportError, ValueError, AttributeError):
                continue
            if spec is not None and spec.origin:
                module = ModuleType(candidate)
                module.__file__ = spec.origin
        if module is not None:
            yield f"import {candidate}", module
