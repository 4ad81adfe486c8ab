"""Reads from byte code which names from outside a function uses, which attributes of them, and what it stores to."""

from __future__ import annotations

from _collections_abc import Iterator
from dis import Instruction, get_instructions
from types import CodeType
from typing import NamedTuple

_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME")
_CAPTURED = ("LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF", "LOAD_FROM_DICT_OR_GLOBALS")
_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR")
_LOCAL = ("LOAD_FAST", "STORE_FAST_LOAD_FAST")
_STORES = {
    "STORE_GLOBAL": "global", "DELETE_GLOBAL": "global", "STORE_DEREF": "captured", "DELETE_DEREF": "captured",
}  # fmt: skip
_SILENT = frozenset({"COPY", "SWAP", "PUSH_NULL", "CACHE", "EXTENDED_ARG", "NOP", "DUP_TOP", "ROT_TWO", "RESUME"})
CHANGING = frozenset(
    "append extend insert add update pop popitem remove discard clear sort reverse setdefault appendleft popleft "
    "extendleft rotate difference_update intersection_update symmetric_difference_update __setitem__ __delitem__ "
    "__setattr__ fill put resize itemset".split()
)


class Use(NamedTuple):
    """A name that comes from outside, or an argument that is changed.

    Attributes:
        kind: ``"global"``, ``"captured"``, ``"import"``, ``"class"``, that of an object which is changed, or
            ``"argument"``, one that is changed.
        name: which; of an import, the module.
        path: the attributes that are loaded one after the other, such as ``("CACHE", "append")``.
        stores: whether something is assigned to the last of them, or to the name itself.
        tells_objects: whether it is compared with ``is``.
    """

    kind: str
    name: str
    path: tuple[str, ...] = ()
    stores: bool = False
    tells_objects: bool = False


def uses(code: CodeType) -> Iterator[Use]:
    """What the code and the functions defined in it use, in the order in which it stands there.

    >>> def work(x):
    ...     CACHE.found[x] = math.sqrt(x)
    >>> [use for use in uses(work.__code__) if use.kind == "global"]
    [Use(kind='global', name='math', path=('sqrt',), stores=False, tells_objects=False),
     Use(kind='global', name='CACHE', path=('found',), stores=False, tells_objects=False)]
    """
    instructions = [one for one in get_instructions(code) if one.opname not in _SILENT or one.opname == "COPY"]
    arguments = set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    held = _aliases(instructions)
    for position, one in enumerate(instructions):
        if one.opname in _STORES:
            yield Use(_STORES[one.opname], str(one.argval), stores=True)
        elif one.opname in _GLOBAL or one.opname in _CAPTURED:
            path, stores = _path(instructions, position)
            if one.argval == "type" and _is_stored_to(instructions[position + 1 : position + 6]):
                yield Use("class", "type", stores=True)
            after = [each.opname for each in instructions[position + 1 + len(path) : position + 3 + len(path)]]
            tells = after[:1] == ["IS_OP"] or (
                after[1:] == ["IS_OP"] and after[0].startswith(("LOAD_FAST", "LOAD_DEREF"))
            )
            yield Use("global" if one.opname in _GLOBAL else "captured", str(one.argval), path, stores, tells)
        elif one.opname == "IMPORT_NAME":
            yield from _imported(instructions, position)
        elif one.opname.startswith(_LOCAL):
            yield from _of_local(instructions, position, arguments, held)
        elif (
            one.opname == "COPY" and one.arg == 2 and (name := _changed(instructions, position, arguments)) is not None
        ):
            yield Use("argument", name)  # an augmented assignment to an element
        elif one.opname in ("STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE"):
            if (name := _changed(instructions, position, arguments)) is not None:
                yield Use("argument", name)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from uses(constant)


def _path(instructions: list[Instruction], position: int) -> tuple[tuple[str, ...], bool]:
    """The attributes loaded from what the instruction at `position` loads, and whether the last one is stored to."""
    path: list[str] = []
    for one in instructions[position + 1 :]:
        if one.opname in _ATTRIBUTE:
            path.append(str(one.argval))
        elif one.opname in ("STORE_ATTR", "DELETE_ATTR"):
            return (*path, str(one.argval)), True
        elif one.opname == "COPY" and one.arg == 1:  # an augmented assignment: what is loaded now is stored to later
            target = _attribute_after(instructions, position + 1 + len(path))
            return ((*path, target), True) if target else (tuple(path), False)
        else:
            break
    return tuple(path), False


