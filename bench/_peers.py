"""Other people's maps, each as a context manager that gives ``map(fn, items)``, imported when it is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from _rounds import Map

Opener = Callable[[int], AbstractContextManager[Map]]


@contextmanager
def thread_pool(workers: int) -> Iterator[Map]:
    from multiprocessing.pool import ThreadPool

    with ThreadPool(workers) as pool:
        yield pool.map


@contextmanager
def thread_executor(workers: int) -> Iterator[Map]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as executor:
        yield lambda fn, items: list(executor.map(fn, items))


@contextmanager
def joblib_threads(workers: int) -> Iterator[Map]:
    from joblib import Parallel, delayed

    with Parallel(n_jobs=workers, backend="threading") as parallel:
        yield lambda fn, items: parallel(delayed(fn)(x) for x in items)


@contextmanager
def mpire_threads(workers: int) -> Iterator[Map]:
    from mpire import WorkerPool

    with WorkerPool(n_jobs=workers, start_method="threading", keep_alive=True) as pool:
        yield pool.map


@contextmanager
def process_pool(workers: int) -> Iterator[Map]:
    import multiprocessing

    with multiprocessing.Pool(workers) as pool:
        yield pool.map


@contextmanager
def process_executor(workers: int) -> Iterator[Map]:
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(workers) as executor:
        yield lambda fn, items: list(executor.map(fn, items))


@contextmanager
def process_executor_chunks(workers: int) -> Iterator[Map]:
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(workers) as executor:
        yield lambda fn, items: list(executor.map(fn, items, chunksize=max(1, len(items) // (100 * workers))))


@contextmanager
def joblib_processes(workers: int) -> Iterator[Map]:
    from joblib import Parallel, delayed

    with Parallel(n_jobs=workers) as parallel:
        yield lambda fn, items: parallel(delayed(fn)(x) for x in items)


@contextmanager
def loky_executor(workers: int) -> Iterator[Map]:
    from loky import ProcessPoolExecutor

    with ProcessPoolExecutor(workers) as executor:
        yield lambda fn, items: list(executor.map(fn, items))


@contextmanager
def mpire_processes(workers: int) -> Iterator[Map]:
    from mpire import WorkerPool

    with WorkerPool(n_jobs=workers, keep_alive=True) as pool:
        yield pool.map


@contextmanager
def pebble_processes(workers: int) -> Iterator[Map]:
    from pebble import ProcessPool

    with ProcessPool(workers) as pool:
        yield lambda fn, items: list(pool.map(fn, items).result())


THREADS: dict[str, Opener] = {
    "ThreadPool.map": thread_pool,
    "ThreadPoolExecutor.map": thread_executor,
    "joblib, threads": joblib_threads,
    "mpire, threads": mpire_threads,
}
PROCESSES: dict[str, Opener] = {
    "multiprocessing.Pool.map": process_pool,
    "ProcessPoolExecutor.map": process_executor,
    "ProcessPoolExecutor.map, tuned chunksize": process_executor_chunks,
    "joblib": joblib_processes,
    "loky": loky_executor,
    "mpire": mpire_processes,
    "pebble": pebble_processes,
}
EAGER = (
    "ThreadPool.map",
    "multiprocessing.Pool.map",
    "ProcessPoolExecutor.map, tuned chunksize",
)  # microseconds an item
