"""What to do about a function that cannot be called with an item, or with what was submitted for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

from plait._core.notes import add_note, notes_of, text_of
from plait._core.star import Star

_MAP = "plait.map has it"
_OF_OTHERS = {  # what is passed to `submit` as if it were for whoever runs the function
    "timeout": "plait.map and plait.scope(deadline=...) limit the time",
    "retry": _MAP,
    "progress": _MAP,
    "callback": "write future.add_done_callback(fn), which is given the future",
    "error_callback": "write future.add_done_callback(fn), which is given the future",
    "daemon": "nothing that is submitted outlives its scope or pool",
}


def note_call_advice(error: TypeError, fn: Callable[..., object], item: object) -> None:
    """Have the error that a call with the item has raised say what to do about it, once."""
    kind = type(item).__name__
    advice = call_advice(fn, item, mistaken=kind in ("tuple", "dict") and kind in text_of(error))
    if advice and (note := f"plait: {advice}") not in notes_of(error):
        add_note(error, note)


def call_advice(fn: Callable[..., object], item: object, *, mistaken: bool = False) -> str:
    """One line for whose parameters do not fit the item; nothing where they do, or where nobody can tell.

    With `mistaken` the item is taken for several arguments where it could be that, as the function choked on it.

    >>> def add(a, b): ...
    >>> call_advice(add, 1)
    'each item is one argument, for add(a, b)'
    >>> call_advice(add, (1, 2)).partition("; ")[2]
    'to pass the parts of an item, write plait.map(lambda item: add(*item), items)'
    >>> def scaled(x, by=2): ...
    >>> call_advice(scaled, (1, 3)), call_advice(scaled, (1, 3), mistaken=True).partition(", write")[0]
    ('', 'each item is one argument, for scaled(x, by=2); to pass the parts of an item')
    >>> call_advice(abs, 1)
    ''
    """
    several = isinstance(fn, Star) and isinstance(item, tuple)
    called = fn.fn if isinstance(fn, Star) else fn
    try:
        signature = inspect.signature(called)
    except (TypeError, ValueError):  # some of those written in C have none
        return ""
    fits = _fits(signature, *(item if several else (item,)))  # type: ignore[misc]  # a tuple, then
    if fits and (several or not mistaken):
        return ""
    name = getattr(called, "__name__", "fn")
    name = name if name.isidentifier() else "fn"
    takes = f"{name}{_bare(signature)}"
    if several:
        return f"each of the {len(item)} iterables gives one argument, for {takes}"  # type: ignore[arg-type]  # as above
    said = f"each item is one argument, for {takes}"
    if isinstance(item, (tuple, list)) and _fits(signature, *item):
        return f"{said}; to pass the parts of an item, write plait.map(lambda item: {name}(*item), items)"
    if isinstance(item, Mapping) and all(isinstance(key, str) for key in item) and _fits(signature, **item):
        return f"{said}; to pass the values of an item by name, write plait.map(lambda item: {name}(**item), items)"
    return "" if mistaken else said


def note_submit_advice(
    error: TypeError, fn: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> None:
    """Have the error that a submitted call has raised say how to pass what it was given."""
    if advice := submit_advice(fn, args, kwargs):
        add_note(error, f"plait: {advice}")


def submit_advice(fn: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]) -> str:
    """One line for arguments that were passed as threads, processes and multiprocessing's pools are given them.

    >>> def add(a, b, c=0): ...
    >>> submit_advice(add, (), {"args": (1, 2)})
    'what follows the function is passed to it: write submit(add, *args)'
    >>> submit_advice(add, (), {"args": (1,), "kwargs": {"b": 2}})
    'what follows the function is passed to it: write submit(add, *args, **kwargs)'
    >>> submit_advice(add, ((1, 2),), {})
    'what follows the function is passed to it: write submit(add, *args)'
    >>> submit_advice(add, (1, 2), {"timeout": 3})
    'what follows the function is passed to it, timeout= too; plait.map and plait.scope(deadline=...) limit the time'
    >>> submit_advice(add, (1, 2), {})
    ''
    """
    for name in _OF_OTHERS.keys() & kwargs:
        if not _takes(fn, name):
            return f"what follows the function is passed to it, {name}= too; {_OF_OTHERS[name]}"
    names = ("args", "kwargs" if "kwargs" in kwargs else "kwds")
    given: list[object] = list(args) if args else [kwargs.get(names[0], ()), kwargs.get(names[1], {})]
    positional, named = (*given, {})[:2]
    if not (isinstance(positional, (tuple, list)) and isinstance(named, Mapping)) or len(given) > 2:
        return ""
    rest = {name: value for name, value in kwargs.items() if args or name not in names}
    if not rest.keys().isdisjoint(named):
        return ""
    try:
        signature = inspect.signature(fn)
        if _fits(signature, *args, **kwargs) or not _fits(signature, *positional, **rest, **named):
            return ""
    except (TypeError, ValueError):  # some of those written in C have no signature
        return ""
    write = f"submit({getattr(fn, '__name__', 'fn')}, *args{', **kwargs' if named else ''})"
    return f"what follows the function is passed to it: write {write}"


def _takes(fn: Callable[..., object], name: str) -> bool:
    """Whether it may be called with an argument of that name."""
    try:
        parameters = inspect.signature(fn).parameters
    except (TypeError, ValueError):  # some of those written in C have no signature
        return True
    return name in parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values())


def _fits(signature: inspect.Signature, /, *args: object, **kwargs: object) -> bool:
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _bare(signature: inspect.Signature) -> inspect.Signature:
    """The same without types."""
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return inspect.Signature(bare)
