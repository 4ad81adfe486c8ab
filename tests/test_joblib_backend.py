"""joblib on plait's workers: what ``Parallel`` promises, through the backend that ``plait.joblib_backend`` registers."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import plait

joblib = pytest.importorskip("joblib", reason="joblib is not installed: pip install plait[joblib]")
from joblib import Parallel, delayed, parallel_config  # noqa: E402  it may not be there

import plait.joblib_backend  # noqa: E402  it needs joblib

ENGINES = ["process", "thread"]


@pytest.fixture(params=ENGINES, scope="module")
def backend(request: pytest.FixtureRequest) -> Iterator[plait.joblib_backend.PlaitBackend]:
    """One for all tests: its workers import joblib once."""
    yield plait.joblib_backend.PlaitBackend(engine=request.param)
    gc.collect()


@pytest.fixture
def engine(backend: plait.joblib_backend.PlaitBackend) -> Iterator[str]:
    with parallel_config(backend=backend, n_jobs=2):
        yield str(backend.engine)


def square(x: int) -> int:
    return x * x


def inner(n: int) -> list[int]:
    return Parallel(n_jobs=2)(delayed(square)(x) for x in range(n))


def fail_at_five(x: int) -> int:
    if x == 5:
        raise ValueError("no 5")
    return x


def die_at_three(x: int) -> int:
    if x == 3:
        os._exit(7)
    return x


def wait(seconds: float) -> float:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return seconds


def test_values_in_order(engine: str) -> None:
    assert Parallel()(delayed(square)(x) for x in range(300)) == [x * x for x in range(300)]
    assert Parallel()(delayed(square)(x) for x in ()) == []


def test_lambdas_and_closures(engine: str) -> None:
    offset = 5
    assert Parallel()(delayed(lambda x: x + offset)(x) for x in range(10)) == list(range(5, 15))


def test_where_it_runs(engine: str) -> None:
    pids = set(Parallel()(delayed(os.getpid)() for _ in range(20)))
    assert (os.getpid() in pids) is (engine == "thread")


def test_calls_inside_calls(engine: str) -> None:
    assert Parallel()(delayed(inner)(n) for n in range(4)) == [[], [0], [0, 1], [0, 1, 4]]


def test_an_error_is_raised_as_itself_and_the_next_call_works(engine: str) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="no 5"):
            Parallel()(delayed(fail_at_five)(x) for x in range(50))
        assert Parallel()(delayed(square)(x) for x in range(5)) == [0, 1, 4, 9, 16]


def test_a_timeout_stops_what_runs(engine: str) -> None:
    began = time.monotonic()
    with pytest.raises(multiprocessing.TimeoutError):
        Parallel(timeout=0.3)(delayed(wait)(seconds) for seconds in (0, 30, 30))
    assert time.monotonic() - began < 15


def test_results_as_a_generator(engine: str) -> None:
    found = Parallel(return_as="generator")(delayed(square)(x) for x in range(30))
    assert next(found) == 0
    assert list(found) == [x * x for x in range(1, 30)]
    assert sorted(Parallel(return_as="generator_unordered")(delayed(square)(x) for x in range(9))) == [
        x * x for x in range(9)
    ]


def test_a_generator_that_is_left(engine: str) -> None:
    found = Parallel(return_as="generator")(delayed(square)(x) for x in range(10_000))
    assert next(found) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # joblib says that it cancels what was not used
        found.close()
    assert Parallel()(delayed(square)(x) for x in range(3)) == [0, 1, 4]


def test_workers_stay_warm_in_the_block() -> None:
    with parallel_config(backend="plait", n_jobs=2):
        first = set(Parallel()(delayed(os.getpid)() for _ in range(20)))
        second = set(Parallel()(delayed(os.getpid)() for _ in range(20)))
    assert first & second


def test_nothing_is_left_after_the_block(nothing_left: None) -> None:
    with parallel_config(backend="plait", n_jobs=2):
        assert Parallel()(delayed(square)(x) for x in range(5)) == [0, 1, 4, 9, 16]
    with Parallel(backend="plait", n_jobs=2) as parallel:
        assert parallel(delayed(square)(x) for x in range(3)) == [0, 1, 4]
        assert parallel(delayed(square)(x) for x in range(2)) == [0, 1]


def test_a_worker_that_dies_is_named_and_the_next_call_works() -> None:
    with parallel_config(backend="plait", n_jobs=2):
        with pytest.raises(plait.errors.WorkerDied, match="exit code 7"):
            Parallel()(delayed(die_at_three)(x) for x in range(5))
        assert Parallel()(delayed(square)(x) for x in range(3)) == [0, 1, 4]


def test_the_number_of_jobs() -> None:
    cores = plait._core.budget.available_cores().count
    with parallel_config(backend="plait"):
        assert joblib.effective_n_jobs() == joblib.effective_n_jobs(-1) == cores
        assert joblib.effective_n_jobs(-2) == max(1, cores - 1)
        assert joblib.effective_n_jobs(3) == 3
        assert Parallel(n_jobs=1)(delayed(threading.get_ident)() for _ in range(2)) == [threading.get_ident()] * 2
        with pytest.raises(ValueError, match="n_jobs == 0"):
            Parallel(n_jobs=0)(delayed(square)(x) for x in range(2))


def test_an_executor_and_what_is_no_option(nothing_left: None) -> None:
    with ThreadPoolExecutor(2, thread_name_prefix="theirs") as executor:
        with parallel_config(backend="plait", engine=executor):
            assert joblib.effective_n_jobs(-1) == 2
            names = Parallel()(delayed(lambda: threading.current_thread().name)() for _ in range(8))
        assert all(name.startswith("theirs") for name in names)
    with pytest.raises(plait.errors.UsageError, match="no option 'flavour'"):
        parallel_config(backend="plait", flavour="sweet")


def test_what_needs_shared_memory_gets_threads() -> None:
    seen: list[int] = []
    with parallel_config(backend="plait", n_jobs=2, engine="thread"):
        Parallel(require="sharedmem")(delayed(seen.append)(x) for x in range(10))
    assert sorted(seen) == list(range(10))


def test_scikit_learn_fits_on_it() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    data, target = load_iris(return_X_y=True)
    alone = cross_val_score(LogisticRegression(max_iter=500), data, target, cv=4)
    with parallel_config(backend="plait", n_jobs=2):
        assert list(cross_val_score(LogisticRegression(max_iter=500), data, target, cv=4)) == list(alone)
