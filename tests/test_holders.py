"""Who has a lock that was taken without a note: looked for in all threads' stacks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

import plait
from plait._see.holders import holder_of

pytestmark = pytest.mark.usefixtures("nothing_left")


class Box:
    shared = threading.Lock()

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)

    @property
    def proxy(self) -> threading.Lock:
        raise AssertionError("no code of the program is run")


@contextmanager
def holding(keep: Callable[[Callable[[], object]], object]) -> Iterator[int]:
    """A thread that stands still in a function, and its number."""
    there, go = threading.Event(), threading.Event()

    def stand() -> None:
        there.set()
        go.wait()

    thread = threading.Thread(target=keep, args=(stand,))
    thread.start()
    there.wait()
    try:
        assert thread.ident is not None
        yield thread.ident
    finally:
        go.set()
        thread.join()


def test_a_lock_in_a_variable_an_attribute_a_class_and_a_condition() -> None:
    box = Box()
    local = threading.Lock()

    def in_variable(stand: Callable[[], object]) -> None:
        with local:
            stand()

    def in_attribute(stand: Callable[[], object]) -> None:
        with box.lock, open(__file__):
            if stand:
                stand()

    def in_class(stand: Callable[[], object]) -> None:
        with box.shared:

            def further() -> None:
                stand()

            further()

    def in_condition(stand: Callable[[], object]) -> None:
        with box.changed: stand()  # fmt: skip  # noqa: E701

    for keep, lock in (
        (in_variable, local),
        (in_attribute, box.lock),
        (in_class, Box.shared),
        (in_condition, box.lock),
    ):
        with holding(keep) as thread:
            assert holder_of(lock) == thread, keep
        assert holder_of(lock) == 0


def test_who_only_calls_it_the_same_is_not_taken_for_the_holder() -> None:
    ours, theirs = Box(), Box()

    def keep(stand: Callable[[], object], box: Box = theirs) -> None:
        with box.lock:
            stand()

    def proxies(stand: Callable[[], object], box: Box = theirs) -> None:
        with ExitStack():
            stand()
        if box is None:
            with box.proxy:
                pass

    with holding(keep):
        assert holder_of(ours.lock) == 0
    with holding(proxies):
        assert holder_of(theirs.lock) == 0


def test_the_first_one_that_waits_knows_who_has_the_lock() -> None:
    """Nothing was noted until then; from then on it is."""
    with plait.trace() as trace:
        lock = threading.Lock()
        waits = threading.Event()

        def wait() -> None:
            waits.set()
            with lock:
                pass

        thread = threading.Thread(target=wait)
        with lock:
            thread.start()
            waits.wait()
            threading.Event().wait(0.05)
        thread.join()
    found = next(one for one in trace.waits if one.name.startswith("lock (test_holders.py"))
    assert trace.lanes[found.holder].name == "MainThread"
    assert "test_holders.py" in found.held_at


@pytest.mark.parametrize("make", ["Lock", "RLock"])
def test_a_lock_is_what_it_was_while_traced(make: str) -> None:
    with plait.trace():
        lock = getattr(threading, make)()
        with ExitStack() as stack:
            assert stack.enter_context(lock) is True
        with lock as got:
            assert got is True
        assert lock.acquire(timeout=1)
        lock.release()
        assert lock.acquire(False)
        lock.release()
        with pytest.raises(RuntimeError):
            lock.release()
    with lock:  # works on when nothing is traced
        pass
