"""The part of the contract about what a task knows and has: ``current``, ``per_worker``."""

from __future__ import annotations

import contextvars
import itertools
import os
import threading
import time
import warnings
from collections import Counter
from collections.abc import Generator, Iterator

import plait
from plait.testing._awaiting import napping
from plait.testing._functions import PATIENCE, mark, marks, wait_for, where
from plait.testing._stopping import cancel_when
from plait.testing._support import ContractBase, raises

Use = tuple[str, str, int, int]  # an instance and the one it uses, the process, the thread


class WorkersContract(ContractBase):
    """What a running function may rely on."""

    @property
    def _holders(self) -> int:
        """How many workers hold instances when all are busy: coroutines take turns in one thread, and share."""
        return 1 if self.awaits else self.workers

    @property
    def _another_in_turn(self) -> bool:
        """Whether another worker may run the next item although one runs at a time: an executor chooses."""
        return self.keeps_workers is True or not self.owns_workers

    # --- per_worker

    def test_a_worker_sets_up_once_and_tears_down_at_the_end(self) -> None:
        with self.folder() as folder, self.engine() as engine:
            uses = list(plait.map(use, [folder] * 60, engine=engine, workers=self.workers))
            engine.close()
            assert 1 <= len({pid_thread(found) for found in uses}) <= self.workers
            for found in {pid_thread(found) for found in uses}:
                assert len({each[:2] for each in uses if pid_thread(each) == found}) == 1
            assert balance(folder) == (len({each[0] for each in uses}), 0)

    def test_no_two_threads_share_an_instance(self) -> None:
        if self.workers == 1:
            return
        with self.folder() as folder, self.engine() as engine:
            items = [(folder, number, self.workers) for number in range(self.workers)]
            uses = list(plait.map(use_together, items, engine=engine, workers=self.workers))
            assert len({each[0] for each in uses}) == len({pid_thread(each) for each in uses}) == self._holders

    def test_what_is_set_up_first_is_torn_down_last(self) -> None:
        with self.folder() as folder, self.engine() as engine:
            uses = list(plait.map(use, [folder] * 20, engine=engine, workers=self.workers))
            engine.close()
            for outer, inner in {each[:2] for each in uses}:
                events = [name for name in history(folder) if name.split(" ")[1] in (outer, inner)]
                assert events == [f"up {inner}", f"up {outer}", f"down {outer}", f"down {inner}"]

    def test_tear_down_after_leaving_the_loop(self) -> None:
        with self.folder() as folder, self.engine() as engine:
            for _ in itertools.islice(plait.map(use, itertools.repeat(folder), engine=engine), 30):
                pass
            engine.close()
            up, left = balance(folder)
            assert up >= 1
            assert not left

    def test_tear_down_after_items_that_run_are_stopped(self) -> None:
        if not self.stops_items:
            return
        with self.folder() as folder, self.engine() as engine:
            began = [f"{folder}/began-{n}" for n in range(self.workers)]
            items = [(folder, path, self.workers == 1) for path in began]
            stream = plait.map(use_for_ever, items, engine=engine, workers=self.workers)
            canceller = threading.Thread(target=cancel_when, args=(stream, *began))
            canceller.start()
            with raises(plait.errors.Cancelled):
                list(stream)
            canceller.join()
            engine.close()
            assert balance(folder) == (self._holders, 0)

    def test_tear_down_after_an_error(self) -> None:
        with self.folder() as folder, self.engine() as engine:
            with raises(ValueError):
                list(plait.map(use_or_fail, [folder, folder, ""], engine=engine, workers=1))
            engine.close()
            up, left = balance(folder)
            assert 1 <= up <= 1 + self._another_in_turn
            assert not left

    def test_an_error_in_the_set_up_fails_its_item_and_the_next_tries_again(self) -> None:
        with self.folder() as folder, self.engine() as engine:
            items = [f"{folder}/attempts"] * 4
            outcomes = list(plait.map(use_late, items, engine=engine, workers=1).outcomes())
            assert [type(outcome.error) for outcome in outcomes] == [
                ConnectionError,
                ConnectionError,
                type(None),
                type(None),
            ]
            values = [outcome.value for outcome in outcomes]
            if self._another_in_turn:
                assert values in ([None, None, 3, 3], [None, None, 3, 4])
            else:
                assert values == [None, None, 3, 3]
            assert any("set-up of fails_twice()" in note for note in outcomes[0].error.__notes__)  # type: ignore[union-attr]  # it is an error

    def test_an_error_in_the_tear_down_is_told_and_the_others_are_torn_down(self) -> None:
        if not self.owns_workers:
            return
        with self.folder() as folder, self.engine() as engine, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            stream = plait.map(use_badly, [folder] * 5, engine=engine, workers=1)
            assert len(list(stream)) == 5
            engine.close()
            told = [str(warning.message) for warning in caught if issubclass(warning.category, RuntimeWarning)]
            assert len(told) == 1, told
            assert "tear-down of ends_badly()" in told[0]
            assert "OSError: bad end" in told[0]
            assert balance(folder) == (1, 0)

    def test_a_tear_down_may_use_plait(self) -> None:
        for leave in (False, True):
            with self.folder() as folder, self.engine() as engine:
                stream = plait.map(use_rows, [folder] * 3, engine=engine, workers=1)
                assert list(itertools.islice(stream, 1 if leave else 3))
                stream.close()
                assert stream.report.mishaps == []
                engine.close()
                ends = [line for line in history(folder) if line in ("mapped 3", "put 1")]
                assert ends.count("mapped 3") == ends.count("put 1") > 0  # an executor may have used two workers

    def test_an_instance_outlives_a_map_if_its_worker_does(self) -> None:
        if not self.owns_workers:
            return
        with self.folder() as folder, self.engine() as engine, plait.Pool(engine, workers=1) as pool:
            maps = [list(plait.map(use, [folder] * 5, engine=pool)) for _ in range(3)]
            calls = [pool.submit(self.of(use), folder).result() for _ in range(3)]
            if self._another_in_turn:
                uses = {*itertools.chain(*maps, calls)}
                assert len(uses) == len({each[0] for each in uses}) == len({pid_thread(each) for each in uses})
                return
            assert all(len(set(uses)) == 1 for uses in maps)
            kept = not self.shares_memory if self.keeps_workers is None else self.keeps_workers
            assert (len({*itertools.chain(*maps)}) == 1) is kept
            assert len({each[0] for each in calls}) == 1

    # --- current

    def test_what_a_task_knows(self) -> None:
        with self.engine() as engine:
            for index, found in enumerate(plait.map(where, range(20), engine=engine, workers=self.workers)):
                assert found[:2] == (index, 1)
            facts = list(plait.map(deadline, range(5), engine=engine, workers=self.workers))
            assert facts == [(None, False)] * 5
            for left, cancelled in plait.map(deadline, range(5), engine=engine, workers=self.workers, timeout=60):
                assert left is not None
                assert 50 < left <= 60
                assert not cancelled

    def test_what_a_task_knows_in_threads_that_it_starts(self) -> None:
        with self.engine() as engine:
            for index, (alone, with_context) in enumerate(plait.map(ask_in_threads, range(3), engine=engine)):
                assert with_context == index
                assert isinstance(alone, str)
                assert "copy_context" in alone

    def test_what_a_task_knows_after_a_map_inside(self) -> None:
        with self.engine() as engine:
            for index, (before, inner, after) in enumerate(plait.map(ask_around, range(4), engine=engine)):
                assert before == after == index
                assert inner == list(range(3))


