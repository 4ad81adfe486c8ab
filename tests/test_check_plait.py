"""Programs that use plait, under check: maps, scopes, pools and channels show what may go wrong in what they run."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from test_check_told import Told, is_told

import plait

pytestmark = pytest.mark.usefixtures("nothing_left")

ADD = """
import asyncio, plait, threading
total = {"n": 0}
def add(n):
    before = total["n"]
    plait.current()
    total["n"] = before + n
async def add_soon(n):
    before = total["n"]
    await asyncio.sleep(0)
    total["n"] = before + n
"""
SIX = "assert total['n'] == 6, total\n"
LOST = "Lost update of total['n']"

PROGRAMS = {
    "a map": Told(f"{ADD}list(plait.map(add, [1, 2, 3]))\n{SIX}", LOST, ("Hold one lock",)),
    "a map on threads": Told(f"{ADD}list(plait.map(add, [1, 2, 3], engine='thread'))\n{SIX}", LOST, ("Hold one lock",)),
    "a map of a scope": Told(
        f"{ADD}with plait.scope() as s:\n    list(s.map(add, [1, 2, 3]))\n{SIX}", LOST, ("Hold one lock",)
    ),
    "a map of a pool": Told(
        f"{ADD}with plait.Pool('thread', workers=2) as pool:\n    list(plait.map(add, [1, 2, 3], engine=pool))\n{SIX}",
        LOST,
        ("Hold one lock",),
    ),
    "calls of a pool": Told(
        f"{ADD}with plait.Pool('thread') as pool:\n    list(pool.map(add, [1, 2, 3]))\n{SIX}", LOST, ("Hold one lock",)
    ),
    "a map of coroutines": Told(
        f"{ADD}list(plait.map(add_soon, [1, 2, 3], workers=3))\n{SIX}", LOST, ("Put no `await` between", "plait-async-")
    ),
    "a map of coroutines in a loop": Told(
        f"""{ADD}
async def main():
    async for _ in plait.map(add_soon, [1, 2, 3], workers=3): pass
asyncio.run(main())
{SIX}""",
        LOST,
        ("Put no `await` between", "plait-async-"),
    ),
    "locks in two orders in a scope": Told(
        """
import plait, threading
a, b = threading.Lock(), threading.Lock()
def one():
    with a:
        with b: pass
def two():
    with b:
        with a: pass
with plait.scope() as s:
    s.submit(one)
    s.submit(two)
""",
        "Deadlock of plait-thread-1 and plait-thread-2",
        ("`a` before `b`",),
    ),
    "a channel that nobody closes": Told(
        """
import plait
def produce(items):
    for n in range(2): items.put(n)
with plait.scope() as s:
    items = plait.channel(1)
    s.submit(produce, items)
    for item in items: pass
""",
        "Nothing will come: items",
        ("nobody who is left will put one, or close it", "`with items:` in the only one"),
    ),
    "a channel that nobody empties": Told(
        """
import plait
items = plait.channel(1)
with plait.scope() as s:
    s.submit(lambda: [items.put(n) for n in range(3)])
    s.submit(items.get)
""",
        "Nothing will come: items",
        ("waits for room in `items`", "the tasks of a scope"),
    ),
    "a channel that tasks wait at": Told(
        """
import asyncio, plait
async def main():
    items = plait.channel(1)
    async with plait.scope() as s:
        s.submit(items.aput, 1)
        async for item in items: pass
asyncio.run(main())
""",
        "Nothing will come: items",
        ("nobody who is left will put one, or close it",),
    ),
    "a channel that two producers close": Told(
        """
import plait
def produce(items):
    with items:
        for n in range(2): items.put(n)
with plait.scope() as s:
    items = plait.channel(1)
    s.submit(produce, items)
    s.submit(produce, items)
    list(items)
""",
        "Used after its end: items",
        ("at the end of the block", "Close `items` once"),
    ),
    "a channel that another task closes": Told(
        """
import plait
with plait.scope() as s:
    items = plait.channel(3)
    s.submit(lambda: items.put(1))
    s.submit(lambda: items.close())
""",
        "Used after its end: items",
        ("items.close()",),
    ),
    "calls of a pool that nobody wakes": Told(
        """
import plait, threading
opened = threading.Event()
def work(): opened.wait()
with plait.Pool("thread", workers=2) as pool:
    calls = [pool.submit(work), pool.submit(work)]
    calls[0].result()
    calls[1].result(3)
""",
        "Nobody will wake it: opened",
        ("waits for `opened` in line 4", "not holds it already"),
    ),
    "an update that nobody asks for": Told(
        f"{ADD}pool = plait.Pool('thread', workers=2)\nfor n in range(2): pool.submit(add, n)\n",  # at the end of it all
        LOST,
        ("reads `total['n']` in line 5 and writes a new value", "in line 7", "did not notice"),
    ),
    "an update in threads that nobody asks for": Told(
        f"""{ADD}
def count():
    before = total["n"]
    total["n"] = before + 1
