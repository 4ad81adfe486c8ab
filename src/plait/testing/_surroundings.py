"""The part of the contract about what is around a map: other maps, threads, event loops, pools, context."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import os
import threading
from concurrent.futures import as_completed, wait

import plait
from plait._engines.table import ENGINES
from plait.testing._functions import (
    PATIENCE,
    SlowToLoad,
    double,
    fail_at_three,
    forever,
    inner_sum,
    is_there,
    marks,
    meet,
    read_variable,
    same,
    variable,
    wait_for,
    where,
)
from plait.testing._support import ContractBase, raises


class SurroundingsContract(ContractBase):
    """A map among other things."""

    def test_context_variables_are_copied_at_the_call(self) -> None:
        if not self.shares_memory:
            return
        with self.engine() as engine:
            stream = contextvars.copy_context().run(_map_with_variable, engine)
            assert set(stream) == {"at the call"}
            assert variable.get() == "unset"

    def test_where_an_item_runs(self) -> None:
        with self.engine() as engine:
            pids = {found[3] for found in plait.map(where, range(50), engine=engine)}
            here = self.shares_memory if self.shares_process is None else self.shares_process
            assert (os.getpid() in pids) is here

    def test_current_is_for_tasks(self) -> None:
        with self.engine() as engine:
            assert list(plait.map(double, range(3), engine=engine)) == [0, 2, 4]
            with raises(LookupError):
                plait.current()

    def test_maps_inside_maps(self) -> None:
        with self.engine() as engine:
            items = [(engine.name if engine.name in ENGINES else "inline", n) for n in range(6)]
            expected = [n * (n - 1) for n in range(6)]
            assert list(plait.map(inner_sum, items, engine=engine, workers=2)) == expected

    def test_maps_inside_maps_on_the_same_engine(self) -> None:
        if not self.shares_memory:
            return
        with self.engine() as engine:

            def total(depth: int) -> int:
                return 1 if depth == 0 else sum(plait.map(total, [depth - 1] * 3, engine=engine, workers=2))

            assert list(plait.map(total, [2, 1, 0], engine=engine, workers=2)) == [9, 3, 1]

    def test_maps_from_many_threads_at_once(self) -> None:
        found: dict[int, int] = {}
        with self.engine() as engine:

            def one(number: int) -> None:
                found[number] = sum(plait.map(double, range(number, number + 300), engine=engine, workers=2))

            threads = [threading.Thread(target=one, args=(number,)) for number in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert found == {number: sum(range(2 * number, 2 * (number + 300), 2)) for number in range(10)}

    def test_two_maps_in_turn_in_one_thread(self) -> None:
        with self.engine() as engine:
            first = plait.map(double, itertools.count(), engine=engine)
            second = plait.map(same, itertools.count(), engine=engine)
            with first, second:
                for number, (a, b) in enumerate(itertools.islice(zip(first, second, strict=False), 2000)):
                    assert (a, b) == (2 * number, number)

    def test_async_iteration(self) -> None:
        async def main() -> None:
            found = [value async for value in plait.map(double, range(500), engine=engine)]
            assert found == list(range(0, 1000, 2))
            outcomes = [outcome async for outcome in plait.map(fail_at_three, range(6), engine=engine).outcomes()]
            assert [outcome.ok for outcome in outcomes] == [True, True, True, False, True, True]
            with raises(ValueError):
                async for _ in plait.map(fail_at_three, range(6), engine=engine):
                    pass

        with self.engine() as engine:
            asyncio.run(main())

    def test_async_iteration_leaves_the_loop_free_and_can_be_cancelled(self) -> None:
        if not self.stops_items:
            return

        async def consume(path: str) -> None:
            async for _ in plait.map(forever, [("forever", path)], engine=engine):
                pass

        async def main(path: str) -> None:
            task = asyncio.create_task(consume(path))
            await asyncio.to_thread(wait_for, path)
            task.cancel()
            with raises(asyncio.CancelledError):
                await task

        with self.folder() as folder, self.engine() as engine:
            asyncio.run(main(f"{folder}/began"))

    def test_a_pool_over_the_engine(self) -> None:
        with self.engine() as engine, plait.Pool(engine, workers=self.workers) as pool:
            futures = [pool.submit(self.of(pow), 2, n) for n in range(100)]
            assert [future.result() for future in futures] == [2**n for n in range(100)]
            assert len(list(as_completed(futures))) == 100
            with raises(ValueError):
                pool.submit(self.of(fail_at_three), 3).result()
            assert list(pool.map(self.of(double), range(50), chunksize=7)) == list(range(0, 100, 2))
            assert list(plait.map(double, range(50), engine=pool)) == list(range(0, 100, 2))

    def test_a_pool_runs_as_many_calls_at_once_as_it_has_workers(self) -> None:
        with self.folder() as folder, self.engine() as engine, plait.Pool(engine, workers=self.workers) as pool:
            calls = [pool.submit(self.of(meet), (folder, number, self.workers)) for number in range(self.workers)]
            assert sorted(future.result() for future in calls) == list(range(self.workers))

    def test_a_pool_gives_each_result_as_soon_as_it_is_there(self) -> None:
        """The calls behind wait for something that is done only after the results before them were seen."""
        with self.folder() as folder, self.engine() as engine, plait.Pool(engine, workers=1) as pool:
            quick = [pool.submit(self.of(double), n) for n in range(50)]
            last = pool.submit(self.of(wait_for), f"{folder}/seen")
            assert [future.result() for future in quick] == list(range(0, 100, 2))
            open(f"{folder}/seen", "w").close()
            last.result()

    def test_what_is_slow_to_unpickle_is_unpickled_once(self) -> None:
        """Although there are workers with nothing to do that could take it over."""
        with self.folder() as folder, self.engine() as engine, plait.Pool(engine, workers=self.workers) as pool:
            pool.submit(self.of(is_there), SlowToLoad(f"{folder}/loaded")).result(PATIENCE)
            assert marks(f"{folder}/loaded") == (0 if self.shares_memory else 1)

    def test_a_map_and_a_pool_share_an_engine(self) -> None:
        with self.engine() as engine, plait.Pool(engine, workers=self.workers) as pool:
            futures = [pool.submit(self.of(double), n) for n in range(100)]
            assert list(plait.map(double, range(500), engine=engine)) == list(range(0, 1000, 2))
            done, pending = wait(futures)
            assert not pending
            assert sorted(future.result() for future in done) == list(range(0, 200, 2))


def _map_with_variable(engine: plait.engines.Engine) -> plait.Stream[str]:
    variable.set("at the call")
    return plait.map(read_variable, range(1), engine=engine)
