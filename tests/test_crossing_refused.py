"""What cannot be sent is refused and named, also where it is a class that has it and not the object."""

from __future__ import annotations

import functools
import http.cookiejar
import logging
import multiprocessing
import os
import queue
import re
import sqlite3
import sys
import threading
import zlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import plait
from plait.errors import NotTransferable

LOCK = threading.Lock()


def classes() -> list[tuple[type[Any], str]]:
    class Has:
        lock = threading.Lock()

    class Derived(Has):
        pass

    class Names:
        def take(self) -> None:
            with LOCK:
                pass

    class NamesStatic:
        @staticmethod
        def take() -> None:
            with LOCK:
                pass

    class Keeps:
        kept = {"all": [LOCK]}

    return [
        (Has, r"Has\.lock"),
        (Derived, r"Has\.lock"),
        (Names, r"Names\.take → global 'LOCK'"),
        (NamesStatic, r"NamesStatic\.take → global 'LOCK'"),
        (Keeps, r"Keeps\.kept\['all'\]\[0\]"),
    ]


@pytest.mark.parametrize(("kind", "path"), classes())
def test_what_a_class_has_that_cannot_be_sent_is_named(kind: type[Any], path: str) -> None:
    with pytest.raises(NotTransferable, match=path + " is a lock object, which cannot be pickled.*; locks belong"):
        list(plait.map(id, [kind()], engine="process", workers=1))


