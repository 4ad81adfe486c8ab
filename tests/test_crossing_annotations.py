"""Annotations that mean nothing at home, or not yet, go to workers as they are: from CPython 3.14 on nobody evaluates them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info < (3, 14):
    pytest.skip("until CPython 3.14 the definition itself evaluates annotations", allow_module_level=True)

LONG = 60.0
HEAD = """
import dataclasses, threading, typing
from annotationlib import Format, get_annotations
import plait

if typing.TYPE_CHECKING:
    from nowhere import Undefined

lock = threading.Lock()  # which nothing of this names, and which cannot be pickled

def everywhere(function, item):
    for engine in ("thread", "process", "interpreter"):
        print(*plait.map(function, [item], engine=engine))

"""
PROGRAMS = {
    "a function": """
def work(x: Undefined, *, by: int = 1) -> list[Undefined]:
    return x + by, get_annotations(work, format=Format.STRING)

everywhere(work, 1)
""",
    "a closure": """
def make():
    class Held: pass
    def work(x: Undefined | Held) -> int:
        found = get_annotations(work, format=Format.FORWARDREF)
        return x, found["return"], get_annotations(work, format=Format.STRING)["x"]
    return work

everywhere(make(), 1)
""",
    "a class": """
class Held:
    Key = int
    lock = property(lambda self: self.name)
    name: Undefined
    def get(self, key: Key, other: Undefined) -> Held:
        return self

def work(held):
    shown = get_annotations(Held.get, format=Format.FORWARDREF)
    try:
        return Held.__annotations__
    except NameError as error:
        return type(held.get(1, 2)) is Held, shown["key"], shown["return"] is Held, str(error)

everywhere(work, Held())
""",
    "a dataclass that names itself": """
@dataclasses.dataclass
class Node:
    value: int
    next: Node | None = None

def work(node):
    types = [field.type for field in dataclasses.fields(node)]
    return Node(2, node), types[0], types[1].evaluate() == Node | None, typing.get_type_hints(Node)["value"]

everywhere(work, Node(1))
""",
    "a dataclass that names nothing": """
@dataclasses.dataclass
class Node:
    value: Undefined
    others: list[Undefined] = dataclasses.field(default_factory=list)

everywhere(lambda node: (Node(2, [node]), dataclasses.fields(node)[0].type), Node(1))
""",
    "what is annotated later": """
def work(x: Later):
    return typing.get_type_hints(work)["x"].__name__

list(plait.map(lambda n: n, [1], engine="process"))
try:
    list(plait.map(work, [1], engine="process"))
except NameError as error:
    print(error)
class Later: pass
everywhere(work, 1)
""",
}
PRINTED = {
    "a function": "(2, {'x': 'Undefined', 'by': 'int', 'return': 'list[Undefined]'})\n" * 3,
    "a closure": "(1, <class 'int'>, 'Undefined | Held')\n" * 3,
    "a class": "(True, <class 'int'>, True, \"name 'Undefined' is not defined\")\n" * 3,
    "a dataclass that names itself": "(Node(value=2, next=Node(value=1, next=None)), <class 'int'>, True, <class 'int'>)\n"
    * 3,
    "a dataclass that names nothing": "(Node(value=2, others=[Node(value=1, others=[])]), "
    "ForwardRef('Undefined', is_class=True, owner=<class '__main__.Node'>))\n" * 3,
    "what is annotated later": "name 'Later' is not defined\n" + "Later\n" * 3,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_annotations_that_nobody_can_evaluate(name: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(HEAD + PROGRAMS[name])
    command = [sys.executable, "-W", "error", "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LONG, check=False)
    assert (done.returncode, done.stdout) == (0, PRINTED[name]), done.stderr


def test_annotations_of_a_class_are_there(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        HEAD
        + """
class Point[T]:
    x: int
    y: list[T]

def work(point):
    return Point.__annotations__["x"], typing.get_args(Point.__annotations__["y"]) == Point.__type_params__

for _ in range(2):
    everywhere(work, Point())
"""
    )
    command = [sys.executable, "-W", "error", "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LONG, check=False)
    assert (done.returncode, done.stdout) == (0, "(<class 'int'>, True)\n" * 6), done.stderr
