"""Warns of random generators of which each worker has a copy, since all of them draw the same numbers."""

from __future__ import annotations

from _collections_abc import Generator
from dis import get_instructions
from functools import partial
from itertools import islice
from types import FunctionType, MethodType

from plait._core.batch import Batch
from plait._core.code_names import captured_by, codes_in, names_in
from plait._core.importable import is_importable
from plait._core.mishaps import warn
from plait._engines.cargo import layers_of
from plait._engines.pickling.hidden_instances import METHODS, is_method_of_hidden
from plait._engines.reading.callees import with_callees

_MOST = 100  # functions that are looked at
_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME")
_STATE = ("setstate", "set_state", "bit_generator")  # what classes of generators have beside `random`
_SETS = frozenset("seed setstate set_state bit_generator jumped spawn advance".split())  # it sees to that itself


def watch_generators(batches: Generator[Batch, None, None], fn: object) -> Generator[Batch, None, None]:
    """The batches; a warning at the end if several workers drew from copies of one generator."""
    name = copied_generator(fn)
    return _watch(batches, name) if name else batches


def _watch(batches: Generator[Batch, None, None], name: str) -> Generator[Batch, None, None]:
    workers: set[str] = set()
    try:
        for batch in batches:
            workers.add(batch.worker)
            yield batch
    finally:
        batches.close()
    if len(workers) > 1:
        warn(
            f'.map: each of {len(workers)} workers drew the same random numbers, from its own copy of "{name}"; '
            "plait.rng(seed) gives each item numbers of its own"
        )


def copied_generator(function: object) -> str:
    """The name of a generator that travels with the function, which draws from it; empty if there is none.

    >>> import random
    >>> dice = random.Random(6)
    >>> copied_generator(lambda _: dice.random()), copied_generator(dice.random), copied_generator(random.random)
    ('dice', 'Random.random', '')
    """
    *around, function = layers_of(function)
    given: dict[str, object] = {}
    for one in around:
        if isinstance(one, partial):
            given |= {f"argument {position}": value for position, value in enumerate(one.args)} | one.keywords
    if isinstance(function, METHODS) and _is_generator(function.__self__):
        return "" if is_method_of_hidden(function) else f"{type(function.__self__).__name__}.{function.__name__}"
    if isinstance(function, MethodType):
        given.update({f"self.{name}": value for name, value in getattr(function.__self__, "__dict__", {}).items()})
        function = function.__func__
    elif not isinstance(function, FunctionType):  # an object with a `__call__`
        given.update({f"self.{name}": value for name, value in getattr(function, "__dict__", {}).items()})
        function = vars(type(function)).get("__call__")
    if not isinstance(function, FunctionType):
        return ""
    used, read = _used_by(function)
    found = [name for name, value in (given | used).items() if _is_generator(value)]
    return found[0] if found and not _SETS & read else ""


def _used_by(function: FunctionType) -> tuple[dict[str, object], set[str]]:
    """What is sent with a function and with those that it calls, and the names that all of them use."""
    used: dict[str, object] = {}
    read: set[str] = set()
    for one in islice(with_callees(function), _MOST):
        names = names_in(one.__code__)
        read |= names
        values = {name: one.__globals__[name] for name in names if name in one.__globals__}
        if not is_importable(one):  # else workers import its module, and make what is in it themselves
            used |= {name: value for name, value in values.items() if _is_generator(value) and _is_global(name, one)}
            used |= dict(captured_by(one)) | _defaults_of(one)
    return used, read


def _is_global(name: str, function: FunctionType) -> bool:
    """Whether the function has a global of that name, and not only an attribute."""
    instructions = (one for code in codes_in(function.__code__) for one in get_instructions(code))
    return any(one.opname in _GLOBAL and one.argval == name for one in instructions)


def _defaults_of(function: FunctionType) -> dict[str, object]:
    values, code = function.__defaults__ or (), function.__code__
    names = code.co_varnames[code.co_argcount - len(values) : code.co_argcount]
    return dict(zip(names, values, strict=True)) | (function.__kwdefaults__ or {})


def _is_generator(value: object) -> bool:
    kind = type(value)
    has_state = hasattr(kind, "random") and any(hasattr(kind, name) for name in _STATE)
    return has_state and kind.__name__ != "SystemRandom"  # whose numbers are the system's
