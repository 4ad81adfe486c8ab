"""Methods of other libraries' pools, lists, nurseries and queues, asked of ours: what people are told."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from concurrent.futures import Executor
from multiprocessing.pool import Pool as TheirPool
from queue import Queue
from typing import Any

import pytest

import plait
from plait._core.mistaken import _ATTRIBUTES


@pytest.fixture
def ours() -> Iterator[dict[str, Any]]:
    with plait.Pool("thread", 1) as pool, plait.scope() as scope:
        stream = plait.map(abs, [-1])
        future = scope.submit(abs, -1)
        yield {"Pool": pool, "Stream": stream, "Scope": scope, "Channel": plait.channel(1), "Future": future}
        assert list(stream) == [1]


def test_what_other_libraries_call_it(ours: dict[str, Any]) -> None:
    for kind, names in _ATTRIBUTES.items():
        for name, advice in names.items():
            with pytest.raises(AttributeError) as caught:
                getattr(ours[kind], name)
            said, _, told = str(caught.value).partition("; ")
            assert said.endswith(f"object has no attribute {name!r}")
            assert told == advice
            assert caught.value.name == name
            assert caught.value.obj is ours[kind]


def test_every_method_of_their_pools_and_queues_is_ours_or_told(ours: dict[str, Any]) -> None:
    for kind, theirs in (("Pool", TheirPool), ("Pool", Executor), ("Channel", Queue)):
        public = {name for name in dir(theirs) if not name.startswith("_")} - {"Process"}
        missing = {name for name in public if not hasattr(ours[kind], name)}
        assert missing <= set(_ATTRIBUTES[kind]), kind


def test_every_method_of_threads_and_processes_is_that_of_a_future_or_told(ours: dict[str, Any]) -> None:
    asked = {"start", "join", "is_alive", "terminate", "kill", "exitcode", "get", "wait", "ready", "successful"}
    assert {name for name in asked if not hasattr(ours["Future"], name)} <= set(_ATTRIBUTES["Future"])


def test_an_instance_is_asked_for_before_it_is_used() -> None:
    @plait.per_worker
    def connection() -> str:
        return "open"

    with pytest.raises(AttributeError, match=r"; the instance of this worker is .*: connection\(\)\.upper$"):
        connection.upper  # type: ignore[attr-defined]  # that is the mistake
    assert connection().upper() == "OPEN"
    assert not hasattr(connection, "__len__")
    assert copy.copy(connection)() == "open"


def test_what_nobody_calls_anything(ours: dict[str, Any]) -> None:
    for thing in ours.values():
        with pytest.raises(AttributeError, match="object has no attribute 'xyz'$"):
            thing.xyz  # that is the mistake
        assert not hasattr(thing, "xyz")


def test_half_made_objects_answer_too() -> None:
    for kind in (plait.Pool, plait.Stream, plait.Scope, plait.channel):
        with pytest.raises(AttributeError, match="has no attribute '_anything'$"):
            kind.__new__(kind)._anything  # type: ignore[union-attr]  # that is the question


def test_a_class_made_of_a_pool_is_called_by_its_name() -> None:
    class Mine(plait.Pool):
        """A pool with another name."""

    with Mine("inline") as pool, pytest.raises(AttributeError, match=r"'Mine' object .* write pool\.submit"):
        pool.apply  # type: ignore[attr-defined]  # that is the mistake
    with pytest.raises(plait.errors.NotTransferable):
        copy.copy(pool)
