"""Tells what a function puts where only its worker sees it, since workers have memory of their own."""

from __future__ import annotations

from _collections_abc import Generator
from collections import deque
from dis import Instruction, get_instructions, opmap, stack_effect
from itertools import islice
from types import BuiltinMethodType, CodeType, FunctionType, MethodType
from typing import NamedTuple

from plait._core.batch import Batch
from plait._core.code_names import captured_by, codes_in, names_in
from plait._core.installed import is_installed
from plait._core.job import Job
from plait._core.mishaps import warn
from plait._engines.cargo import what_was_passed
from plait._engines.copied_generators import watch_generators
from plait._engines.reading.callees import with_callees

_SHOWN = 3  # names that are said
_CONTAINERS = (list, dict, set, bytearray, deque)
_FILLING = frozenset({"append", "appendleft", "extend", "extendleft", "insert", "add", "update"})  # these return None
_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME")
_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD")


class Kept(NamedTuple):
    """What a function leaves in its worker.

    It is said of what stands in the function itself, and of nothing that it calls. So it is true whenever it is said,
    also of a cache that is meant to be one of each worker.

    Attributes:
        assigned: globals and captured variables that it assigns to.
        filled: containers of the program that it puts something into.
        only_filled: those of them that nothing in a worker has any use for.
    """

    assigned: list[str]
    filled: list[str]
    only_filled: list[str]

    def in_words(self, kind: str) -> str:
        """What becomes of it, or nothing.

        >>> Kept(["total"], ["results", "seen"], []).in_words("process")
        'what it assigns to "total" and puts into "results", "seen" stays in its worker process'
        """
        what = [("assigns to", self.assigned), ("puts into", self.filled)]
        said = " and ".join(f"{does} {_listed(names)}" for does, names in what if names)
        return f"what it {said} stays in its worker {kind}" if said else ""

    def watch(self, batches: Generator[Batch, None, None], kind: str) -> Generator[Batch, None, None]:
        """The batches; a warning at the end if all that the function has found is where nobody sees it.

        That is so if it has returned None for each item, and has filled containers that it only fills.
        """
        return self._watch(batches, kind) if self.only_filled else batches

    def _watch(self, batches: Generator[Batch, None, None], kind: str) -> Generator[Batch, None, None]:
        calls, returned = 0, False
        try:
            for batch in batches:
                calls += len(batch.values) - len(batch.failures)
                returned = returned or any(value is not None for value in batch.values)
                yield batch
        finally:
            batches.close()
        if calls and not returned:
            warn(
                f".map: what the function puts into {_listed(self.only_filled)} stays in its worker {kind}, and all "
                'its results are None; have it return what it has found, or use engine="thread"'
            )


def watched(batches: Generator[Batch, None, None], job: Job, kind: str) -> Generator[Batch, None, None]:
    """The batches of workers of this kind, with memory of their own: the report and warnings say what that does."""
    kept = kept_by(job.fn)
    if said := kept.in_words(kind):
        job.tally.reasons.append(said)
    return watch_generators(kept.watch(batches, kind), job.fn)


def kept_by(function: object) -> Kept:
    """What a function of the user's leaves in its worker.

    >>> def count(n):
    ...     global total
    ...     total = n
    >>> count.__module__ = "__main__"
    >>> kept_by(count)
    Kept(assigned=['total'], filled=[], only_filled=[])
    """
    function = what_was_passed(function)
    if isinstance(function, BuiltinMethodType):
        owner = function.__self__
        fills = isinstance(owner, _CONTAINERS) and function.__name__ in _FILLING
        named = [f"{type(owner).__name__}.{function.__name__}"] if fills else []
        return Kept([], named, named)
    owner = None
    if isinstance(function, MethodType):
        owner, function = function.__self__, function.__func__
    if not isinstance(function, FunctionType):
        return Kept([], [], [])
    assigned, filled = _assigned(function.__code__), _filled(function, owner)
    if not (assigned or filled) or is_installed(function):
        return Kept([], [], [])
    only = [name for name, alone in filled.items() if alone and not _is_used(name, function, owner)]
    return Kept(assigned, list(filled), only)


def _listed(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def _assigned(code: CodeType) -> list[str]:
    """Each name once, in the order of the code."""
    found = [name for each in codes_in(code) for name in _stored(each, "STORE_GLOBAL")]
    found += [name for name in _stored(code, "STORE_DEREF") if name in code.co_freevars]
    return list(dict.fromkeys(found))


def _stored(code: CodeType, operation: str) -> list[str]:
    if opmap[operation] not in code.co_code[::2]:
        return []  # as of most, and to take instructions apart takes long
    return [str(one.argval) for one in get_instructions(code) if one.opname == operation]


def _filled(function: FunctionType, owner: object) -> dict[str, bool]:
    """Containers that it puts something into, and of each whether it does nothing else with it."""
    names = {name: function.__globals__.get(name) for name in names_in(function.__code__)}
    captured, own = dict(captured_by(function)), getattr(owner, "__dict__", {})
    values = [*names.values(), *captured.values(), *(own.get(name) for name in names)]
    if not any(isinstance(value, _CONTAINERS) for value in values):
        return {}
    found: dict[str, list[bool]] = {}
    for code in codes_in(function.__code__):
        before: tuple[str, ...] = ()
        instructions = list(get_instructions(code))
        for position, one in enumerate(instructions):
            name = str(one.argval)
            value = None
            if one.opname in _GLOBAL:
                value = names.get(name)
            elif one.opname == "LOAD_DEREF":
                value = captured.get(name)
            elif one.opname in _ATTRIBUTE and before and before == function.__code__.co_varnames[:1]:
                name, value = f"{before[0]}.{name}", own.get(name)
            if isinstance(value, _CONTAINERS):
                found.setdefault(name, []).append(_fills(instructions[position + 1 :]))
            before = (str(one.argval),) if one.opname.startswith("LOAD_FAST") else ()
    return {name: all(fills) for name, fills in found.items() if any(fills)}


def _fills(following: list[Instruction]) -> bool:
    """Whether what is on top of the stack now is what these instructions put something into."""
    if following and following[0].opname in _ATTRIBUTE:
        return str(following[0].argval) in _FILLING
    depth = 1
    for one in following:
        if one.opname == "STORE_SUBSCR":
            return depth == 2  # it, and the key
        if one.opname == "COPY" and depth == one.arg == 2:
            return True  # an augmented assignment to an element
        if "JUMP" in one.opname or "RETURN" in one.opname:
            return False
        depth += stack_effect(one.opcode, one.arg)
        if depth < 1:
            return False
    return False


def _is_used(name: str, function: FunctionType, owner: object) -> bool:
    """Whether another function of the program that this one uses may have a use for what has that name."""
    name = name.rpartition(".")[2]
    others = islice(with_callees(function, type(owner)), 1, None)
    return any(name in names_in(one.__code__) or name in one.__code__.co_freevars for one in others)
