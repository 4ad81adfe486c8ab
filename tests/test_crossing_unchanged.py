"""Classes of a script go to workers as the bytes of the first time, and anew with whatever has changed in them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("nothing_left")

PARTS = """
import abc, dataclasses, enum, functools, gc
from types import FunctionType

from plait._engines.pickling.by_value import by_name
from plait._engines.pickling.unchanged import Parts

FACTOR = 2
NAMES = ["a"]

def scaled(n, by=1):
    return n * by * FACTOR

def counting():
    count = 0
    def counted(self):
        return count
    def add():
        nonlocal count
        count += 1
    return counted, add

class Colour(enum.Enum):
    RED = 1

@dataclasses.dataclass(slots=True)
class Point:
    x: int = 0
    colour: Colour = Colour.RED
    tags: list[str] = dataclasses.field(default_factory=lambda: NAMES)

class Base(abc.ABC):
    known = {"a": 1}

    @abc.abstractmethod
    def area(self): ...

class Square(Base):
    sides = [4]
    counted, _add = counting()

    def area(self):
        return scaled(Point().x)

    @staticmethod
    def still(n=(1, 2)):
        return n

    @property
    def half(self):
        return self.area() / 2

    @functools.cached_property
    def kept(self):
        return 1

class Odd:
    thing = object()

ADD = Square._add
del Square._add

def changes():
    global FACTOR, NAMES, scaled
    yield
    FACTOR = 3
    yield
    scaled.__defaults__ = (2,)
    yield
    scaled.__code__ = (lambda n, by=2: n).__code__
    yield
    scaled = FunctionType(scaled.__code__, globals(), "scaled")
    yield
    NAMES.append("b")
    yield
    NAMES = ["a", "b"]
    yield
    Base.known["a"] = 2
    yield
    Square.sides[0] = 5
    yield
    ADD()
    yield
    Point.new = 1
    yield
    del Point.new
    yield
    Square.area = lambda self: 1
    yield
    Base.register(int)
    yield
    Square.still.note = 1
    yield
    Square.__bases__ = (type("Base2", (Base,), {}),)

steps = changes()
next(steps)
gc.collect()  # the class that dataclass(slots=True) has replaced: its members are among the parts until then (3.14)
first = Parts(Square, by_name)
assert {kind.__name__ for kind in first.kinds} == {"Square", "Base", "Point", "Colour"}, first.kinds
assert first.unchanged
for step, _ in enumerate(steps):
    assert not first.unchanged, step
    first = Parts(Square, by_name)
    assert first.unchanged, step
assert not first.unchanged
try:
    print(Parts(Odd, by_name))
except Exception as error:
    print(type(error).__name__)
"""

IN_WORKERS = """
import plait

FACTOR = 1

class Item:
    by = 1
    seen = []

    def value(self):
        return Item.by * FACTOR, Other.name, len(Item.seen)

class Other:
    name = "first"

def value(item):
    item.seen.append(1)  # stays in the worker until the class changes here
    return type(item).value(item)

def redefined(value_of_it):
    class Item:
        def value(self):
            return value_of_it
    Item.__qualname__ = "Item"
    return Item

def main():
    global FACTOR, Item
    with plait.Pool("process", workers=1) as pool:
        def now():
            return pool.submit(value, Item()).result()

        assert [now(), now()] == [(1, "first", 1), (1, "first", 2)]
        Item.by = 5
        assert [now(), now()] == [(5, "first", 1), (5, "first", 2)]
        Item.by = 1  # as it was before
        assert [now(), now()] == [(1, "first", 1), (1, "first", 2)]
        FACTOR = 3
        assert now()[0] == 3
        Other.name = "second"
        assert now()[1] == "second"
        Other.name = "first"
        assert now()[1] == "first"
        original, Item = Item, redefined("another")
        Item.seen = []
        assert now() == "another"
        Item = original
        assert now()[1] == "first"
        assert type(pool.submit(Item).result()) is Item
    print("seen")

if __name__ == "__main__":
    main()
"""


COUNTED = """
import functools
import plait

class Plugin:
    known = []

    def __init_subclass__(cls):
        Plugin.known.append(cls)

    @functools.cached_property
    def names(self):  # which has a lock on Python 3.11
        return [kind.__name__ for kind in Plugin.known]

class First(Plugin):
    pass

class Second(Plugin):
    odd = object()  # so that its class goes with each object

def names(plugin):
    return plugin.names, type(plugin).names.attrname

def main():
    with plait.Pool("process", workers=1) as pool:
        for plugin in (First(), Second(), First(), Second()):
            assert pool.submit(names, plugin).result() == (["First", "Second"], "names")
    print("counted once")

if __name__ == "__main__":
    main()
"""


AT_ONCE = """
from plait._engines.pickling import bundles
from plait._engines.pickling.by_value import by_name, dumps_by_value

class Item:
    pass

class MeanwhileGone(bundles.Bundle):
    @property
    def current(self):  # another thread has seen, too, that the class has changed
        del bundles._made[id(Item)]
        return False

def dump(kinds):
    return dumps_by_value(kinds, lambda _: True, (), versions=True)

first = bundles.bundle_of(Item, by_name, dump)
assert bundles.bundle_of(Item, by_name, dump) is first
first.__class__ = MeanwhileGone
again = bundles.bundle_of(Item, by_name, dump)
print(again is not None, again is not first)
"""


def run(script: str, folder: Path) -> str:
    (folder / "script.py").write_text(script)
    words = [sys.executable, "-W", "error", str(folder / "script.py")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert not done.stderr, done.stderr
    return done.stdout


def test_whatever_is_replaced_in_a_class_is_noticed(tmp_path: Path) -> None:
    assert run(PARTS, tmp_path) == "NotSteady\n"


def test_a_class_goes_to_workers_anew_when_it_has_changed_and_when_it_has_changed_back(tmp_path: Path) -> None:
    assert run(IN_WORKERS, tmp_path) == "seen\n"


def test_a_class_is_made_once_in_a_worker_for_those_who_count_their_subclasses(tmp_path: Path) -> None:
    assert run(COUNTED, tmp_path) == "counted once\n"


def test_two_threads_may_find_at_once_that_a_class_has_changed(tmp_path: Path) -> None:
    assert run(AT_ONCE, tmp_path) == "True True\n"
