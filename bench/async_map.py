"""What does `plait.map` of a coroutine function cost, against awaiting in a loop and other ways to limit concurrency?

Each round calls the map from sync code, event loop included; "in a loop" is ours iterated with `async for`.

Run: python bench/async_map.py
"""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from _async_peers import ASYNC, running, serial
from _rounds import Map, Rounds, Took
from _table import Table, constant
from _work import doze, give_way, same_async

import plait

LIMIT = 100
ITEMS = range(100_000)
FEW = range(10_000)  # for those that make a task for each item
DOZING = range(10_000)

Function = Callable[[int], Awaitable[int]]


def main() -> None:
    table = Table(f"coroutines, at most {LIMIT} at a time")
    took = measure(same_async, ITEMS, FEW)
    table.add("100k no-ops", "serial await", took["serial"], took["plait"], 2.0)
    table.add("100k no-ops, in a loop", "serial await", took["serial"], took["in a loop"])
    for peer in ASYNC:
        table.add("100k no-ops", peer, took[peer], took["plait"], 1.0)
    took = measure(give_way, FEW, FEW)
    table.add("10k sleep(0)", "serial await", took["serial"], took["plait"])
    table.add("10k sleep(0), in a loop", "serial await", took["serial"], took["in a loop"])
    for peer in ASYNC:
        table.add("10k sleep(0)", peer, took[peer], took["plait"], 1.0)
    took = measure(doze, DOZING, DOZING, floor=False)
    ideal = constant(len(DOZING) * 0.001 / LIMIT)
    table.add("10k sleeps of 1 ms", "ideal", ideal, took["plait"])
    table.add("10k sleeps of 1 ms, in a loop", "ideal", ideal, took["in a loop"])
    for peer in ASYNC:
        table.add("10k sleeps of 1 ms", peer, took[peer], took["plait"], 1.0)
    memory(table)
    table.show()


def measure(fn: Function, items: range, few: range, *, floor: bool = True) -> dict[str, Took]:
    with Rounds() as rounds:
        if floor:
            rounds.add_peer("serial", partial(running, serial, LIMIT), partial(_run, fn, items))
        rounds.add("plait", lambda: list(plait.map(fn, items, workers=LIMIT)))
        rounds.add("in a loop", lambda: asyncio.run(in_a_loop(fn, items)))
        for peer, opened in ASYNC.items():
            rounds.add_peer(peer, partial(opened, LIMIT), partial(_run, fn, few), scale=len(items) / len(few))
        return rounds.run(7)


async def in_a_loop(fn: Function, items: range) -> list[int]:
    return [value async for value in plait.map(fn, items, workers=LIMIT)]


def memory(table: Table) -> None:
    """The most memory that 100,000 items take which are not kept, and that ten times fewer take."""
    found = {}
    for items in (len(ITEMS) // 10, len(ITEMS)):
        gc.collect()
        tracemalloc.start()
        for _ in plait.map(give_way, range(items), workers=LIMIT):
            pass
        found[items] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    few, many = found.values()
    words = f"{many / 2**20:.2f} MiB for 100k items, {few / 2**20:.2f} MiB for 10k"
    table.add_fact("memory of sleep(0), limit 100", "plait", words, "+ 1 MiB", met=many <= few + 2**20)
    gc.collect()
    tracemalloc.start()
    with ASYNC["gather + Semaphore"](LIMIT) as peer:
        peer(give_way, range(len(ITEMS) // 10))  # type: ignore[arg-type]  # a coroutine function
    words = f"{tracemalloc.get_traced_memory()[1] / 2**20:.2f} MiB for 10k items"
    tracemalloc.stop()
    table.add_fact("memory of sleep(0), limit 100", "gather + Semaphore", words)


def _run(fn: Any, items: range, peer: Map) -> object:
    return peer(fn, items)


if __name__ == "__main__":
    main()
