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
