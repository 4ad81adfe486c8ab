"""The threads of the system that threads of control run on: one each, and one that must not end is used again."""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from test_check_outside import explore, told

from plait._check.real_threads import RealThreads

_VALUE: contextvars.ContextVar[int] = contextvars.ContextVar("_VALUE", default=0)


@pytest.fixture
def threads() -> Iterator[RealThreads]:
    """Some whose threads end with the test: there must be one only where tests fork."""
    real = RealThreads()
    yield real
    kept = list(real._kept.values())
    real._kept.clear()
    for one in kept:
        one.wanted.release()


def lived(threads: RealThreads, body: Callable[[], object], *, main: bool = True) -> tuple[int, int]:
    """The ident that was promised for a thread, and the one that it had."""
    idents = []
    ended = threading.Event()

    def life() -> None:
        idents.append(threading.get_ident())
        body()
        ended.set()

    promised = threads.begin(life, main=main)
    assert ended.wait(60)
    return promised, idents[0]


def test_a_thread_is_the_one_that_was_promised(threads: RealThreads) -> None:
    promised, ident = lived(threads, lambda: None)
    assert promised == ident


def test_a_main_thread_that_must_not_end_is_that_of_the_next_execution(threads: RealThreads) -> None:
    seen = []

    def makes_a_window() -> None:
        seen.append(_VALUE.get())
        _VALUE.set(7)
        threads.keep()
        threads.offer()

    first = lived(threads, makes_a_window)
    aside = lived(threads, lambda: None, main=False)
    again = lived(threads, makes_a_window)
    assert first == again
    assert aside[0] != first[0]
    assert seen == [0, 0]  # each begins in a context of its own


def test_who_was_not_offered_is_not_used_again(threads: RealThreads) -> None:
    first = lived(threads, threads.keep, main=False)
    threads.offer()  # the caller, who may end
    assert lived(threads, lambda: None)[0] != first[0]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="threads of this Python are given no context")
def test_a_thread_runs_in_the_context_that_it_is_given(tmp_path: Path) -> None:
    source = """
        import contextvars, sys, threading
        value, given, seen = contextvars.ContextVar("value", default=0), contextvars.Context(), []
        given.run(value.set, 7)
        value.set(9)
        for context in (given, None):
            thread = threading.Thread(target=lambda: seen.append(value.get()), context=context)
            thread.start()
            thread.join()
        assert seen == [7, 9 if sys.flags.thread_inherit_context else 0]
        """
    assert told(explore(tmp_path, source, runs=2)) == ("passed", "2 schedules, not a proof")
