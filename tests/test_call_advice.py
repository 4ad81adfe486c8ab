"""What the error of a function says that cannot be called with an item."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

import plait


def add(a: int, b: int) -> int:
    return a + b


def greet(*, name: str, age: int) -> str:
    return f"{name} is {age}"


def nothing() -> None:
    """Takes no item."""


def fails_within(x: int) -> int:
    return add(x)  # type: ignore[call-arg]  # that is the mistake


class Silent(TypeError):
    pass


def raises_its_own(x: int) -> None:
    raise Silent(x)


ITEM = "plait: each item is one argument, for "
BY_NAME = "to pass the values of an item by name, write plait.map(lambda item: greet(**item), items)"


@pytest.mark.parametrize("engine", ["inline", "thread", "process", "auto"])
def test_the_parts_of_an_item_are_no_arguments(engine: str) -> None:
    with pytest.raises(TypeError, match="missing 1 required") as caught:
        list(plait.map(add, [(1, 2), (3, 4)], engine=engine))  # type: ignore[arg-type]  # that is the mistake
    assert caught.value.__notes__[-1] == (
        f"{ITEM}add(a, b); to pass the parts of an item, write plait.map(lambda item: add(*item), items)"
    )


def test_what_it_says_to_do_works() -> None:
    assert list(plait.map(lambda item: add(*item), [(1, 2), (3, 4)], engine="process")) == [3, 7]


@pytest.mark.parametrize(
    ("fn", "items", "note"),
    [
        (nothing, [[1]], f"{ITEM}nothing()"),
        (lambda: 1, [[1]], f"{ITEM}fn()"),
        (add, [[1]], f"{ITEM}add(a, b)"),
        (add, [["ab"]], f"{ITEM}add(a, b)"),  # a text is not taken apart
        (
            greet,
            [[{"name": "Ann", "age": 3}]],
            f"{ITEM}greet(*, name, age); {BY_NAME}",
        ),
        (
            add,
            [[1], [2], [3]],
            "plait: each of the 3 iterables gives one argument, for add(a, b)",
        ),
    ],
)
def test_each_mistake_has_its_advice(fn: Callable[..., object], items: list[Iterable[object]], note: str) -> None:
    stream = plait.map(fn, *items, engine="thread")
    with pytest.raises(TypeError) as caught:
        list(stream)
    assert caught.value.__notes__[-1] == note
    assert caught.value.__notes__.count(note) == 1


@pytest.mark.parametrize("fn", [fails_within, raises_its_own, len])
def test_errors_of_another_kind_have_none(fn: Callable[..., object]) -> None:
    with pytest.raises(TypeError) as caught:
        list(plait.map(fn, [1], engine="thread"))
    assert caught.value.__notes__ == ["plait: item 0, 1, on thread-1"]
