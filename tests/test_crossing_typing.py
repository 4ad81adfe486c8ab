"""What a script defines for type checkers goes to workers with the classes and functions that name it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LONG = 60.0
SCRIPT = """
import typing
import plait

T, P, Ts = typing.TypeVar("T"), typing.ParamSpec("P"), typing.TypeVarTuple("Ts")
Id = typing.NewType("Id", int)

class Box(typing.Generic[T]):
    def __init__(self, held: T):
        self.held = held

    def get(self) -> T:
        return self.held

class Both(typing.Generic[T, P]):
    pass

class Many(typing.Generic[typing.Unpack[Ts]]):
    pass

def wrap(n: Id, then: typing.Callable[P, int] | None = None) -> Box[Id]:
    return Box(Id(n))

def number(one):
    return len(str(one))

if __name__ == "__main__":
    assert [type(box) is Box and box.held for box in plait.map(wrap, [1, 2], engine="process")] == [1, 2]
    with plait.Pool("process", workers=1) as pool:
        for one in (T, P, Ts, list[T], Box[T], Both(), Many()):
            print(pool.submit(number, one).result() > 0, end=" ")
        print(pool.submit(Box.get, Box(3)).result(), pool.submit(lambda: Id(4)).result())
"""


@pytest.mark.parametrize("way", ["a script", "python -c"])
def test_variables_of_types(way: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    words = ["script.py"] if way == "a script" else ["-c", SCRIPT]
    done = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, timeout=LONG, check=False
    )
    assert (done.returncode, done.stdout) == (0, "True " * 7 + "3 4\n"), done.stderr


STATEMENTS = """
import pickle
import sys
import typing
import plait

if typing.TYPE_CHECKING:
    from decimal import Decimal

type Json = dict[str, Json] | list[Json] | str | None
type Late = list[Decimal]
type Pair[A: (int, str), *B, **C] = tuple[A, *B, typing.Callable[C, Pair[A, *B, C]]]
if sys.version_info >= (3, 13):
    exec("type With[T = int, *U = *tuple[str, int], **V = [int]] = tuple[T, *U, typing.Callable[V, T]]")
Listed = typing.TypeAliasType("Listed", list[int])

class Node[T: Node[T]]:
    type Own = Node[T]

    def own(self, other: Own | None = None) -> Own:
        return self

class Low[T: Decimal]:
    def get(self, held: T) -> T:
        return held

def first[T: Decimal, *Ts, **P](one: T, *others: *Ts) -> T:
    return one

def local():
    type Here[X] = list[X] | Here[X]

    def here(one: Here[int]):
        return Here.__value__.__args__[1].__origin__ is Here

    return here

def asked(ask):
    try:
        return str(ask())
    except NameError as error:
        return str(error)

def seen(_: Json):
    (bounded,), (a, b, c) = Node.__type_params__, Pair.__type_params__
    facts = [Json.__value__.__args__[0].__args__[1] is Json, bounded.__bound__.__args__[0] is bounded]
    facts += [Pair.__value__.__args__[0] is a, str(Pair.__value__.__args__[1]), str(Listed.__value__)]
    facts += [(asked(lambda: one.__bound__), one.__constraints__) for one in (a, bounded, *Low.__type_params__)]
    facts += [asked(lambda: Late.__value__), [type(one).__name__ + str(one) for one in first.__type_params__]]
    facts += [Node.Own.__value__.__args__[0] is bounded, Low().get(1), first(2, 3), local()(None)]
    facts += [pickle.loads(pickle.dumps(Json)) is Json, [one.__module__ for one in (Json, Listed, a, b, c)]]
    if "With" in globals():
        facts += [str(one.__default__) for one in With.__type_params__]
        facts += [With.__value__.__args__[0] is With.__type_params__[0]]
    return facts, [Json, Late, Listed, a, b, c, bounded]

if __name__ == "__main__":
    facts, names = seen(None)
    assert "name 'Decimal' is not defined" in facts
    for engine in ("process", "interpreter"):
        if engine == "process" or sys.version_info >= (3, 14):
            for there, again in plait.map(seen, ["a", Json], engine=engine, workers=1):
                assert there == facts, (there, facts)
                assert all(one is other for one, other in zip(names, again, strict=True))
            assert list(plait.map(lambda one: one(None), [local()], engine=engine)) == [True]
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the statements of PEP 695 are there from CPython 3.12 on")
def test_type_statements_and_parameters(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(STATEMENTS)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
