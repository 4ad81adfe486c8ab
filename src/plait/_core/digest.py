"""Digests of values by content: equal values have equal digests in every process and run, whatever its hash seed.

A value is written down as bytes in one way only: types are tagged, lengths come first, the elements of sets and the
keys of dicts are sorted. What is no builtin type is written down as pickle would take it apart (``__reduce_ex__``), or
as what its method ``__plait_key__`` returns; code counts by what `Digester` is told of it.
"""

from __future__ import annotations

import copyreg
import math
import struct
from _blake2 import blake2b
from _collections_abc import Callable, Iterable
from collections import OrderedDict
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from plait._core.notes import text_of

SIZE = 16  # bytes of a digest: among 10**15 of them, two are equal by chance with a probability of 10**-9
_INLINE = 128  # bytes up to which a part stands in the whole as it is, and not as its digest


class Undigestible(Exception):
    """A value that has no content to digest, such as a lock or an open file; the message says why."""


class Digester:
    """Digests values; `code_of` gives the digest of a function or class that is code of the user's, else None.

    >>> digester = Digester()
    >>> digester.digest({"a": {1, 2}, "b": None}) == digester.digest({"b": None, "a": {2, 1}})
    True
    >>> digester.digest(1) == digester.digest(1.0)  # a function may tell them apart
    False
    """

    def __init__(self, code_of: Callable[[Any], bytes | None] = lambda _: None) -> None:
        self._code_of = code_of
        self._depths: dict[int, int] = {}  # of the values that are being written down, by identity: to see cycles
        self._named: dict[int, tuple[object, bytes]] = {}  # functions and classes, kept from one value to the next
        self._written: dict[int, tuple[object, bytes]] = {}  # shared parts; the value is kept, so its identity is too
        self._reach = 0  # the depth of the outermost value that what was written last refers back to

    def digest(self, value: object) -> bytes:
        """The digest of the value, of `SIZE` bytes.

        Raises:
            Undigestible: it has none.
        """
        kind = type(value)
        if kind is int:
            return blake2b(b"i%x" % value, digest_size=SIZE).digest()  # type: ignore[str-format]  # it is an int
        if kind is str:
            return blake2b(b"s" + value.encode("utf-8", "surrogatepass"), digest_size=SIZE).digest()  # type: ignore[attr-defined]  # it is a str
        try:
            return blake2b(b"v" + self.encode(value), digest_size=SIZE).digest()
        except RecursionError:
            raise Undigestible("it is nested too deeply") from None
        except Undigestible:
            raise
        except Exception as error:  # methods of the user's were called: of a dict, an iterator, of attributes
            raise Undigestible(
                f"reading what it consists of raised {type(error).__name__}: {text_of(error)}"
            ) from error
        finally:
            self._depths.clear()
            self._written.clear()

    def encode(self, value: Any) -> bytes:
        """The value written down."""
        kind = type(value)
        atom = _ATOMS.get(kind)
        if atom is not None:
            return _part(*atom(value))
        if (kind is tuple or kind is list) and _ATOMS.keys() >= set(map(type, value)):
            return _part(b"t" if kind is tuple else b"l", b"".join([_part(*_ATOMS[type(v)](v)) for v in value]))
        here = id(value)
        if here in self._named:
            return self._named[here][1]
        if here in self._depths:
            self._reach = min(self._reach, self._depths[here])
            return b"^%d;" % (len(self._depths) - self._depths[here])
        if here in self._written:
            return self._written[here][1]
        depth = self._depths[here] = len(self._depths)
        outer, self._reach = self._reach, depth
        try:
            found = _part(*self._compound(value, kind))
        finally:
            del self._depths[here]
            closed, self._reach = self._reach >= depth, min(outer, self._reach)
        if closed:  # it means the same wherever it stands
            (self._named if isinstance(value, _NAMED) else self._written)[here] = value, found
        return found

    def _compound(self, value: Any, kind: type) -> tuple[bytes, bytes]:
        if kind in (list, tuple):
            return b"l" if kind is list else b"t", self._all(value)
        if kind is dict:
            return b"d", self._pairs(value.items())
        key = getattr(kind, "__plait_key__", None)
        if key is not None:
            return b"k", self._all((kind, _key(key, value, kind)))
        if isinstance(value, _CODE):
            return b"c", self._code(value)
        if isinstance(value, (set, frozenset)):  # pickle takes their elements in an order that varies
            elements = b"".join(sorted(map(self.encode, value)))
            return b"e", self.encode(kind) + elements + self.encode(getattr(value, "__dict__", None))
        if kind.__module__ == "numpy" and hasattr(value, "tobytes") and hasattr(value, "dtype"):
            return b"n", self._array(value)
        if isinstance(value, PurePath):  # pickled differently by different Pythons
            return b"p", _name(kind).encode() + str(value).encode("utf-8", "surrogatepass")
        return b"o", self._object(value, kind)

    def _all(self, values: Iterable[object]) -> bytes:
        return b"".join([self.encode(value) for value in values])

    def _pairs(self, pairs: Iterable[tuple[object, object]]) -> bytes:
        return b"".join(sorted(self.encode(key) + self.encode(value) for key, value in pairs))

    def _array(self, array: Any) -> bytes:
        head = self._all((str(array.dtype.descr if array.dtype.names else array.dtype.str), tuple(array.shape)))
        if array.dtype.hasobject:
            return head + self.encode(array.tolist())
        try:
            return head + blake2b(array if array.flags.c_contiguous else array.tobytes(), digest_size=20).digest()
        except (TypeError, ValueError):  # dates have no buffer
            return head + blake2b(array.tobytes(), digest_size=20).digest()

    def _code(self, value: Any) -> bytes:
        if isinstance(value, MethodType):
            return self._all((value.__func__, value.__self__))
        if isinstance(value, ModuleType):
            return value.__name__.encode()
        if isinstance(value, BuiltinFunctionType):
            owner = value.__self__
            return _name(value).encode() + (b"" if isinstance(owner, (ModuleType, type(None))) else self.encode(owner))
        return self._code_of(value) or _name(value).encode()

    def _object(self, value: Any, kind: type) -> bytes:
        try:
            error = isinstance(value, BaseException)  # for which libraries such as tblib note where they were raised
            reduce = None if error else copyreg.dispatch_table.get(kind)
            parts: Any = reduce(value) if reduce is not None else value.__reduce_ex__(4)
        except Exception as why:  # whatever the object's own methods raise, it cannot be taken apart
            raise Undigestible(f"{_name(kind)}: {why}") from why
        if isinstance(parts, str):
            return f"{value.__module__ if hasattr(value, '__module__') else kind.__module__}.{parts}".encode()
        maker, arguments, state, listed, paired = (*parts, None, None, None)[:5]
        state = None if type(state) is dict and not state else state  # of an exception, once anybody has looked at it
        pairs = list(paired or ())
        kept = self.encode(pairs) if isinstance(value, OrderedDict) else self._pairs(pairs)
        return self._all((maker, arguments, state, list(listed or ()))) + kept


