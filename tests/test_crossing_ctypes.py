"""What a script makes of ctypes, `struct` and `threading.local` at its top is there in workers, as it is in a plain loop."""

from __future__ import annotations

import ctypes
import ctypes.util
import struct
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

import plait
from plait.errors import NotTransferable

pytestmark = pytest.mark.usefixtures("nothing_left")

ENGINES = ["process", *(["interpreter"] if sys.version_info >= (3, 14) else [])]


def one_more(result: int, _function: object, _arguments: object) -> int:
    return result + 1


def libraries() -> list[Callable[[int], object]]:
    maths = ctypes.CDLL(ctypes.util.find_library("m"))
    maths.cos.restype, maths.cos.argtypes = ctypes.c_double, [ctypes.c_double]
    power = maths["pow"]  # another object each time it is asked for so
    power.restype, power.argtypes = ctypes.c_double, (ctypes.c_double, ctypes.c_double)
    own = ctypes.CDLL(None, use_errno=True)
    size = own.strlen
    size.restype, size.argtypes = ctypes.c_size_t, [ctypes.c_char_p]
    own.labs.errcheck = one_more

    def sets_errno(n: int) -> tuple[int, int]:
        ctypes.set_errno(0)
        return own.close(-n), ctypes.get_errno()

    return [
        lambda n: maths.cos(float(n)),
        lambda n: power(2.0, n),
        lambda n: size(b"x" * n),
        lambda n: own.labs(-n),
        lambda n: own.strlen(b"x" * n),
        sets_errno,
    ]


def structures() -> list[type[Any]]:
    class Point(ctypes.Structure):
        _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_byte)]

        def total(self) -> int:
            return int(self.x + self.y)

    class Packed(ctypes.Structure):
        _pack_ = 1
        _layout_ = "ms"
        _fields_ = [("small", ctypes.c_byte), ("large", ctypes.c_int)]

    class Derived(Point):
        _fields_ = [("z", ctypes.c_int)]

    class Either(ctypes.Union):
        _fields_ = [("a", ctypes.c_int), ("b", ctypes.c_float)]

    class Nested(ctypes.Structure):
        _anonymous_ = ("either",)
        _fields_ = [("bits", ctypes.c_int, 3), ("either", Either), ("points", Point * 2), ("text", ctypes.c_char * 4)]

    class Swapped(ctypes.BigEndianStructure if sys.byteorder == "little" else ctypes.LittleEndianStructure):  # type: ignore[misc]
        _fields_ = [("x", ctypes.c_int)]

    class Pair(ctypes.Array):  # type: ignore[type-arg]
        _type_ = ctypes.c_int
        _length_ = 2

    class Number(ctypes.c_int):
        pass

    return [Point, Packed, Derived, Either, Nested, Swapped, Pair, Number, ctypes.c_short * 3]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("function", libraries())
def test_libraries_and_their_functions_keep_their_types(function: Callable[[int], object], engine: str) -> None:
    expected = [function(n) for n in (1, 2)]
    assert list(plait.map(function, [1, 2], engine=engine, workers=1)) == expected


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", structures(), ids=lambda kind: str(kind.__name__))
def test_classes_of_ctypes_keep_their_layout_and_their_objects_their_bytes(kind: type[Any], engine: str) -> None:
    items = [kind(1), kind(2)]
    sizes_and_bytes = [(ctypes.sizeof(kind), bytes(item)) for item in items]
    found = list(plait.map(lambda item: (ctypes.sizeof(kind), bytes(item)), items, engine=engine, workers=1))
    assert found == sizes_and_bytes
    made = list(plait.map(lambda n: kind(n), [1, 2], engine=engine, workers=1))
    assert [(type(each), bytes(each)) for each in made] == [(kind, bytes(item)) for item in items]


@pytest.mark.parametrize("engine", ENGINES)
def test_methods_of_structures_and_pointers_to_themselves_work(engine: str) -> None:
    class Node(ctypes.Structure):
        def sum(self) -> int:
            return int(self.value) + (self.next.contents.sum() if self.next else 0)

    Node._fields_ = [("value", ctypes.c_int), ("next", ctypes.POINTER(Node))]

    def chain(n: int) -> int:
        last = Node(n)
        return Node(1, ctypes.pointer(last)).sum()

    assert list(plait.map(chain, [1, 2], engine=engine, workers=1)) == [2, 3]
    with pytest.raises(NotTransferable, match="ctypes objects containing pointers cannot be pickled"):
        list(plait.map(lambda node: node.sum(), [Node(1)], engine=engine, workers=1))


@pytest.mark.parametrize("engine", ENGINES)
def test_types_of_functions_make_functions(engine: str) -> None:
    twice, api = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, use_errno=True), ctypes.PYFUNCTYPE(None)

    def made(n: int) -> tuple[int, int, int]:
        return twice(lambda m: m * 2)(n), twice._flags_, api._flags_  # type: ignore[attr-defined]

    assert list(plait.map(made, [1, 2], engine=engine, workers=1)) == [made(1), made(2)]


def test_a_structure_that_changes_here_changes_in_warm_workers() -> None:
    class Point(ctypes.Structure):
        _fields_ = [("x", ctypes.c_int)]
        factor = 1

        def scaled(self) -> int:
            return int(self.x) * self.factor

    with plait.Pool("process", workers=1) as pool:
        assert list(plait.map(lambda point: point.scaled(), [Point(3)], engine=pool)) == [3]
        Point.factor = 5
        assert list(plait.map(lambda point: point.scaled(), [Point(3)], engine=pool)) == [15]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_compiled_struct_and_its_methods_cross(engine: str) -> None:
    head = struct.Struct("<IH")
    unpack = head.unpack
    assert list(plait.map(lambda n: unpack(head.pack(n, 7)), [1, 2], engine=engine, workers=1)) == [(1, 7), (2, 7)]
    assert list(plait.map(lambda each: each.size, [head], engine=engine, workers=1)) == [6]


@pytest.mark.parametrize("engine", ["thread", *ENGINES])
def test_a_thread_local_is_empty_in_each_worker_and_stays_from_item_to_item(engine: str) -> None:
    kept = threading.local()
    kept.of_the_program = True

    def count(_: int) -> tuple[bool, int]:
        kept.calls = getattr(kept, "calls", 0) + 1
        return hasattr(kept, "of_the_program"), kept.calls

    found = list(plait.map(count, range(3), engine=engine, workers=1))
    assert found == [(False, 1), (False, 2), (False, 3)]
