"""What does `plait.map` on two processes cost per item, against a plain loop and other process pools?

Run: python bench/process_noops.py
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from _peers import EAGER, PROCESSES
from _rounds import Map, Rounds
from _table import Table
from _work import same

import plait

RANGE = range(1_000_000)
ITEMS = list(RANGE)
FEW = ITEMS[:4_000]  # for those that need tens of microseconds per item
MORE = ITEMS[:40_000]  # for those that make batches by themselves


def main() -> None:
    with Rounds() as rounds:
        peers = {peer: ITEMS if peer in EAGER else MORE if peer in ("joblib", "mpire") else FEW for peer in PROCESSES}
        for peer, items in peers.items():
            scale = len(ITEMS) / len(items)
            rounds.add_peer(peer, partial(PROCESSES[peer], 2), partial(_run, items), scale=scale)
        with plait.Pool("process", workers=2) as ours:
            rounds.add("loop", lambda: [same(x) for x in ITEMS])
            rounds.add("plait", lambda: list(plait.map(same, ITEMS, engine=ours)))
            rounds.add("plait, range", lambda: list(plait.map(same, RANGE, engine=ours)))
            rounds.add("plait, generator", lambda: list(plait.map(same, iter(ITEMS), engine=ours)))
            took = rounds.run(9)
    table = Table("processes, 1M functions that do nothing, 2 warm workers")
    table.add("a list", "loop", took["loop"], took["plait"], 2.2)
    table.add("a range", "loop", took["loop"], took["plait, range"], 1.3)
    table.add("a generator", "loop", took["loop"], took["plait, generator"])
    for peer in peers:
        table.add("a list", peer, took[peer], took["plait"], 1.0)
    table.show()


def _run(items: Sequence[int], peer: Map) -> object:
    return peer(same, items)


if __name__ == "__main__":
    main()