_NAMED = (FunctionType, type)
_CODE = (FunctionType, BuiltinFunctionType, MethodType, ModuleType, type)
_ATOMS: dict[type, Callable[[Any], tuple[bytes, bytes]]] = {
    int: lambda value: (b"i", b"%x" % value),
    str: lambda value: (b"s", value.encode("utf-8", "surrogatepass")),
    bytes: lambda value: (b"b", value),
    bytearray: lambda value: (b"B", bytes(value)),
    memoryview: lambda value: (b"m", f"{value.format} {value.shape} ".encode() + value.tobytes()),
    float: lambda value: (b"f", b"nan" if math.isnan(value) else struct.pack(">d", value)),
    complex: lambda value: (b"j", struct.pack(">dd", value.real, value.imag)),
    bool: lambda value: (b"1" if value else b"0", b""),
    type(None): lambda _: (b"N", b""),
    type(...): lambda _: (b".", b""),
    range: lambda value: (b"r", b"%x,%x,%x" % (value.start, value.stop, value.step)),
}


def _key(key: Callable[[Any], object], value: object, kind: type) -> object:
    try:
        return key(value)
    except Exception as error:
        raise Undigestible(f"{_name(kind)}.__plait_key__() raised {type(error).__name__}: {text_of(error)}") from error


def _part(tag: bytes, body: bytes) -> bytes:
    """Something that can be told from whatever stands beside it."""
    if len(body) <= _INLINE:
        return b"%b%d:%b" % (tag, len(body), body)
    return b"%b#%b" % (tag, blake2b(body, digest_size=20).digest())


def _name(value: Any) -> str:
    return f"{getattr(value, '__module__', None)}.{getattr(value, '__qualname__', None) or repr(value)}"
