"""What does `plait.map` on threads cost per item, against a list comprehension and other thread pools?

Run: python bench/thread_noops.py
"""

from __future__ import annotations

from functools import partial

from _peers import EAGER, THREADS
from _rounds import Map, Rounds
from _table import Table
from _work import same, spin

import plait

ITEMS = range(1_000_000)
FEW = range(5_000)  # for those that need tens of microseconds per item
LOOPS = range(100_000)


def main() -> None:
    with Rounds() as rounds:
        rounds.add("comprehension", lambda: [same(x) for x in ITEMS])
        rounds.add("plait", lambda: list(plait.map(same, ITEMS, engine="thread")))
        rounds.add("plait, as completed", lambda: list(plait.map(same, ITEMS, engine="thread", order="completion")))
        rounds.add("plait, generator", lambda: list(plait.map(same, iter(ITEMS), engine="thread")))
        rounds.add("comprehension, abs", lambda: [abs(x) for x in ITEMS])
        rounds.add("plait, abs", lambda: list(plait.map(abs, ITEMS, engine="thread")))
        for peer, opened in THREADS.items():
            items = ITEMS if peer in EAGER else FEW
            rounds.add_peer(peer, partial(opened, 2), partial(_run, same, items), scale=len(ITEMS) / len(items))
        rounds.add("loops", lambda: [spin(x) for x in LOOPS])
        rounds.add("plait, loops", lambda: list(plait.map(spin, LOOPS, engine="thread")))
        rounds.add_peer("pool, loops", partial(THREADS["ThreadPool.map"], 2), partial(_run, spin, LOOPS))
        took = rounds.run(7)
    table = Table("threads, functions that do nothing")
    floor = took["comprehension"]
    table.add("1M no-ops, in order", "comprehension", floor, took["plait"], 1.3)
    table.add("1M no-ops, as completed", "comprehension", floor, took["plait, as completed"], 1.3)
    table.add("1M no-ops from a generator", "comprehension", floor, took["plait, generator"])
    table.add("1M calls of abs", "comprehension", took["comprehension, abs"], took["plait, abs"], 1.3)
    for peer in THREADS:
        table.add("1M no-ops", peer, took[peer], took["plait"], 1.0)
    table.add("100k Python loops of 2 us", "comprehension", took["loops"], took["plait, loops"], 1.05)
    table.add("100k Python loops of 2 us", "ThreadPool.map", took["pool, loops"], took["plait, loops"], 1.0)
    table.show()


def _run(fn: object, items: object, peer: Map) -> object:
    return peer(fn, items)  # type: ignore[arg-type]  # whatever is mapped


if __name__ == "__main__":
    main()