def test_an_open_file_is_refused_and_never_replaced_by_a_copy_of_its_text(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("a\nb\n")
    local = "by value"  # which the functions are, so that whatever is able to pickle them is asked

    def opened(name: str) -> Any:
        return open(name, encoding=local and "utf-8")

    refused = "an open file belongs to one process"
    with pytest.raises(NotTransferable, match=f"result is a TextIOWrapper object.*{refused}"):
        list(plait.map(opened, [str(path)], engine="process", workers=1))
    with opened(str(path)) as file:
        with pytest.raises(NotTransferable, match=f"item is a TextIOWrapper object.*{refused}"):
            list(plait.map(lambda each: local + each.read(), [file], engine="process", workers=1))
        with pytest.raises(NotTransferable, match=f"captured 'file' is a TextIOWrapper object.*{refused}"):
            list(plait.map(lambda _: local + file.read(), [1], engine="process", workers=1))
        assert file.read() == "a\nb\n"


def test_the_streams_of_the_program_are_those_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", sys.__stdout__)
    stdout = sys.stdout
    assert list(plait.map(lambda _: stdout is sys.stdout, [1], engine="process", workers=1)) == [True]


class Asking:
    """As wrappers do that forget that they have nothing yet while they are being unpickled."""

    def __init__(self) -> None:
        self.data = {"size": 3}

    def __getattr__(self, name: str) -> object:
        return self.data[name]


def test_a_getattr_that_asks_itself_is_explained() -> None:
    with pytest.raises(NotTransferable, match="__getattr__ is called before it has any attributes, and calls itself"):
        list(plait.map(lambda each: each.size, [Asking()], engine="process", workers=1))


class Pair(tuple[int, int]):
    def __new__(cls, first: int, second: int) -> Pair:
        return super().__new__(cls, (first, second))


def test_a_new_that_wants_more_than_pickle_knows_is_explained() -> None:
    with pytest.raises(NotTransferable, match=r"missing 1 required.*; let its class say by __reduce__, or __getnew"):
        list(plait.map(len, [Pair(1, 2)], engine="process", workers=1))


def belongs_here() -> list[tuple[object, str]]:
    return [
        (threading.Event(), r"is an Event object.*pass one of a multiprocessing\.Manager\(\) instead"),
        (queue.Queue(), "is a Queue object.*or return what the function finds"),
        (queue.SimpleQueue(), "is a SimpleQueue object.*or return what the function finds"),
        (logging.StreamHandler(), "is a StreamHandler object.*ask for the logger in the function, by its name"),
        (ThreadPoolExecutor(1), "is a ThreadPoolExecutor object.*an executor belongs to one process"),
        (Future(), "is a Future object.*wait for it here and pass its result"),
        (sqlite3.connect(":memory:"), r"is a Connection object.*once for each worker with plait\.per_worker"),
        (zlib.compressobj(), r"create it inside the function, or once for each worker with plait\.per_worker"),
    ]


@pytest.mark.parametrize(("value", "advice"), belongs_here())
def test_what_belongs_to_one_process_is_named_as_its_user_knows_it(value: object, advice: str) -> None:
    with pytest.raises(NotTransferable, match=f"captured 'value' .*{advice}"):
        list(plait.map(lambda _: value, [1], engine="process", workers=1))


def test_items_that_cannot_be_sent_say_what_to_pass(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    with os.scandir(tmp_path) as entries:
        items: list[tuple[object, str]] = [
            (next(entries), r"item is a DirEntry object.*pass its path: entry\.path"),
            (database.execute("select 1").fetchone(), r"item is a Row object.*pass tuple\(row\) or dict\(row\)"),
            (re.match("a", "a"), r"item is a Match object.*such as match\.group\(\)"),
            (zlib.compressobj(), "item is a Compress object.*pass what it is made from"),
        ]
        for item, advice in items:
            with pytest.raises(NotTransferable, match=advice):
                list(plait.map(id, [item], engine="process", workers=1))
    database.close()


def test_an_end_of_a_pipe_is_refused_and_never_sent_as_the_number_of_a_descriptor(nothing_left: None) -> None:
    here, there = multiprocessing.Pipe()

    def opened(_: int) -> object:
        return multiprocessing.Pipe()

    with here, there, plait.Pool("process", 1) as pool:
        for item in (there, [SimpleNamespace(pipe=there)], {"pipe": there}):
            with pytest.raises(NotTransferable, match="^item 0 .* is a .*Connection object"):
                list(plait.map(id, [item], engine=pool))
            with pytest.raises(NotTransferable, match="it would arrive as a number"):
                pool.submit(id, item).result()
        with pytest.raises(NotTransferable, match=r"captured 'there' is a Connection.*queue of a multip"):
            list(plait.map(lambda _: there, [1], engine=pool))
        with pytest.raises(NotTransferable, match=r"result\[0\] is a Connection object.*return plain data instead"):
            list(plait.map(opened, [1], engine=pool))
        assert list(plait.map(abs, [-1], engine=pool)) == [1]


def returned() -> list[tuple[Callable[[int], object], str]]:
    return [
        (lambda _: zlib.compressobj(), "result is a Compress object.*return what it holds, as plain data"),
        (lambda _: threading.Lock(), "result is a lock object.*locks belong to one process; return plain data instead"),
        (lambda n: (each for each in [n]), "result is a generator object.*cannot be copied; return a list of it"),
        (lambda _: re.match("a", "a"), r"result is a Match object.*return what it has found, such as match\.group"),
        (lambda _: functools.reduce(lambda inner, _: [inner], range(100_000), []), "too deeply.*return flatter data"),
    ]


@pytest.mark.parametrize(("make", "advice"), returned())
def test_results_that_cannot_be_sent_say_what_to_return(make: Callable[[int], object], advice: str) -> None:
    with pytest.raises(NotTransferable, match=advice):
        list(plait.map(make, [1], engine="process", workers=1))


def test_the_request_of_flask_is_read_here() -> None:
    flask = pytest.importorskip("flask")
    request = flask.request
    with pytest.raises(NotTransferable, match=r"'request', of class LocalProxy, .*read what the function needs of it"):
        list(plait.map(lambda _: request.path, [1], engine="process", workers=1))


class Shop:
    """An object whose own method is mapped."""

    def __init__(self, till: object) -> None:
        self.till = till

    def sell(self, item: int) -> int:
        return item


def test_what_the_object_of_a_method_has_is_left_out_and_not_made_anew() -> None:
    out = r"; self goes along with its method: leave \.till out with __getstate__, or map a function without self"
    with plait.Pool("process", workers=1) as pool, ThreadPoolExecutor() as executor:
        for till, said in (
            (pool, "is a plait.Pool, which belongs to one process"),
            (executor, "an executor belongs to one process"),
            (LOCK, "or use the lock of a file or database"),
            ([threading.Event()], "it works between the threads of one process; pass one of .* instead"),
        ):
            with pytest.raises(NotTransferable, match=rf"sell → self\.till.*{said}{out}"):
                list(plait.map(Shop(till).sell, [1], engine=pool))
        with pytest.raises(NotTransferable, match=rf"sell → self\.till is a plait.Pool.*{out}"):
            pool.submit(Shop(pool).sell, 1).result()
        with pytest.raises(NotTransferable, match=r"item.till is a plait.Pool, .*make another one in the function"):
            list(plait.map(id, [Shop(pool)], engine=pool))


class Holder:
    def __init__(self, value: object) -> None:
        self.value = value


def of_a_library() -> list[tuple[Callable[[int], object], str]]:
    jar = http.cookiejar.CookieJar()  # which has a lock inside
    held, waiting = Holder(jar), deque([threading.Lock()])
    return [
        (lambda _: jar, r"captured 'jar' is a CookieJar object.*its \._cookies_lock is a RLock.*once for each worker"),
        (lambda _: held, r"captured 'held'\.value is a CookieJar object.*leave it out with __getstate__"),
        (lambda _: waiting, r"captured 'waiting'\[0\] is a lock object.*locks belong to one process"),
        (lambda _, jar=jar: jar, r"default 0 is a CookieJar object.*once for each worker"),  # type: ignore[misc]
    ]


@pytest.mark.parametrize(("function", "advice"), of_a_library())
def test_an_object_of_a_library_is_named_and_not_what_is_in_it(function: Callable[[int], object], advice: str) -> None:
    with pytest.raises(NotTransferable, match=advice):
        list(plait.map(function, [1], engine="process", workers=1))


def test_what_can_be_pickled_and_not_unpickled_is_named() -> None:
    pair = Pair(1, 2)
    local = {"pairs": [pair]}
    advice = "of class Pair, can be pickled but not unpickled .*missing 1 required"
    with pytest.raises(NotTransferable, match=f"captured 'pair', {advice}.*make a plain tuple"):
        list(plait.map(lambda _: pair, [1], engine="process", workers=1))
    with pytest.raises(NotTransferable, match=rf"captured 'local'\['pairs'\]\[0\], {advice}"):
        list(plait.map(lambda _: local, [1], engine="process", workers=1))
    with pytest.raises(
        NotTransferable, match=r"could not be unpickled.*it is item\.value, of class Pair: make a plain tuple"
    ):
        list(plait.map(id, [Holder(pair)], engine="process", workers=1))


def change(data: Any) -> None:
    data[0] = 1


def test_who_changes_a_large_array_is_told_why_that_cannot_be() -> None:
    with pytest.raises(TypeError, match="cannot modify read-only memory") as caught:
        list(plait.map(change, [memoryview(bytearray(100_000))], engine="process", workers=1))
    assert any("change a copy: array.copy()" in note for note in caught.value.__notes__)


def test_who_asks_for_input_in_a_process_is_told_where_there_is_some() -> None:
    with pytest.raises(EOFError) as caught:
        list(plait.map(input, ["name? "], engine="process", workers=1))
    assert any("a worker process has no standard input; ask in the program" in note for note in caught.value.__notes__)


class Unasked:
    """Whatever is asked of it fails."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(f"asked for {name}")


def test_an_object_that_answers_nothing_is_refused_alone() -> None:
    ends = [outcome.error for outcome in plait.map(type, [1, Unasked(), 2], engine="process", workers=1).outcomes()]
    assert ends[0] is ends[2] is None
    assert isinstance(ends[1], NotTransferable)
