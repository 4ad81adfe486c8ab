"""The part of the contract about values: order, laziness, bounds, sizes."""

from __future__ import annotations

import itertools
import operator
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import plait
from plait.testing._functions import alone, double, meet, same, wait_unless_plain
from plait.testing._support import ContractBase

_AHEAD = 300_000  # items of no cost that may be pulled ahead of the consumer: constant, whatever the length


class ValuesContract(ContractBase):
    """What a map gives, and how far it looks ahead."""

    def test_plan_has_workers_and_a_reason(self) -> None:
        with self.engine() as engine:
            for requested, items in [(None, None), (1, None), (2, 100), (None, 1), (None, 0)]:
                plan = engine.plan(requested, items)
                assert plan.workers >= 1
                assert plan.reason
                assert requested is None or plan.workers <= requested

    def test_values_come_in_input_order(self) -> None:
        with self.engine() as engine:
            for workers in (1, 2, self.workers, None):
                assert list(plait.map(double, range(1000), engine=engine, workers=workers)) == list(range(0, 2000, 2))

    def test_completion_order_gives_every_value_once(self) -> None:
        with self.engine() as engine:
            found = list(plait.map(double, range(1000), engine=engine, order="completion"))
            assert sorted(found) == list(range(0, 2000, 2))

    def test_completion_order_does_not_wait_for_a_slow_item(self) -> None:
        if self.workers == 1:
            return
        with self.folder() as folder, self.engine() as engine:
            items = [("wait", f"{folder}/go"), *[("value", str(n)) for n in range(5)]]
            stream = plait.map(wait_unless_plain, items, engine=engine, workers=2, order="completion")
            assert sorted(itertools.islice(stream, 5)) == ["0", "1", "2", "3", "4"]
            open(f"{folder}/go", "w").close()
            assert list(stream) == [f"{folder}/go"]

    def test_a_slow_item_does_not_hold_back_those_behind_it(self) -> None:
        """Many quick items make large batches; the slow one among them waits for the last item to be run."""
        if self.workers == 1:
            return
        with self.folder() as folder, self.engine() as engine:
            items = [("value", "x")] * 5000 + [("wait", f"{folder}/met-0")] + [("value", "x")] * 3000
            calls = itertools.chain(items, _touching(folder))
            found = list(plait.map(wait_unless_plain, calls, engine=engine, workers=2))
            assert len(found) == 8001

    def test_others_go_on_while_the_consumer_waits_for_one(self) -> None:
        """Items that fill a batch each, and the first waits until forty times as many as workers have been taken."""
        if self.workers == 1:
            return
        with self.folder() as folder, self.engine() as engine:
            items = [("wait", f"{folder}/met-0")] + [("nap", "6")] * 80
            stream = plait.map(wait_unless_plain, itertools.chain(items, _touching(folder)), engine=engine, workers=2)
            assert list(stream) == [what for _, what in items]

    def test_no_more_items_run_at_once_than_there_are_workers(self) -> None:
        """Nor where they are so cheap that the next ones lie ready for whoever has nothing to do."""
        with self.folder() as folder, self.engine() as engine:
            assert all(plait.map(alone, [f"{folder}/in"] * 3000, engine=engine, workers=1))

    def test_as_many_items_run_at_once_as_there_are_workers(self) -> None:
        with self.folder() as folder, self.engine() as engine:
            items = [(folder, number, self.workers) for number in range(self.workers)]
            assert list(plait.map(meet, items, engine=engine, workers=self.workers)) == list(range(self.workers))

    def test_nothing_happens_before_the_first_value_is_asked_for(self) -> None:
        pulled: list[int] = []
        with self.engine() as engine:
            stream = plait.map(double, _noting(range(3), pulled), engine=engine)
            assert pulled == []
            assert list(stream) == [0, 2, 4]

    def test_results_do_not_wait_for_an_input_that_takes_its_time(self) -> None:
        pulled: list[int] = []
        ahead: list[int] = []  # of each result: how many items had been pulled after its own
        with self.engine() as engine:
            assert list(plait.map(double, [1], engine=engine, workers=1)) == [2]  # its workers are there now
            stream = plait.map(double, _slowly(range(8), pulled), engine=engine, workers=1)
            ahead.extend(len(pulled) - 1 - result // 2 for result in stream)
        assert len(ahead) == 8
        assert sum(each > 2 for each in ahead) <= 2, ahead  # on a busy machine one may be late

    def test_an_endless_input_is_pulled_in_constant_space(self) -> None:
        pulled = itertools.count()
        with self.engine() as engine:
            endless: Iterator[Any] = zip(pulled)
            with plait.map(double, endless, engine=engine) as stream:
                pass
            numbers = _Counted()
            with plait.map(double, numbers, engine=engine, workers=self.workers) as stream:
                for consumed, _ in enumerate(itertools.islice(stream, 400_000)):
                    if consumed % 10_000 == 0:
                        assert numbers.given - consumed < _AHEAD

    def test_an_input_iterator_never_leaves_the_thread_that_iterates(self) -> None:
        threads: set[int] = set()
        with self.engine() as engine:
            assert sum(plait.map(double, _in_threads(2000, threads), engine=engine)) == 2000 * 1999
        assert threads == {threading.get_ident()}

    def test_empty_inputs(self) -> None:
        with self.engine() as engine:
            inputs: list[Iterable[object]] = [[], (), range(0), iter([]), {}, ""]
            for empty in inputs:
                assert list(plait.map(same, empty, engine=engine)) == []
                assert list(plait.map(same, empty, engine=engine).outcomes()) == []

    def test_one_item(self) -> None:
        with self.engine() as engine:
            assert list(plait.map(double, [21], engine=engine)) == [42]
            assert list(plait.map(double, iter([21]), engine=engine, workers=1)) == [42]

    def test_many_more_workers_than_items(self) -> None:
        with self.engine() as engine:
            assert list(plait.map(double, [1, 2], engine=engine, workers=50)) == [2, 4]

    def test_several_iterables_end_with_the_shortest(self) -> None:
        with self.engine() as engine:
            found = list(plait.map(pow, [2, 3, 4], itertools.count(1), range(5, 100), engine=engine))
            assert found == [pow(2, 1, 5), pow(3, 2, 6), pow(4, 3, 7)]

    def test_every_kind_of_value_comes_back_equal(self) -> None:
        values: list[object] = [
            None,
            False,
            0,
            "",
            b"",
            [],
            {},
            "ü\ud800",
            1 << 4000,
            float("inf"),
            {1: [2, (3, {4})]},
            b"x" * 3_000_000,
        ]
        with self.engine() as engine:
            assert list(plait.map(same, values, engine=engine)) == values

    def test_a_mutable_argument_comes_back_equal_many_times(self) -> None:
        items = [bytearray(b"%d" % n * 10_000) for n in range(40)]
        with self.engine() as engine:
            assert [bytes(x) for x in plait.map(same, items, engine=engine)] == [bytes(x) for x in items]  # type: ignore[call-overload]  # bytes-like

    def test_the_length_is_known_when_the_input_knows_it(self) -> None:
        with self.engine() as engine, plait.map(double, range(7), engine=engine) as stream:
            assert operator.length_hint(stream, -1) == 7
            assert list(stream) == [double(n) for n in range(7)]

    def test_lambdas_and_closures_are_functions(self) -> None:
        offset = 5
        with self.engine() as engine:
            assert list(plait.map(lambda x: x + offset, range(3), engine=engine)) == [5, 6, 7]


class _Counted(Iterator[int]):
    """The numbers from 0, and how many were asked for."""

    def __init__(self) -> None:
        self.given = 0

    def __next__(self) -> int:
        self.given += 1
        return self.given - 1


def _noting(items: range, pulled: list[int]) -> Iterator[int]:
    for item in items:
        pulled.append(item)
        yield item


def _slowly(items: range, pulled: list[int]) -> Iterator[int]:
    for item in items:
        time.sleep(0.05)  # stands for a server that answers, or a person that types
        pulled.append(item)
        yield item


def _in_threads(items: int, threads: set[int]) -> Iterator[int]:
    for item in range(items):
        threads.add(threading.get_ident())
        yield item


def _touching(folder: str) -> Iterator[tuple[str, str]]:
    """Once the input has been pulled to here, the slow item may go on."""
    open(f"{folder}/met-0", "w").close()
    yield from ()
