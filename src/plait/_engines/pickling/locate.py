"""Finds what inside an object cannot be pickled, and says where it is: ``job.session.lock``."""

from __future__ import annotations

from _collections_abc import Callable, Iterator
from _pickle import loads
from collections import deque
from functools import partial
from itertools import islice
from types import FunctionType, MethodType

from plait._core.installed import is_installed
from plait._core.lazy_imports import settled
from plait._core.notes import text_of
from plait._engines.pickling.instead import advice_at, instead_of, is_whole

STAYS_HERE = "STAYS_HERE"  # the attribute of classes of ours that says what they are, why they stay and what to do
PARTS = "plait_parts"  # the method of items of ours that lists what is sent of them, with the user's names for it

_DEPTH = 12
_CHILDREN = 200
_TRANSPARENT = (  # what everybody looks into
    dict,
    list,
    tuple,
    set,
    frozenset,
    deque,
    FunctionType,
    MethodType,
    partial,
    staticmethod,
    classmethod,
    type,
)


def explain(value: object, name: str, error: BaseException) -> str:
    """Where the culprit is, what it is, why it cannot be sent, and what to do; `name` is what `value` is called."""
    if isinstance(error, MemoryError):
        return f"there is not enough memory to pickle {name}; pass less, or the path of a file"
    if isinstance(error, RecursionError):
        flatter = "return flatter data, such as its text" if name == "result" else "pass flatter data"
        return f"{name} is nested too deeply to be pickled ({error}); {flatter}"
    trail = follow(value, name)
    path, culprit = trail[-1]
    refusal = getattr(type(culprit), STAYS_HERE, "")
    if refusal:
        return f"{path} is a {advice_at(path, refusal)}"
    why = text_of(error) or type(error).__name__
    known_path, known = _as_known(trail)
    if known is not culprit:
        why = f"its {path.removeprefix(known_path)} is {_a(culprit)}: {why}"
    return f"{known_path} is {_a(known)}, which cannot be pickled ({why}); {instead_of(known, known_path)}"


def find(value: object, name: str, fails: Callable[[object], bool] | None = None) -> tuple[str, object]:
    """The path to the innermost object that does not pickle, and that object; `value` itself if no child is."""
    return follow(value, name, fails)[-1]


def follow(value: object, name: str, fails: Callable[[object], bool] | None = None) -> list[tuple[str, object]]:
    """Each object on the way to the innermost one that does not pickle, with its path."""
    fails = fails or does_not_pickle
    if hasattr(type(value), PARTS):  # of the class: an object of the user's may answer to any name
        for part, child in getattr(value, PARTS)():
            if fails(child):
                return follow(child, part, fails)
    seen: set[int] = set()
    path = name
    trail = [(path, value)]
    for _ in range(_DEPTH):
        if hasattr(type(value), STAYS_HERE) or is_whole(value):
            break
        seen.add(id(value))
        for step, child in _children(value):
            if id(child) not in seen and fails(child):
                path, value = path + step, child
                trail.append((path, value))
                break
        else:
            break
    return trail


def _as_known(trail: list[tuple[str, object]]) -> tuple[str, object]:
    """What is named: the culprit, or the object of a library that has it, whose user knows nothing of what is in it."""
    known = trail[-1]
    for path, value in reversed(trail):
        if issubclass(type(value), _TRANSPARENT):
            continue
        if not is_installed(type(value)):
            break
        known = path, value
    return known


def does_not_pickle(value: object) -> bool:
    """Whether it cannot be pickled, by value if need be."""
    from plait._engines.pickling.by_value import dumps_by_value

    try:
        dumps_by_value(value, lambda _: True, ())
    except Exception:
        return True
    return False


def does_not_come_back(value: object) -> bool:
    """Whether it can be pickled, and what comes of that cannot be read."""
    from plait._engines.pickling.by_value import dumps_by_value

    try:
        data = dumps_by_value(value, lambda _: True, ())
    except Exception:
        return False
    try:
        loads(data)
    except Exception:  # whatever its __setstate__ does
        return True
    return False


def _children(value: object) -> Iterator[tuple[str, object]]:
    try:
        yield from islice(_all_children(value), _CHILDREN)
    except Exception:  # its own methods and attributes may raise anything: then it is the culprit itself
        return


def _all_children(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        yield from ((f"[{key!r}]", child) for key, child in value.items())
    elif isinstance(value, (list, tuple, deque)):
        yield from ((f"[{position}]", child) for position, child in enumerate(value))
    elif isinstance(value, (set, frozenset)):
        yield from ((".{an element}", child) for child in value)
    elif isinstance(value, FunctionType):
        yield from _captured(value)
    elif isinstance(value, type):
        yield from ((f" → class {base.__qualname__}", base) for base in value.__bases__)
        yield from ((f".{name}", child) for name, child in value.__dict__.items() if not name.startswith("__"))
    elif isinstance(value, (staticmethod, classmethod)):
        yield "", value.__func__
    else:
        yield from _of_object(value)


def _of_object(value: object) -> Iterator[tuple[str, object]]:
    """What it has as its own, then its class."""
    if hasattr(value, "__self__") and hasattr(value, "__func__"):
        yield (" → self", value.__self__) if not isinstance(value.__self__, type) else (".__self__", value.__self__)
    state = getattr(value, "__dict__", None)
    if isinstance(state, dict):
        yield from ((f".{key}", child) for key, child in state.items())
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, slot):
                yield f".{slot}", getattr(value, slot)
    for part in ("func", "args", "keywords", "fn"):  # functools.partial and our own wrappers
        if hasattr(value, part) and not isinstance(state, dict):
            yield f".{part}", getattr(value, part)
    yield f" → class {type(value).__qualname__}", type(value)


def _captured(function: FunctionType) -> Iterator[tuple[str, object]]:
    """What a function captured, its defaults, and the globals it names."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            yield f" → captured {name!r}", cell.cell_contents
        except ValueError:  # an empty cell
            continue
    for position, default in enumerate(function.__defaults__ or ()):
        yield f" → default {position}", default
    for name in function.__code__.co_names:
        if name in function.__globals__:
            yield f" → global {name!r}", settled(function.__globals__, name)


def _a(value: object) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind} object"
