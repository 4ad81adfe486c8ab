"""Pickles what ctypes makes and pickle refuses: types of arrays, pointers and functions, libraries and their functions.

All of it says how it was made, so another process makes it anew: it loads a library by its name, and gives its
functions the types of arguments and results that they have here. Addresses mean nothing there, and stay refused.
"""

from __future__ import annotations

import sys
from functools import partial
from operator import getitem, mul

from plait._core.importable import imported

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module, and typing would double their start-up time
    from typing import Any

_USE_ERRNO, _USE_LAST_ERROR = 8, 16  # flags of a type of functions
_AS_HERE, _SWAPPED = ("__ctype_le__", "__ctype_be__") if sys.byteorder == "little" else ("__ctype_be__", "__ctype_le__")
_OF_LIBRARIES = ("_name", "_handle", "_FuncPtr")  # what a library sets itself when it is loaded
_AT_CREATION = ("_type_", "_length_", "_flags_", "_restype_", "_argtypes_")


def reduce_ctypes(obj: Any) -> Any:
    """For pickle: how to make it anew; NotImplemented for what is not of ctypes, or what pickle knows how to treat."""
    ctypes = imported("ctypes")
    if ctypes is None:
        return NotImplemented
    kind = type(obj)  # not isinstance, which would ask an object of the user's for its class
    if issubclass(kind, ctypes.CDLL):
        return _library(obj, ctypes)
    if issubclass(kind, ctypes._CFuncPtr):
        return _function(obj, ctypes)
    return _type(obj, kind, ctypes) if issubclass(kind, type) else NotImplemented


def _library(library: Any, ctypes: Any) -> Any:
    kind: Any = type(library)
    if kind.__init__ is not ctypes.CDLL.__init__:
        return NotImplemented  # it is loaded in a way of its own
    flags = library._FuncPtr._flags_
    load = partial(kind, use_errno=bool(flags & _USE_ERRNO), use_last_error=bool(flags & _USE_LAST_ERROR))
    known = {name: value for name, value in vars(library).items() if name not in _OF_LIBRARIES}
    return load, (library._name,), known


def _function(function: Any, ctypes: Any) -> Any:
    """A function that was asked of a library by its name, with its prototype."""
    library, name = (function._objects or {}).get("0"), vars(function).get("__name__")
    if not isinstance(library, ctypes.CDLL) or not isinstance(name, str):
        return NotImplemented
    ask = getattr if vars(library).get(name) is function else getitem
    prototype = function.argtypes, function.restype, function.errcheck
    return ask, (library, name), prototype, None, None, set_prototype


def set_prototype(function: Any, prototype: tuple[Any, Any, Any]) -> None:
    """Give a function of a library its types of arguments and result, and its check of errors, where it has any."""
    arguments, function.restype, check = prototype
    if arguments is not None:
        function.argtypes = arguments
    if check is not None:
        function.errcheck = check


def _type(kind: Any, meta: type, ctypes: Any) -> Any:
    bases = (ctypes.Structure, ctypes.Union, ctypes.Array, ctypes._Pointer, ctypes._CFuncPtr, ctypes._SimpleCData)
    for base in bases:
        if kind is type(base):  # the class of such classes, which has no name by which it could be found
            return type, (base,)
    if meta is type(ctypes.Array) and "_length_" in vars(kind) and kind._type_ * kind._length_ is kind:
        return mul, (kind._type_, kind._length_)
    if meta is type(ctypes._Pointer) and "_type_" in vars(kind) and ctypes.POINTER(kind._type_) is kind:
        return ctypes.POINTER, (kind._type_,)
    if meta is type(ctypes._CFuncPtr) and kind.__module__ == "ctypes":
        return _type_of_functions(kind, ctypes)
    if meta is type(ctypes._SimpleCData) and vars(kind).get(_AS_HERE, kind) is not kind:
        return getattr, (vars(kind)[_AS_HERE], _SWAPPED)
    return NotImplemented


def _type_of_functions(kind: Any, ctypes: Any) -> Any:
    make = getattr(ctypes, kind.__qualname__.partition(".")[0], None)  # CFUNCTYPE and its like, which define it anew
    if make is None:
        return NotImplemented
    options = {"use_errno": _USE_ERRNO, "use_last_error": _USE_LAST_ERROR}
    given = {option: True for option, flag in options.items() if kind._flags_ & flag}
    return partial(make, **given), (kind._restype_, *kind._argtypes_)


def is_of_ctypes(kind: object) -> bool:
    """Whether it is a class of ctypes itself; the classes of its classes have no name by which they could be found."""
    return isinstance(kind, type) and kind.__module__ == "_ctypes"


def laid_out(kind: type, make: Any, args: tuple[Any, ...], state: tuple[Any, ...], *rest: Any) -> tuple[Any, ...]:
    """How cloudpickle makes a class anew, in the order in which a class of ctypes wants what it is made of.

    Its fields come last, since all that is said about them, such as their packing, must be known by then; and they make
    the descriptors by which they are found.
    """
    ctypes = imported("ctypes")
    if ctypes is None or not issubclass(kind, (ctypes.Structure, ctypes.Union, ctypes.Array, ctypes._SimpleCData)):
        return make, args, state, *rest
    members, slots = state
    made = _AS_HERE, _SWAPPED
    first = {name: members[name] for name in _AT_CREATION if name in members}
    named = {name: value for name, value in members.items() if not (name in first or name in made or _is_field(value))}
    if "_fields_" in named:
        named["_fields_"] = named.pop("_fields_")
    return make, (*args[:3], {**args[3], **first}, *args[4:]), (named, slots), *rest


def _is_field(value: object) -> bool:
    return type(value).__name__ == "CField" and type(value).__module__ in ("_ctypes", "ctypes")


def unless_laid_out(kind: type, members: dict[str, Any]) -> dict[str, Any]:
    """What can be set on the class: the fields of one that has been laid out are there for good."""
    if "_fields_" not in members or "_fields_" not in kind.__dict__:
        return members
    return {name: value for name, value in members.items() if name != "_fields_"}
