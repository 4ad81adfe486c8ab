"""The part of the contract about failures: errors, outcomes, retries, timeouts, inputs that raise."""

from __future__ import annotations

import asyncio
import dis
import itertools
import linecache
import time
import traceback
from collections.abc import Generator, Iterator
from typing import TypeVar

import plait
from plait import Stream
from plait._engines.interface import Engine
from plait.errors import NotTransferable, RemoteError, TaskTimeout, outcome_of
from plait.testing._awaiting import napping
from plait.testing._functions import (
    Abort,
    OddError,
    SilentError,
    caused,
    double,
    fail_at_three,
    fail_until,
    forever,
    marks,
    raise_kind,
    returns_lambda,
    same,
    wait_unless_plain,
    where,
)
from plait.testing._support import ContractBase, raises

R = TypeVar("R")


class FailuresContract(ContractBase):
    """What becomes of what goes wrong."""

    def test_an_error_carries_its_item(self) -> None:
        with self.engine() as engine:
            with raises(ValueError) as caught:
                list(plait.map(fail_at_three, range(10), engine=engine))
            error = caught[0]
            outcome = outcome_of(error)
            assert str(error) == "no 3"
            assert outcome is not None
            assert (outcome.index, outcome.input, outcome.attempts, outcome.ok) == (3, 3, 1, False)
            assert any("item 3" in note for note in error.__notes__)

    def test_the_text_of_a_traceback_shows_the_line_that_raised(self) -> None:
        with self.engine() as engine:
            with raises(ValueError) as caught:
                list(plait.map(fail_at_three, [3], engine=engine))
            assert 'raise ValueError(f"no {x}")' in "".join(traceback.format_exception(caught[0]))

    def test_an_entry_of_a_traceback_is_at_an_instruction_and_at_its_columns(self) -> None:
        with self.engine() as engine:
            with raises(ValueError) as caught:
                list(plait.map(fail_at_three, [3], engine=engine))
            trace = caught[0].__traceback__
            while trace is not None:
                last = trace
                offsets = {one.offset for one in dis.get_instructions(last.tb_frame.f_code)}
                assert last.tb_lasti in offsets, last.tb_frame  # IPython looks for it, for ever if it is not there
                trace = trace.tb_next
            entry = traceback.extract_tb(last)[-1]
            text = linecache.getline(entry.filename, entry.lineno or 0)
            assert text[entry.colno : entry.end_colno] == 'raise ValueError(f"no {x}")'

    def test_values_before_the_failure_are_delivered(self) -> None:
        with self.engine() as engine:
            found: list[int] = []
            with raises(ValueError):
                for value in plait.map(fail_at_three, range(10), engine=engine, workers=1):
                    found.append(value)
            assert found == [0, 1, 2]

    def test_a_failure_is_raised_although_an_earlier_item_still_runs(self) -> None:
        if self.workers == 1 or not self.stops_items:
            return
        with self.engine() as engine:
            with self.folder() as folder, raises(ValueError):
                list(_forever_and_fail(folder, engine))
            with self.folder() as folder, raises(ValueError):
                asyncio.run(_awaited(_forever_and_fail(folder, engine)))

    def test_a_cause_is_kept(self) -> None:
        with self.engine() as engine:
            with raises(KeyError) as caught:
                list(plait.map(caused, [3], engine=engine))
            assert "no 3" in "".join(traceback.format_exception(caught[0]))

    def test_outcomes_give_every_failure_as_a_value(self) -> None:
        with self.engine() as engine:
            before = time.time()
            outcomes = list(plait.map(fail_at_three, range(6), engine=engine).outcomes())
            after = time.time()
            assert [outcome.index for outcome in outcomes] == list(range(6))
            assert [outcome.input for outcome in outcomes] == list(range(6))
            assert [outcome.ok for outcome in outcomes] == [True, True, True, False, True, True]
            assert [outcome.value for outcome in outcomes] == [0, 1, 2, None, 4, 5]
            assert isinstance(outcomes[3].error, ValueError)
            for outcome in outcomes:
                assert outcome.attempts == 1
                assert outcome.worker
                assert before - 0.1 <= outcome.started <= outcome.ended <= after + 0.1

    def test_unusual_exceptions_belong_to_their_item(self) -> None:
        kinds = [
            "fine",
            "exit",
            "stop",
            "generator-exit",
            "abort",
            "odd",
            "silent",
            "group",
            "recursion",
            "timeout",
            "cancelled",
            "fine",
        ]
        expected = {
            "exit": SystemExit, "stop": StopIteration, "generator-exit": GeneratorExit, "abort": Abort, "odd": OddError,
            "silent": SilentError, "group": ExceptionGroup, "recursion": RecursionError, "timeout": TimeoutError,
            "cancelled": plait.errors.Cancelled,
        }  # fmt: skip
        if self.awaits:
            expected["stop"] = RuntimeError  # what a StopIteration becomes that leaves a coroutine: PEP 479
        with self.engine() as engine:
            for outcome in plait.map(raise_kind, kinds, engine=engine).outcomes():
                kind = outcome.input
                if kind == "fine":
                    assert outcome.value == "fine"
                elif isinstance(outcome.error, RemoteError) and not self.shares_memory:
                    assert outcome.error.type_name.endswith(expected[kind].__name__)
                else:
                    assert type(outcome.error) is expected[kind], (kind, outcome.error)

    def test_no_exception_of_the_function_ends_the_iteration_silently(self) -> None:
        with self.engine() as engine:
            for kind in ("exit", "stop", "generator-exit", "abort", "silent"):
                with raises(BaseException) as caught:
                    list(plait.map(raise_kind, ["fine", kind, "fine"], engine=engine))
                assert any("item 1, " in note for note in caught[0].__notes__)
            assert list(plait.map(double, range(3), engine=engine)) == [0, 2, 4]

    def test_what_was_computed_is_not_lost_to_an_error(self) -> None:
        with self.engine() as engine:
            stream = plait.map(fail_at_three, range(20), engine=engine)
            found: dict[int, int] = {}
            with raises(ValueError):
                for value in stream:
                    found[value] = found.get(value, 0) + 1
            for outcome in stream.outcomes():
                if outcome.ok:
                    found[outcome.index] = found.get(outcome.index, 0) + 1
                else:
                    assert outcome.index == 3 or isinstance(outcome.error, plait.errors.Cancelled)
            assert 3 not in found
            assert set(found.values()) <= {1}
            assert {0, 1, 2} <= set(found) or self.workers > 1

    def test_an_input_that_raises_ends_the_map_after_what_was_pulled(self) -> None:
        with self.engine() as engine:
            found: list[int] = []
            with raises(LookupError) as caught:
                for value in plait.map(double, _broken_input(25), engine=engine):
                    found.append(value)
            assert found == [double(n) for n in range(25)]
            assert str(caught[0].args[0]) == "the input broke"

    def test_an_input_that_raises_at_once(self) -> None:
        with self.engine() as engine:
            for order in ("input", "completion"):
                with raises(LookupError):
                    list(plait.map(double, _broken_input(0), engine=engine, order=order))

    def test_nothing_is_run_twice_without_retry(self) -> None:
        with self.folder() as folder, self.engine() as engine:
            items = [(f"{folder}/{n}", 1) for n in range(20)]
            outcomes = list(plait.map(fail_until, items, engine=engine).outcomes())
            assert all(isinstance(outcome.error, ConnectionError) for outcome in outcomes)
            assert [marks(path) for path, _ in items] == [1] * 20

    def test_retry_runs_failed_items_again_and_no_others(self) -> None:
        with self.folder() as folder, self.engine() as engine:
            items = [(f"{folder}/{n}", n % 3) for n in range(12)]
            stream = plait.map(fail_until, items, engine=engine, retry=2)
            outcomes = list(stream.outcomes())
            assert [outcome.index for outcome in outcomes] == list(range(12))
            assert [outcome.value for outcome in outcomes] == [n % 3 + 1 for n in range(12)]
            assert [outcome.attempts for outcome in outcomes] == [n % 3 + 1 for n in range(12)]
            assert [marks(path) for path, _ in items] == [n % 3 + 1 for n in range(12)]
            assert stream.report.retries == 12

    def test_retry_gives_up_with_the_last_error(self) -> None:
        with self.folder() as folder, self.engine() as engine:
            with raises(ConnectionError) as caught:
                list(plait.map(fail_until, [(f"{folder}/x", 9)], engine=engine, retry=plait.Retry(2, backoff=0.001)))
            assert str(caught[0]) == "attempt 3"
            outcome = outcome_of(caught[0])
            assert outcome is not None
            assert outcome.attempts == 3

    def test_retry_leaves_other_errors_alone(self) -> None:
        with self.folder() as folder, self.engine() as engine:
            with raises(ConnectionError):
                list(plait.map(fail_until, [(f"{folder}/x", 1)], engine=engine, retry=plait.Retry(5, on=ValueError)))
            assert marks(f"{folder}/x") == 1

    def test_a_timeout_stops_its_item_and_no_other(self) -> None:
        with self.folder() as folder, self.engine() as engine:
            items = [
                ("value", "a"),
                ("forever", f"{folder}/b"),
                ("value", "c"),
                ("forever", f"{folder}/d"),
                ("value", "e"),
            ]
            outcomes = list(plait.map(forever, items, engine=engine, timeout=0.2).outcomes())
            assert [outcome.value for outcome in outcomes] == ["a", None, "c", None, "e"]
            for outcome in (outcomes[1], outcomes[3]):
                assert isinstance(outcome.error, TaskTimeout)
                assert 0.15 < outcome.seconds < 5

    def test_a_timeout_counts_from_the_start_of_the_item(self) -> None:
        with self.engine() as engine:
            assert len(list(plait.map(_nap, range(12), engine=engine, workers=1, timeout=0.5))) == 12

    def test_a_timeout_error_of_the_function_stays_what_it_was(self) -> None:
        with self.engine() as engine:
            with raises(TimeoutError) as caught:
                list(plait.map(raise_kind, ["timeout"], engine=engine, timeout=20))
            assert type(caught[0]) is TimeoutError

    def test_what_cannot_cross_fails_its_item_only(self) -> None:
        with self.engine() as engine:
            locked = [1, open(__file__, "rb"), 3]  # noqa: SIM115  an open file cannot be pickled
            try:
                outcomes = list(plait.map(same, locked, engine=engine).outcomes())
            finally:
                locked[1].close()  # type: ignore[attr-defined]  # it is the file
            assert outcomes[0].value == 1
            assert outcomes[2].value == 3
            assert outcomes[1].ok if self.shares_memory else isinstance(outcomes[1].error, NotTransferable)

    def test_a_result_that_needs_to_go_by_value_crosses(self) -> None:
        with self.engine() as engine:
            found = list(plait.map(returns_lambda, range(3), engine=engine))
            assert found[0] == 0
            assert found[1]() == 1  # type: ignore[operator]  # it is a function
            assert found[2] == 2

    def test_an_engine_works_on_after_failures(self) -> None:
        with self.engine() as engine:
            for _ in range(20):
                with raises(ValueError):
                    list(plait.map(fail_at_three, range(50), engine=engine))
                assert list(plait.map(double, range(5), engine=engine)) == [0, 2, 4, 6, 8]

    def test_task_is_named_in_every_attempt(self) -> None:
        with self.engine() as engine:
            for index, found in enumerate(plait.map(where, range(30), engine=engine)):
                assert found[:2] == (index, 1)
                assert found[2]


def _forever_and_fail(folder: str, engine: Engine) -> Stream[str]:
    items = [("forever", f"{folder}/began"), ("fail", f"{folder}/began")]
    return plait.map(_wait_or_fail, items, engine=engine, workers=2)


async def _awaited(stream: Stream[R]) -> list[R]:
    return [value async for value in stream]


@napping
def _wait_or_fail(item: tuple[str, str]) -> Generator[None, None, str]:
    if item[0] == "fail":
        yield from wait_unless_plain.steps(("wait", item[1]))
        raise ValueError("failed early")
    return (yield from forever.steps(item))


@napping
def _nap(x: int) -> Generator[None, None, int]:
    end = time.monotonic() + 0.08
    while time.monotonic() < end:
        yield
    return x


def _broken_input(good: int) -> Iterator[int]:
    yield from itertools.islice(itertools.count(), good)
    raise LookupError("the input broke")
