"""A module whose import has not ended, in another thread: it has a part of its names, and nobody may count on them."""

from __future__ import annotations

import ctypes
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

import plait

NAMES = [
    "asyncio",
    "concurrent.futures",
    "ctypes",
    "decimal",
    "eventlet.patcher",
    "gevent.monkey",
    "multiprocessing.process",
    "multiprocessing.util",
    "socket",
]


@plait.per_worker
def instance() -> list[int]:
    return []


def work(number: int) -> int:
    """Asks for what is looked up only where some module is loaded."""
    channel: plait.channel[int] = plait.channel(1)
    channel.put(number)
    instance()
    return channel.get()


@pytest.mark.parametrize("name", NAMES)
def test_what_another_thread_is_importing_is_as_if_it_were_not_there(
    name: str, monkeypatch: pytest.MonkeyPatch, nothing_left: None
) -> None:
    executor = ThreadPoolExecutor(1)
    items = [*range(3), ctypes.c_int(3)]
    half = ModuleType(name)
    half.__spec__ = ModuleSpec(name, None)
    half.__spec__._initializing = True  # type: ignore[attr-defined]  # what the import system says of it
    with executor:
        monkeypatch.setitem(sys.modules, name, half)
        for engine in ("inline", "thread", executor):
            assert list(plait.map(work, range(3), engine=engine)) == [0, 1, 2]
        *outcomes, last = plait.map(work, items, engine="process", workers=1).outcomes()
        assert [outcome.value for outcome in outcomes] == [0, 1, 2]
        assert last.ok or name == "ctypes"
        monkeypatch.undo()
