"""`engine=` and `workers=` as people write them at first who come from other tools, and what they are told."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.pool import ThreadPool
from typing import Any

import pytest

import plait
from plait.errors import UsageError


def a_map(**options: Any) -> object:
    return list(plait.map(abs, [-1], **options))


def a_pool(**options: Any) -> object:
    with plait.Pool(**options) as pool:
        return [pool.submit(abs, -1).result()]


def a_scope(**options: Any) -> object:
    with plait.scope(**options) as s:
        return [s.submit(abs, -1).result()]


def a_retry(**options: Any) -> object:
    return plait.Retry(times=1, **options)


def a_channel(**options: Any) -> object:
    return plait.channel(**options)


def a_process_engine(**options: Any) -> object:
    return plait.engines.ProcessEngine(**options)


EVERYWHERE = pytest.mark.parametrize("use", [a_map, a_pool, a_scope])
Use = Callable[..., object]


@EVERYWHERE
def test_a_number_of_workers_in_the_place_of_the_engine(use: Use) -> None:
    with pytest.raises(UsageError, match="; for 4 workers write workers=4$"):
        use(engine=4)


@EVERYWHERE
@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("threads", "thread"),
        ("Process", "process"),
        ("multiprocessing", "process"),
        ("asyncio", "async"),
        ("proces", "process"),
        ("loky", "process"),
        ("subinterpreters", "interpreter"),
    ],
)
def test_an_engine_by_another_name(use: Use, name: str, meant: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f'; did you mean engine="{meant}"?')):
        use(engine=name)


@EVERYWHERE
def test_an_engine_that_nobody_can_guess(use: Use) -> None:
    with pytest.raises(UsageError, match="engine='mpi': expected one of auto, inline, .* an engine object$"):
        use(engine="mpi")


def _refuses_a_thread_pool(use: Use) -> None:
    with ThreadPool(1) as pool, pytest.raises(UsageError, match="ThreadPool.*: expected one of .* executor, or"):
        use(engine=pool)


@EVERYWHERE
def test_a_class_and_somebody_elses_pool(use: Use) -> None:
    with pytest.raises(UsageError, match="this is a class: pass an instance of it"):
        use(engine=plait.Pool)
    _refuses_a_thread_pool(use)
    gc.collect()
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]  # which 3.14 starts for locks of that
    with ThreadPoolExecutor(1) as executor:
        assert use(engine=executor) == [1]


@EVERYWHERE
def test_workers_may_be_left_to_plait_in_so_many_words(use: Use) -> None:
    assert use(workers="auto") == use(workers=None) == use() == [1]


@EVERYWHERE
@pytest.mark.parametrize("workers", [0, -1, "4", 2.0, True, "many"])
def test_workers_that_are_no_number_of_them(use: Use, workers: object) -> None:
    with pytest.raises(UsageError, match=re.escape(f"workers={workers!r}: expected a whole number of at least 1")):
        use(workers=workers)


def test_errors_are_looked_for_in_the_package_itself() -> None:
    with pytest.raises(
        AttributeError, match="^module 'plait' has no attribute 'TaskTimeout'; it is plait.errors.TaskTimeout$"
    ):
        plait.TaskTimeout  # that is the mistake
    with pytest.raises(AttributeError, match="^module 'plait' has no attribute 'Timeout'$"):
        plait.Timeout  # as above


@pytest.mark.parametrize(
    ("call", "name", "meant"),
    [
        (a_map, "max_workers", "did you mean workers=?"),
        (a_pool, "max_workers", "did you mean workers=?"),
        (a_scope, "n_jobs", "did you mean workers=?"),
        (a_map, "retries", "did you mean retry=?"),
        (a_map, "deadline", "did you mean timeout=?"),
        (a_scope, "timeout", "did you mean deadline=?"),
        (a_map, "backend", "did you mean engine=?"),
        (a_map, "progess", "did you mean progress=?"),
        (a_map, "chunksize", "batches are sized by themselves"),
        (a_pool, "thread_name_prefix", "plait.current().worker"),
        (a_pool, "mp_context", "not forked"),
        (a_pool, "max_tasks_per_child", "memory_bytes="),
        (a_map, "return_exceptions", ".outcomes()"),
        (a_scope, "xyz", "it has engine=, workers=, deadline=$"),
        (a_pool, "timeout", "plait.map has it"),
        (a_map, "resume", "journal=FILE"),
        (a_retry, "attempts", "did you mean times=?"),
        (a_retry, "delay", "did you mean backoff=?"),
        (a_retry, "max_delay", "did you mean longest=?"),
        (a_retry, "exceptions", "did you mean on=?"),
        (a_channel, "maxsize", "did you mean size=?"),
        (a_process_engine, "memory", "did you mean memory_bytes=?"),
        (a_process_engine, "workers", "plait.map, plait.scope and plait.Pool have it"),
    ],
)
def test_an_option_by_another_name(call: Use, name: str, meant: str) -> None:
    has = "" if meant.endswith("$") else ".* It has .*="
    with pytest.raises(TypeError, match=f"has no option {name}=; .*{re.escape(meant.rstrip('$'))}{has}"):
        call(**{name: 3})


@pytest.mark.parametrize(
    ("call", "wanted"),
    [(plait.map, "a function, then what to call it with"), (plait.channel, "how many items it holds at most")],
)
def test_a_call_without_what_it_needs(call: Any, wanted: str) -> None:
    with pytest.raises(TypeError, match=rf"^plait\.{call.__name__.lower()}\(\): expected {wanted}"):
        call()


def test_an_option_by_another_name_in_a_map_of_a_scope() -> None:
    options: dict[str, Any] = {"chunksize": 3}
    with pytest.raises(TypeError, match="has no option chunksize="), plait.scope() as s:
        s.map(abs, [1], **options)


def test_every_option_that_is_meant_is_one_of_a_call() -> None:
    import inspect

    from plait._core.mistaken import _MEANT

    calls = (plait.map, plait.scope, plait.Pool, plait.Retry, plait.channel, plait.engines.ProcessEngine)
    options = {p.name for call in calls for p in inspect.signature(call).parameters.values()}
    assert {name for names in _MEANT.values() for name in names} <= options


def test_what_was_called_or_not_called_too_early() -> None:
    async def fetch(url: str) -> str:
        return url

    wrong: Any = fetch("a")
    with pytest.raises(UsageError, match=r"write plait\.map\(fetch, urls\) rather than"):
        plait.map(wrong, ["a"])
    items: Any = [1].copy
    with pytest.raises(UsageError, match="expected an iterable; this is a function: call it"):
        plait.map(abs, items)
    for size in ("2 GB", 0):
        with pytest.raises(UsageError, match=re.escape("expected bytes, such as 2 * 1024**3, more than 0")):
            plait.engines.ProcessEngine(memory_bytes=size)  # type: ignore[arg-type]  # that is the mistake


def test_the_class_of_an_engine_in_the_place_of_an_engine() -> None:
    kind: Any = plait.engines.ThreadEngine
    with pytest.raises(UsageError, match="this is a class: pass an instance of it"):
        a_map(engine=kind)


def test_what_threading_calls_the_function() -> None:
    with pytest.raises(UsageError, match=r"s\.submit\(fetch, url\)"), plait.scope() as s:
        s.submit(target=print, args=(1,))  # type: ignore[call-overload]  # that is what is tested


@pytest.mark.parametrize(
    ("fn", "items", "name"),
    [
        (abs, [[1]], "abs"),
        (pow, [[1], [2]], "pow"),
        (partial(pow, 2), [[1]], "partial"),
        (lambda x: x, [[1]], "<lambda>"),
    ],
)
def test_a_map_that_nobody_iterates_is_told_by_its_function(
    fn: Callable[..., object], items: list[list[int]], name: str
) -> None:
    with pytest.warns(RuntimeWarning, match=re.escape(f"plait.map({name}, ...) was never iterated")):
        plait.map(fn, *items)


def scaled(n: int, *, by: int = 1) -> int:
    return n * by


def test_an_option_of_the_function_is_passed_by_a_partial() -> None:
    with pytest.raises(
        TypeError, match=re.escape("has no option by=; to pass it to the function, write ") + ".*scaled"
    ):
        list(plait.map(scaled, [1, 2], by=3))  # type: ignore[call-arg]  # that is the mistake
    assert list(plait.map(partial(scaled, by=3), [1, 2])) == [3, 6]  # which is what it says
    with pytest.raises(TypeError, match="did you mean workers="):
        list(plait.map(print, [1], n_jobs=2))  # type: ignore[call-arg]  # that is the mistake
