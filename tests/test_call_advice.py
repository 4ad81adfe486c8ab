"""What the error of a function says that cannot be called with an item."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterable
from typing import Any

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


def test_options_that_submit_does_not_have_are_said_to_be_passed_on() -> None:
    def takes_one(timeout: float) -> float:
        return timeout

    with plait.Pool("inline") as pool:
        for name, said in (("timeout", "plait.map and plait.scope"), ("callback", "add_done_callback")):
            error = pool.submit(abs, -1, **{name: 3}).exception()  # type: ignore[arg-type]  # that is the mistake
            assert isinstance(error, TypeError)
            error = pool.submit(nothing, **{name: 3}).exception()  # type: ignore[arg-type]  # as above
            assert error is not None
            assert f"{name}= too; " in error.__notes__[-1]
            assert said in error.__notes__[-1]
        assert pool.submit(takes_one, timeout=3).result() == 3
        failing: Any = pool.submit(fails_within, timeout=3).exception()
        assert "passed to it, timeout= too" in failing.__notes__[-1]


def test_an_item_that_is_a_coroutine_already() -> None:
    async def fetch(url: str) -> str:
        return url + "/"

    called: Any = fetch("a")
    with contextlib.closing(called), pytest.raises(TypeError) as caught:
        list(plait.map(fetch, [called]))
    assert "write plait.map(fetch, urls) rather than" in caught.value.__notes__[-1]


def test_a_lock_of_an_earlier_loop() -> None:
    locks: list[asyncio.Lock] = []

    async def locked(n: int) -> int:
        if not locks:
            locks.append(asyncio.Lock())
        async with locks[0]:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return n

    assert list(plait.map(locked, range(3))) == [0, 1, 2]
    with pytest.raises(RuntimeError, match="different event loop") as caught:
        list(plait.map(locked, range(3)))
    assert "a plain loop over a map has one of its own, `async for` uses" in caught.value.__notes__[-1]


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


def area(width: int, height: int = 1) -> int:
    return width * height


@pytest.mark.parametrize("engine", ["thread", "process"])
def test_arguments_that_were_submitted_as_a_thread_or_a_pool_of_multiprocessing_takes_them(engine: str) -> None:
    wrong: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
        ((), {"args": (2, 3)}, r"write submit\(area, \*args\)$"),
        ((), {"args": (2,), "kwargs": {"height": 3}}, r"write submit\(area, \*args, \*\*kwargs\)$"),
        (((2,), {"height": "3"}), {"height": 3}, ""),  # neither way
        ((), {}, ""),
        ((1, 2, 3), {}, ""),
    ]
    with plait.Pool(engine, 1) as pool:
        for args, kwargs, advice in wrong:
            error = pool.submit(area, *args, **kwargs).exception()
            assert isinstance(error, TypeError)
            notes = getattr(error, "__notes__", [])
            assert bool(notes) == bool(advice), notes
            assert all(re.search(advice, note) for note in notes)
        own = pool.submit(area, None, None).exception()  # the function's own error
        assert isinstance(own, TypeError)
        assert not hasattr(own, "__notes__")
    with pytest.raises(TypeError) as caught, plait.scope() as s:
        s.submit(area, args=(2, 3))  # type: ignore[call-arg]  # that is the mistake
    assert any("write submit(area, *args)" in note for note in caught.value.__notes__)