# --- functions that are mapped


@plait.per_worker
def inner_token(folder: str) -> Iterator[str]:
    name = f"inner-{os.urandom(4).hex()}"
    note(folder, f"up {name}")
    yield name
    note(folder, f"down {name}")


@plait.per_worker
def token(folder: str) -> Iterator[tuple[str, str]]:
    inner = inner_token(folder)
    name = f"outer-{os.urandom(4).hex()}"
    note(folder, f"up {name}")
    try:
        yield name, inner
    finally:
        assert inner_token(folder) == inner  # it is still there
        note(folder, f"down {name}")


@plait.per_worker
def fails_twice(path: str) -> int:
    attempt = marks(mark(path))
    if attempt < 3:
        raise ConnectionError(f"attempt {attempt}")
    return attempt


@plait.per_worker
def ends_badly() -> Iterator[str]:
    yield "fine so far"
    raise OSError("bad end")


@plait.per_worker
def rows(folder: str) -> Iterator[list[int]]:
    kept: list[int] = []
    yield kept
    note(folder, f"mapped {sum(plait.map(abs, [-1, -2], engine='inline'))}")
    channel = plait.channel[int](None)
    channel.put(min(len(kept), 1))
    note(folder, f"put {channel.get(timeout=0)}")


def use_rows(folder: str) -> str:
    rows(folder).append(1)
    return folder


