"""A class of a script is one class in a worker, which finds it under its name; at home only the program changes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import plait

pytestmark = pytest.mark.usefixtures("nothing_left")

KEPT = """
import plait

class Counted:
    made = 0
    seen = {}

    def work(self):
        type(self).made += 1
        self.seen[self.made] = self
        return self.made, len(self.seen)

def run(one):
    return one.work()

def main():
    items = [Counted() for _ in range(4)]
    print("map", list(plait.map(run, items, engine="process", workers=1)))
    print("method", list(plait.map(Counted.work, items, engine="process", workers=1)))
    with plait.Pool("process", workers=1) as pool:
        print("pool", [pool.submit(run, one).result() for one in items])
    with plait.scope("process", workers=1) as s:
        print("scope", [s.submit(one.work).result() for one in items])
    print("here", Counted.made, Counted.seen)

if __name__ == "__main__":
    main()
"""

LEFT_ALONE = """
import plait

bumped = 0

class Result:
    made = 0

    def bump(self):
        global bumped
        bumped += 1

class Failed(Exception):
    def bump(self):
        global bumped
        bumped += 1

def make(number):
    Result.made += 1
    return Result()

def fail(number):
    raise Failed(number)

def main():
    methods = Result.bump, Failed.bump
    for result in plait.map(make, range(3), engine="process", workers=1):
        result.bump()
    for outcome in plait.map(fail, range(3), engine="process", workers=1).outcomes():
        outcome.error.bump()
    print(bumped, Result.made, (Result.bump, Failed.bump) == methods)

if __name__ == "__main__":
    main()
"""

CHANGED = """
import enum
import plait

factor = 1

class Base:
    __slots__ = ("own",)
    options = {"a": 1}

    def look(self):
        return self.options["a"], factor, Other.value

class Item(Base):
    kind = "x"

    def look(self):
        return *super().look(), self.kind

class Other:
    value = 0

class Another(Base):
    __slots__ = ()

    def look(self):
        return ("another",)

class Colour(enum.Enum):
    RED = 1

def run(item, colour):
    return *item.look(), colour is Colour.RED

def main():
    global factor
    item = Item()
    with plait.Pool("process", workers=1) as pool:
        def show():
            print(*pool.submit(run, item, Colour.RED).result())
        show()
        Base.options["a"] = 2
        show()
        factor = 3
        show()
        Other.value = 4
        show()
        Item.kind = "y"
        show()
        Base.look = lambda self: ("new",)
        show()
        Item.__bases__ = (Another,)
        show()
        Item.__bases__ = (Base,)
        show()

if __name__ == "__main__":
    main()
"""

PICKLED = """
import enum
import multiprocessing
import pickle
from dataclasses import dataclass

import plait

@dataclass
class Point:
    x: int

class Outer:
    class Inner:
        pass

class Colour(enum.Enum):
    RED = 1

class Failed(Exception):
    pass

def double(x):
    return 2 * x

def dump(x):
    return pickle.dumps([Point(x), Outer.Inner(), Colour.RED, double, Failed(x)])

def load(data):
    return [type(each).__qualname__ for each in pickle.loads(data)], double(1), (Point, Outer, Colour, Failed)

def pooled(x):
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.map(double, [x])

def fail(x):
    raise Failed(x)

def main():
    for engine in ("thread", "process"):
        (data,) = plait.map(dump, [3], engine=engine)
        print([type(each).__qualname__ for each in pickle.loads(data)])
        ((names, _, kinds),) = plait.map(load, [data], engine=engine)
        print(names, kinds == (Point, Outer, Colour, Failed))
        print(*plait.map(pooled, [4], engine=engine))
        (outcome,) = plait.map(fail, [5], engine=engine).outcomes()
        print(type(outcome.error) is Failed)

if __name__ == "__main__":
    main()
"""

RECORDED = """
import plait

