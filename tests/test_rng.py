"""What plait.rng promises beyond the contract: which generator, which numbers, and where."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
import threading
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

import plait
from plait._core.rng import generator
from plait.errors import PlaitError, UsageError

SOURCE = Path(__file__).resolve().parents[1] / "src"
ENGINES = ["inline", "thread", "process", *(["interpreter"] if sys.version_info >= (3, 14) else [])]

pytestmark = pytest.mark.usefixtures("nothing_left")

# Prints the kind of the generators, and a digest of what they give, for every engine and way of running.
PROGRAM = """
    import hashlib, plait, sys
    {first}

    def draw(item):
        rng = plait.rng(7)
        numbers = [rng.random() for _ in range(20)]
        again = plait.rng(7).random()
        return type(rng).__module__, numbers, again, plait.rng(8).random()

    def nested(item):
        return draw(item), list(plait.map(draw, range(3), engine="{inner}", workers=2))

    async def draw_awaited(item):
        return draw(item)

    async def nested_awaited(item):
        first = draw(item)
        return first, [found async for found in plait.map(draw_awaited, range(3), engine="async", workers=2)]

    awaited = {{draw: draw_awaited, nested: nested_awaited}}
    interpreters = ["interpreter"] if sys.version_info >= (3, 14) and "numpy" not in sys.modules else []
    for engine in ["inline", "thread", "process", "async", *interpreters]:
        for fn, count, workers in ((draw, 300, 1), (draw, 300, 2), (nested, 2, 2)):
            called = awaited[fn] if engine == "async" else fn
            found = list(plait.map(called, range(count), engine=engine, workers=workers))
            kind = found[0][0] if fn is draw else found[0][0][0]
            print(fn.__name__, kind, hashlib.sha256(repr(found).encode()).hexdigest())
    """


def lines(**parts: str) -> set[str]:
    return set(run(PROGRAM.format(**parts)).splitlines())


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(SOURCE)},
        timeout=60,
        check=False,
    )
    assert not done.returncode, done.stderr
    return done.stdout


@pytest.mark.parametrize("inner", ["thread", "process"])
def test_without_numpy_all_engines_give_the_same_bits(inner: str) -> None:
    found = lines(first="", inner=inner)
    assert len(found) == 2
    assert all(" random " in line for line in found)


def test_with_numpy_all_engines_give_the_same_bits() -> None:
    pytest.importorskip("numpy")
    found = lines(first="import numpy", inner="thread")
    assert len(found) == 2
    assert all(" numpy." in line for line in found)


def test_what_the_function_imports_does_not_change_the_kind() -> None:
    """Numpy arrives in the middle of the run, at another moment in each worker."""
    pytest.importorskip("numpy")
    found = {
        run(f"""
            import plait

            def draw(item):
                if item == 3:
                    import numpy
                rng = plait.rng(7)
                return type(rng).__module__, rng.random()

            print(list(plait.map(draw, range(8), engine={engine!r}, workers=2)))
            """)
        for engine in ENGINES
        if engine != "interpreter"  # where numpy does not load
    }
    assert len(found) == 1
    assert "numpy" not in found.pop()


def test_the_documented_formula_without_numpy() -> None:
    assert generator(42, (17,), numpy=False).random() == random.Random("42:17").random()
    assert generator(42, (17, 3), numpy=False).random() == random.Random("42:17:3").random()
    assert generator(42, (), numpy=False).random() == random.Random(42).random()


def test_the_numbers_stay_what_they_are() -> None:
    """For ever: who has published a seed wants the same results from every later release."""
    assert generator(42, (17,), numpy=False).random() == 0.5285716146498571
    assert [generator(2024, (n,), numpy=False).getrandbits(32) for n in range(2)] == [3286686727, 213098785]


def test_the_documented_formula_with_numpy() -> None:
    numpy = pytest.importorskip("numpy")
    children = numpy.random.SeedSequence(42).spawn(20)
    for index in (0, 17):
        expected = numpy.random.default_rng(children[index]).integers(1 << 62, size=5)
        assert (generator(42, (index,), numpy=True).integers(1 << 62, size=5) == expected).all()
    inner = children[17].spawn(4)[3]
    assert generator(42, (17, 3), numpy=True).random() == numpy.random.default_rng(inner).random()
    assert generator(42, (), numpy=True).random() == numpy.random.default_rng(42).random()


def test_outside_of_tasks_each_call_starts_at_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "numpy", raising=False)
    assert plait.rng(5).random() == plait.rng(5).random() == random.Random(5).random()
    assert plait.rng().random() != plait.rng().random()


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**200])
def test_seeds_of_any_size(seed: int) -> None:
    found = list(plait.map(lambda _: plait.rng(seed).random(), range(3), engine="thread"))
    assert len(set(found)) == 3


@pytest.mark.parametrize("seed", [-1, 1.5, "7", True, [1], b"7"])
def test_what_is_no_seed(seed: Any) -> None:
    with pytest.raises(UsageError, match=r"plait\.rng\(.*\): expected a whole number from 0 as seed"):
        plait.rng(seed)


def test_whole_numbers_of_numpy_are_seeds() -> None:
    numpy = pytest.importorskip("numpy")
    assert plait.rng(numpy.int64(5)).random() == plait.rng(5).random()


def test_no_two_streams_are_alike() -> None:
    """Seeds, indices and depths that a careless encoding would confuse."""
    streams = {
        generator(seed, path, numpy=False).getrandbits(128)
        for seed in (0, 1, 11, 111)
        for path in [(), (0,), (1,), (11,), (1, 1), (11, 1), (1, 11), (0, 0), (0, 1, 1)]
    }
    assert len(streams) == 36


def test_calls_of_a_pool_count_by_the_order_of_submission() -> None:
    with plait.Pool("thread", workers=1) as pool:
        calls = [pool.submit(lambda: plait.rng(3).random()) for _ in range(4)]
        assert [call.result() for call in calls] == list(
            plait.map(lambda _: plait.rng(3).random(), range(4), engine="inline")
        )


def test_the_next_map_of_a_warm_worker_starts_again() -> None:
    """With one item each, so that index and attempt are the same as in the map before."""
    with plait.Pool("process", workers=1) as pool:
        found = [list(plait.map(lambda _: plait.rng(3).random(), [0], engine=pool)) for _ in range(3)]
    assert found[0] == found[1] == found[2]


def test_a_thread_that_a_task_starts_goes_on_with_the_tasks_generator() -> None:
    def draw(_: int) -> tuple[object, object]:
        found: list[object] = []
        context = copy_context()
        other = threading.Thread(target=lambda: found.append(context.run(plait.rng, 3)))
        other.start()
        other.join()
        return plait.rng(3), found[0]

    ((mine, others),) = plait.map(draw, [0], engine="thread")
    assert mine is others


def test_a_worker_without_numpy_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numpy")

    def draw(_: int) -> float:
        sys.modules["numpy"] = None  # type: ignore[assignment]  # as if it were not installed there
        found: float = plait.rng(3).random()
        return found

    with pytest.raises(PlaitError, match="NumPy's generators in this map, because numpy was imported where"):
        list(plait.map(draw, [0], engine="process"))


@pytest.mark.skipif("interpreter" not in ENGINES, reason="CPython 3.14 and later have interpreters")
def test_interpreters_say_that_numpy_does_not_load_there() -> None:
    pytest.importorskip("numpy")
    with pytest.raises(PlaitError, match="does not support loading in subinterpreters") as caught:
        list(plait.map(lambda _: plait.rng(3).random(), [0], engine="interpreter"))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_can_be_repeated_by_the_seed_in_its_report(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "numpy", raising=False)  # which does not load in interpreters
    first = plait.map(lambda _: plait.rng().random(), range(5), engine=engine)
    found = list(first)
    seed = first.report.seed
    assert found == list(plait.map(lambda _: plait.rng(seed).random(), range(5), engine=engine))