threads = [threading.Thread(target=count) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
""",
        LOST,
        ("no lock and no order keeps them apart", "did not notice"),
    ),
    "items that wait for one another": Told(
        """
import plait, threading
barrier = threading.Barrier(6)
list(plait.map(lambda n: barrier.wait(), range(5), engine="thread", workers=6))
""",
        "A barrier that is short of threads: barrier",
        ("5 threads are",),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_told_what_it_is(name: str, tmp_path: Path) -> None:
    is_told(PROGRAMS[name], tmp_path)


def naps(seconds: float) -> None:
    """Sleep, but look now and then whether to go on: a thread that sleeps cannot be stopped."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not plait.current().cancelled:
        time.sleep(0.1)


def appends() -> None:
    found: list[int] = []
    list(plait.map(found.append, range(5), engine="thread"))
    assert sorted(found) == list(range(5))


def keeps_order() -> None:
    assert list(plait.map(lambda n: 2 * n, range(6))) == [0, 2, 4, 6, 8, 10]


def times_out() -> None:
    def slow(n: int) -> int:
        naps(10 if n == 1 else 0.1)
        return n

    outcomes = plait.map(slow, range(3), engine="thread", timeout=1).outcomes()
    assert [type(one.error).__name__ for one in outcomes] == ["NoneType", "TaskTimeout", "NoneType"]


def tries_again() -> None:
    seen: list[int] = []

    def flaky(n: int) -> int:
        seen.append(n)
        if seen.count(n) < 2:
            raise OSError(n)
        return n

    stream = plait.map(flaky, range(3), engine="thread", retry=plait.Retry(2, on=OSError, backoff=0.5))
    assert list(stream) == [0, 1, 2]


def takes_the_first() -> None:
    def ask(seconds: float) -> float:
        naps(seconds)
        return seconds

    with plait.scope() as s:
        assert s.first(ask, [3, 1, 2]) == 1


def as_completed() -> None:
    def sleeps(n: int) -> int:
        time.sleep(3 - n)
        return n

    assert list(plait.map(sleeps, range(3), engine="thread", order="completion")) == [2, 1, 0]


def ends_at_its_deadline() -> None:
    with pytest.raises(TimeoutError), plait.scope(deadline=1) as s:
        s.submit(naps, 5)


def leaves_early() -> None:
    for value in plait.map(abs, iter(range(1000)), engine="thread"):
        if value == 3:
            break


def meets_at_a_barrier() -> None:
    """More threads are started where all that run wait, as many as wait for one another."""
    barrier = threading.Barrier(7)
    assert sorted(plait.map(lambda _: barrier.wait(), range(7), engine="thread")) == list(range(7))


def makes_nothing_of_what_it_has_read() -> None:
    """A value that is not made from the one that was read, and one that is put back as it was, lose nothing."""
    box = {"last": 0, "same": 1}

    def replace(n: int) -> int:
        before = box["last"]
        box["last"] = n
        same = box["same"]
        box["same"] = same
        other = before
        return other

    list(plait.map(replace, range(3), engine="thread"))


def hands_over_in_a_loop() -> None:
    async def main() -> list[int]:
        async with plait.scope() as s:
            items = plait.channel(1)

            async def produce() -> None:
                async with items:
                    for n in range(3):
                        await items.aput(n)

            s.submit(produce)
            return [item async for item in items]

    assert asyncio.run(main()) == [0, 1, 2]


def takes_the_only_one_that_succeeds() -> None:
    """Whoever sees that no other is left sees who has won, too."""

    def fails_but_once(n: int) -> int:
        if n < 2:
            raise OSError(n)
        return n

    with plait.scope() as s:
        assert s.first(fails_but_once, [0, 1, 2]) == 2


def nests() -> None:
    assert list(plait.map(lambda n: sum(plait.map(abs, range(n))), range(4))) == [0, 0, 1, 3]


def shares_a_channel() -> None:
    with plait.scope() as s:
        items = plait.channel(1)
        halves = [s.submit(list, items) for _ in range(2)]
        for n in range(4):
            items.put(n)
        items.close()
    assert sorted(halves[0].result() + halves[1].result()) == [0, 1, 2, 3]


def pulls_its_input_by_one_at_a_time() -> None:
    lock = threading.Lock()

    def counts() -> Iterator[int]:
        for n in range(6):
            assert lock.acquire(blocking=False)
            time.sleep(0.01)
            lock.release()
            yield n

    assert list(plait.map(abs, counts(), engine="thread", workers=3)) == list(range(6))


def calls_back() -> None:
    found: queue.Queue[int] = queue.Queue()
    with plait.Pool("thread", workers=2) as pool:
        for n in range(3):
            pool.submit(abs, n).add_done_callback(lambda future: found.put(future.result()))
    assert sorted(found.get() for _ in range(3)) == [0, 1, 2]


RIGHT = (
    takes_the_only_one_that_succeeds,
    nests,
    shares_a_channel,
    pulls_its_input_by_one_at_a_time,
    calls_back,
    appends,
    keeps_order,
    times_out,
    tries_again,
    takes_the_first,
    as_completed,
    ends_at_its_deadline,
    leaves_early,
    meets_at_a_barrier,
    makes_nothing_of_what_it_has_read,
    hands_over_in_a_loop,
)


@pytest.mark.parametrize("test", RIGHT, ids=lambda test: test.__name__)
def test_what_is_right_passes(test: Callable[[], None]) -> None:
    """And nothing is remarked about plait's own locks."""
    seen = plait.check(test, runs=30, seconds=30)
    assert "worth a look" not in str(seen)