def _attribute_after(instructions: list[Instruction], position: int) -> str:
    following = instructions[position + 1] if position + 1 < len(instructions) else None
    return str(following.argval) if following is not None and following.opname in _ATTRIBUTE else ""


def _imported(instructions: list[Instruction], position: int) -> Iterator[Use]:
    """The module, which may not be there elsewhere, and what is taken from it; not what is done with it later."""
    module = str(instructions[position].argval)
    yield Use("import", module)
    for one in instructions[position + 1 :]:
        if one.opname == "IMPORT_FROM":
            yield Use("import", module, (str(one.argval),))
        elif not one.opname.startswith("STORE_FAST") or instructions[position + 1] is one:
            return


def _of_local(
    instructions: list[Instruction], position: int, arguments: set[str], held: dict[str, list[Use]]
) -> Iterator[Use]:
    one = instructions[position]
    name = str(one.argval[-1] if isinstance(one.argval, tuple) else one.argval)
    if name not in held and name not in arguments:
        return
    path, stores = _path(instructions, position)
    for origin in held.get(name, ()):
        if stores if origin.kind == "class" else path or origin.kind == "import":
            yield origin._replace(path=(*origin.path, *path), stores=stores)
    if name not in arguments:
        return
    if stores and (name == "cls" or "__class__" in path):
        yield Use("class", name, path, stores=True)
    elif stores or (path and path[-1] in CHANGING):
        yield Use("argument", name)


def _aliases(instructions: list[Instruction]) -> dict[str, list[Use]]:
    """What local names stand for: modules that are imported, what comes from outside, the class of an object."""
    held: dict[str, list[Use]] = {}
    for position, one in enumerate(instructions):
        path: tuple[str, ...] = ()
        if one.opname == "IMPORT_NAME":
            found = Use("import", str(one.argval).partition(".")[0])
        elif one.opname in _GLOBAL or one.opname in _CAPTURED:
            path, _ = _path(instructions, position)
            found = Use("global" if one.opname in _GLOBAL else "captured", str(one.argval), path)
        elif one.opname.startswith(_LOCAL):
            path, _ = _path(instructions, position)
            found = Use("local", "", path)
        else:
            continue
        after = instructions[position + 1 + len(path) : position + 8 + len(path)]
        if found == Use("global", "type"):
            call = next((at for at, each in enumerate(after) if each.opname.startswith("CALL")), len(after))
            found, after = Use("class", "type"), after[call + 1 :]
        elif "__class__" in path:
            found = Use("class", "__class__")
        if found.kind != "local":
            for name in _stored(after):
                held.setdefault(name, []).append(found)
    return held


def _stored(instructions: list[Instruction]) -> Iterator[str]:
    """The local names that are given what is on the stack: one, or several as in ``a = b = c``."""
    for one in instructions:
        names = one.argval if isinstance(one.argval, tuple) else (one.argval,)
        if one.opname.startswith("STORE_FAST"):
            yield str(names[0])
        elif one.opname != "COPY":
            return


def _changed(instructions: list[Instruction], position: int, arguments: set[str]) -> str | None:
    """The argument whose element is stored to: the container is loaded before the key, as far as both are simple."""
    loads: list[str] = []
    for one in instructions[max(0, position - 2) : position]:
        if one.opname.startswith("LOAD_FAST"):
            loads += one.argval if isinstance(one.argval, tuple) else (one.argval,)
        else:
            loads.append("" if one.opname.startswith("LOAD_") else "?")
    container = loads[-2] if len(loads) > 1 and loads[-1] != "?" else ""
    return container if container in arguments else None


def _is_stored_to(instructions: list[Instruction]) -> bool:
    """Whether an attribute of what a call returns is assigned to."""
    names = [one.opname for one in instructions]
    call = next((place for place, name in enumerate(names) if name.startswith("CALL")), len(names))
    return bool({"STORE_ATTR", "COPY"}.intersection(names[call + 1 : call + 2]))