class Failed(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code

def fail(n):
    raise Failed(n, "no")

def main():
    journal = plait.Journal("run.sqlite", retry_failed=False)
    stream = plait.map(fail, [3], engine="process", journal=journal)
    (outcome,) = stream.outcomes()
    print(type(outcome.error) is Failed, outcome.error.code, stream.report.recalled)

if __name__ == "__main__":
    main()
"""

BACK = """
import sqlite3
import plait

connection = None

class Row:
    def save(self):
        connection.execute("select 1")

def load(_):
    global connection
    connection = sqlite3.connect(":memory:")
    return Row(), load, Row, [Row() for _ in range(3)]

def local(_):
    class Local(Row):
        pass
    return Local()

class Kept:
    pass

def kept(_):
    return Kept()

def old(_):
    return Old()

def main():
    global Kept, Old
    ((row, function, kind, rows),) = plait.map(load, [0], engine="process")
    print(type(row) is Row, function is load, kind is Row, {type(each) for each in rows} == {Row})
    print(type(next(plait.map(local, [0], engine="process"))).__mro__[1] is Row)
    with plait.Pool("process", workers=1) as pool:
        print(type(pool.submit(kept, 0).result()) is Kept)
        Old = Kept
        class Kept:
            pass
        print(type(pool.submit(old, 0).result()) is Old)

if __name__ == "__main__":
    main()
"""


def lines_of(script: str, folder: Path) -> list[str]:
    (folder / "script.py").write_text(script)
    words = [sys.executable, str(folder / "script.py")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, cwd=folder)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_what_a_call_leaves_in_a_class_the_next_one_finds(tmp_path: Path) -> None:
    counted = [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert lines_of(KEPT, tmp_path) == [
        *(f"{where} {counted}" for where in ("map", "method", "pool", "scope")),
        "here 0 {}",
    ]


def test_objects_that_come_back_leave_their_class_as_it_is(tmp_path: Path) -> None:
    assert lines_of(LEFT_ALONE, tmp_path) == ["6 0 True"]


def test_a_class_that_has_changed_in_the_program_changes_in_workers(tmp_path: Path) -> None:
    assert lines_of(CHANGED, tmp_path) == [
        "1 1 0 x True",
        "2 1 0 x True",
        "2 3 0 x True",
        "2 3 4 x True",
        "2 3 4 y True",
        "new y True",
        "another y True",
        "new y True",
    ]


def test_code_in_a_worker_pickles_what_the_script_defines(tmp_path: Path) -> None:
    names = "['Point', 'Outer.Inner', 'Colour', 'function', 'Failed']"
    assert lines_of(PICKLED, tmp_path) == 2 * [names, f"{names} True", "[8]", "True"]


def test_a_recorded_error_is_of_the_scripts_class_in_its_next_run(tmp_path: Path) -> None:
    assert lines_of(RECORDED, tmp_path) == ["True 3 0"]
    assert lines_of(RECORDED, tmp_path) == ["True 3 1"]


def test_what_comes_back_is_of_the_scripts_own_classes(tmp_path: Path) -> None:
    """Also where a worker has put into a global what cannot be sent, and where a name has come to mean another class."""
    assert lines_of(BACK, tmp_path) == ["True True True True", "True", "True", "True"]


@pytest.mark.parametrize("engine", ["thread", "process"])
def test_an_error_whose_class_says_that_it_is_elsewhere_arrives_as_itself(engine: str) -> None:
    text = "as by importorskip"  # in a function by value
    with pytest.raises(pytest.skip.Exception, match=text) as caught:
        list(plait.map(lambda _: pytest.skip(text), [1], engine=engine, workers=1))
    assert type(caught.value) is pytest.skip.Exception
    assert list(plait.map(lambda kind: (kind, text), [pytest.fail.Exception], engine=engine)) == [
        (pytest.fail.Exception, text)
    ]


def test_bodies_of_classes_inside_of_functions_find_their_globals(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("""
import plait

class Known: pass
SIZE = 3

def work(n):
    class Inside:
        size = SIZE
    return Inside.size, type(Known()).__name__

print(*plait.map(work, [1], engine="process"))
""")
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "(3, 'Known')\n"), done.stderr