def use(folder: str) -> Use:
    name, inner = token(folder)
    assert token(folder) == (name, inner)
    return name, inner, os.getpid(), threading.get_ident()


@napping
def use_together(item: tuple[str, int, int]) -> Generator[None, None, Use]:
    folder, number, parties = item
    found = use(folder)
    mark(f"{folder}/met-{number}")
    for other in range(parties):
        yield from wait_for.steps(f"{folder}/met-{other}")
    return found


@napping
def use_for_ever(item: tuple[str, str, bool]) -> Generator[None, None, None]:
    """Until it is stopped: (folder, file to mark, whether it looks for the sign itself)."""
    folder, path, looks = item
    use(folder)
    mark(path)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not (looks and plait.current().cancelled):
        yield


def use_or_fail(folder: str) -> Use:
    if not folder:
        raise ValueError("no folder")
    return use(folder)


def use_late(path: str) -> int:
    return fails_twice(path)


def use_badly(folder: str) -> str:
    use(folder)
    return ends_badly()


def deadline(_: int) -> tuple[float | None, bool]:
    task = plait.current()
    return None if task.deadline is None else task.deadline - time.perf_counter(), task.cancelled


def ask_in_threads(_: int) -> list[object]:
    """What a thread is told, and one that runs in a copy of the context."""
    found: list[object] = []

    def ask() -> None:
        try:
            found.append(plait.current().index)
        except LookupError as error:
            found.append(str(error))

    for target in (lambda: contextvars.Context().run(ask), lambda context=contextvars.copy_context(): context.run(ask)):
        thread = threading.Thread(target=target)
        thread.start()
        thread.join()
    return found


def ask_around(_: int) -> tuple[int, list[int], int]:
    before = plait.current().index
    inner = [found[0] for found in plait.map(where, range(3), engine="inline")]
    return before, inner, plait.current().index


# --- what is found out about them


def note(folder: str, event: str) -> None:
    """Add an event to the history; a line is written in one piece."""
    with open(f"{folder}/history", "ab", buffering=0) as file:
        file.write(f"{event}\n".encode())


def history(folder: str) -> list[str]:
    try:
        with open(f"{folder}/history") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def balance(folder: str) -> tuple[int, int]:
    """How many outer instances were set up, and how many instances were not torn down exactly once."""
    events = Counter(history(folder))
    up = [event.split(" ")[1] for event in events if event.startswith("up ")]
    left = sum(events[f"up {name}"] != 1 or events[f"down {name}"] != 1 for name in up)
    return sum(name.startswith("outer") for name in up), left


def pid_thread(found: Use) -> tuple[int, int]:
    return found[2:]
