"""What expressions of a program mean where it hangs, without running any of its code."""

from __future__ import annotations

import types
from pathlib import Path

import pytest

from plait._see.why import source as why_source
from plait._see.why.diagnosis import diagnose
from plait._see.why.dump import Dump, Frame, Thing, Thread
from plait._see.why.values import Unknown, value_of


class Slotted:
    __slots__ = ("empty", "seat")

    def __init__(self, seat: int) -> None:
        self.seat = seat


class Plain:
    shared = "of the class"

    def __init__(self) -> None:
        self.rows = [["a", "b"], ["c", "d"]]
        self.hidden = 1

    @property
    def made(self) -> object:
        raise AssertionError("asked")


class Guarded:
    def __getattribute__(self, name: str) -> object:
        raise AssertionError("asked")

    def __getitem__(self, key: object) -> object:
        raise AssertionError("asked")

    def __len__(self) -> int:
        raise AssertionError("asked")

    def __mod__(self, other: object) -> object:
        raise AssertionError("asked")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("asked")

    def __hash__(self) -> int:
        return 1


class Index(int):
    def __add__(self, other: int) -> int:
        raise AssertionError("asked")


MODULE = types.ModuleType("settings")
MODULE.size = 2  # type: ignore[attr-defined]
NAMES: dict[str, object] = {
    "plain": Plain(),
    "slotted": Slotted(3),
    "guarded": Guarded(),
    "i": 2,
    "forks": ["f0", "f1", "f2"],
    "table": {"x": "of x", 2: "of 2", (1, "y"): "of a pair", Guarded(): "of a key with code"},
    "settings": MODULE,
    "key": "x",
    "index": Index(1),
    "Plain": Plain,
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("forks[i]", "f2"),
        ("forks[(i + 1) % 3]", "f0"),
        ("forks[(i + 1) % len(forks)]", "f0"),
        ("forks[-1]", "f2"),
        ("forks[i // 2]", "f1"),
        ("plain.rows[i - 1][0 * i]", "c"),
        ("plain.shared", "of the class"),
        ("Plain.shared", "of the class"),
        ("slotted.seat", 3),
        ("table[key]", "of x"),
        ("table[i]", "of 2"),
        ("table[1, 'y']", "of a pair"),
        ("forks[settings.size]", "f2"),
    ],
)
def test_what_is_known(expression: str, value: object) -> None:
    assert value_of(expression, NAMES) == value


@pytest.mark.parametrize(
    "expression",
    [
        "forks[3]", "forks[i % 0]", "forks['x']", "plain.none", "plain.made", "slotted.empty", "guarded.part",
        "guarded[1]", "guarded % 2", "len(guarded)", "forks[index + 1]", "forks[index]", "table[guarded]", "other",
        "choose(i)", "plain.rows[", "table['none']", "forks[2 ** 100]", "i if i else key", "plain.__dict__",
    ],
)  # fmt: skip
def test_what_is_not_known_runs_no_code(expression: str) -> None:
    with pytest.raises(Unknown):
        value_of(expression, NAMES)


def test_a_number_of_the_module(tmp_path: Path) -> None:
    file = tmp_path / "numbers.py"
    file.write_text("N = 3\nM = 4\nM = 5\nW = 'x'\ndef f():\n    global K\n    K = 1\n")
    assert [why_source.number(str(file), name) for name in "NMWKX"] == [3, None, None, None, None]


EAT = """
def eat(i):
    with forks[i]:
        with forks[{second}]:
            pass

forks = []
N = 3
"""


def eats(file: Path, name: str, i: str) -> Thread:
    return Thread(name, 1, 1, (Frame(str(file), 4, "eat", {"i": Thing("", 0, i)}),), busy=False, where="futex_wait")


@pytest.mark.parametrize("second", ["(i + 1) % 3", "(i + 1) % N", "(1 - i) % N - 0", "1 - i"])
def test_a_ring_of_places_that_are_counted(tmp_path: Path, second: str) -> None:
    """From outside, where only the texts of variables are known."""
    file = tmp_path / "eat.py"
    file.write_text(EAT.format(second=second))
    size = 3 if "+" in second else 2
    found = diagnose(Dump(1, tuple(eats(file, f"p{i}", str(i)) for i in range(size))))
    assert found is not None
    assert found.title.startswith("Deadlock: "), found


@pytest.mark.parametrize("second", ["(i + 1) % len(forks)", "following(i)", "(i + 1) % 3"])
def test_what_cannot_be_told_is_not_said_to_have_been_left(tmp_path: Path, second: str) -> None:
    file = tmp_path / "eat.py"
    file.write_text(EAT.format(second=second))
    found = diagnose(Dump(1, tuple(eats(file, f"p{i}", i) for i in ("'0'", "<object>"))))
    assert found is not None
    assert found.title == f"Nobody lets go of forks[{second}]"
    assert [step.does.partition(",")[0] for step in found.steps[:2]] == ["has forks[i]", f"waits for forks[{second}]"]


def test_equal_places_of_one_thread(tmp_path: Path) -> None:
    file = tmp_path / "eat.py"
    file.write_text(EAT.format(second="i + 0"))
    found = diagnose(Dump(1, (eats(file, "a", "2"),)))
    assert found is not None
    assert found.title == "a waits for itself"
