"""Errors of Python and libraries that people meet in concurrent functions: what they are told to do."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

import plait
from plait._run.known_errors import note_known_error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("Task <Task> got Future <Future> attached to a different loop"), "plait.per_worker"),
        (RuntimeError("<asyncio.locks.Lock object> is bound to a different event loop"), "plait.per_worker"),
        (RuntimeError("Event loop is closed"), "plait.per_worker"),
        (RuntimeError("Timeout context manager should be used inside a task"), "that of your code"),
        (RuntimeError("There is no current event loop in thread 'plait-thread-1'."), "plait.map(fetch, urls)"),
        (RuntimeError("main thread is not in main loop"), "root.after"),
        (RuntimeError("Working outside of request context.\n\nThis typically means"), "pass that"),
        (OSError(24, "Too many open files"), "workers="),
        (RuntimeError("no loop here"), ""),
        (KeyError("Event loop is closed"), ""),
    ],
)
def test_it_is_known_by_its_words_and_told_once(error: BaseException, said: str) -> None:
    for _ in range(2):
        note_known_error(error)
    notes = getattr(error, "__notes__", [])
    assert len(notes) == bool(said)
    assert all(note.startswith("plait: ") and said in note for note in notes)


def alarm(_: object) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def loop(_: object) -> None:
    asyncio.get_event_loop()


def run_inside(_: object) -> None:
    async def outer() -> None:
        inner = asyncio.sleep(0)
        try:
            asyncio.run(inner)
        finally:
            inner.close()

    asyncio.run(outer())


database = sqlite3.connect(":memory:")


def query(_: object) -> None:
    database.execute("select 1")


@pytest.mark.parametrize(
    ("fn", "said"),
    [
        (alarm, "timeout= limits the time of an item on every engine"),
        (loop, "run with asyncio.run"),
        (run_inside, "write `await`"),
        (query, "give each worker its own: plait.per_worker"),
    ],
)
def test_who_maps_or_submits_what_raises_it_is_told(fn: Callable[[object], None], said: str) -> None:
    def submitted() -> None:
        with plait.scope() as s:
            s.submit(fn, 1)

    def pooled() -> None:
        with plait.Pool("thread") as pool:
            pool.submit(fn, 1).result()

    for use in (lambda: list(plait.map(fn, [1], engine="thread")), submitted, pooled):
        with pytest.raises((ValueError, RuntimeError, sqlite3.ProgrammingError)) as caught:
            use()
        assert sum(said in note for note in caught.value.__notes__) == 1


def scaled(number: float, by: float = 2) -> float:
    return number + by


@pytest.mark.parametrize(("item", "write"), [((1, 2), "scaled(*item)"), ({"number": 1, "by": 3}, "scaled(**item)")])
def test_an_item_that_was_taken_for_several_arguments(item: Any, write: str) -> None:
    with pytest.raises(TypeError) as caught:
        list(plait.map(scaled, [item], engine="process"))
    assert write in caught.value.__notes__[-1]
    for other in ([1, 2], {"x": 1}, "text"):
        with pytest.raises(TypeError) as caught:
            list(plait.map(scaled, [other], engine="inline"))
        assert not any("write" in note for note in caught.value.__notes__)
