"""Threads that use one process pool in every way at the same time, as a web server does: each gets its results.

``PLAIT_TORTURE=200 pytest tests/torture/test_shared_pool.py`` tries 200 such crowds; ``PLAIT_SEED=17`` that one.
"""

from __future__ import annotations

import os
import random
import threading
import time

import pytest

import plait

ROUNDS = int(os.environ.get("PLAIT_TORTURE", "2"))
SEED = os.environ.get("PLAIT_SEED")
PATIENCE = 60.0
KINDS = 12 * ("quick",) + 4 * ("brief", "raises", "dies")
pytestmark = [pytest.mark.timeout(90 + ROUNDS), pytest.mark.usefixtures("nothing_left")]

Item = tuple[str, int]


def work(item: Item) -> int:
    kind, number = item
    if kind == "dies":
        os._exit(3)
    if kind == "raises":
        raise ValueError(number)
    if kind == "brief":
        time.sleep(0.005)
    return number


class Client:
    """One of those threads."""

    def __init__(self, pool: plait.Pool, seed: int) -> None:
        self._pool = pool
        self._random = random.Random(seed)
        self.error: BaseException | None = None

    def run(self) -> None:
        ways = (self.maps, self.leaves, self.calls, self.calls_within_a_loop)
        try:
            for _ in range(8):
                self._random.choice(ways)()
        except BaseException as error:
            self.error = error

    def maps(self) -> None:
        items = self._items(KINDS)
        outcomes = list(plait.map(work, items, engine=self._pool).outcomes())
        ended = [(outcome.error is None, outcome.value) for outcome in outcomes]
        assert ended == [(True, n) if kind in ("quick", "brief") else (False, None) for kind, n in items]

    def leaves(self) -> None:
        for number, value in enumerate(plait.map(work, self._items(("quick", "brief")), engine=self._pool)):
            assert value == number
            if self._random.random() < 0.2:
                return

    def calls(self) -> None:
        items = self._items(KINDS)
        futures = [self._pool.submit(work, item) for item in items]
        for future, (kind, number) in zip(futures, items, strict=True):
            error = future.exception(PATIENCE)
            assert (error is None) == (kind in ("quick", "brief"))
            assert error is not None or future.result() == number

    def calls_within_a_loop(self) -> None:
        for value in plait.map(work, self._items(("quick",)), engine=self._pool):
            assert self._pool.submit(work, ("quick", value)).result(PATIENCE) == value

    def _items(self, kinds: tuple[str, ...]) -> list[Item]:
        return [(self._random.choice(kinds), number) for number in range(self._random.choice((1, 1, 3, 15)))]


@pytest.mark.parametrize("seed", [int(SEED)] if SEED else range(ROUNDS))
def test_a_crowd(seed: int) -> None:
    with plait.Pool("process", workers=1 + seed % 3) as pool:
        clients = [Client(pool, 100 * seed + number) for number in range(6)]
        threads = [threading.Thread(target=client.run) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [client.error for client in clients] == 6 * [None]
