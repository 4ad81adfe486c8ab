"""The one list of CPython's executor tests that do not apply to Pool, each with its reason; every other one must pass."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from stdlib_executors.loading import version

_THREADS = "looks into executor._threads; the engine owns the threads. tests/test_pool.py checks that they end"
_PROCESSES = "looks into executor._processes; the engine owns the processes. tests/test_pool_process.py checks them"
_MANAGER = "looks into executor._executor_manager_thread, its queues and processes"
_MESSAGE = (
    "expects the name max_workers in the message; Pool's option is workers, and its message says what was expected"
)
_RECYCLE = "max_tasks_per_child is an option of multiprocessing's pool; plait recycles by memory (ProcessEngine(memory_bytes=))"
_FORCE = (
    "terminate_workers and kill_workers are ProcessPoolExecutor's own, not Executor's; a second Ctrl-C and the end of \
the pool's process stop what runs, and tests/test_pool_exit.py checks both"
)
_FLAVOUR = "is about the start methods of multiprocessing; plait's workers come from its zygote"
_CROSSING = (
    "expects one unpicklable object to break the pool or to show pickle's error; Pool says NotTransferable with the \
path to the object, for that future only. plait.testing's contract checks it"
)


@dataclass(frozen=True)
class Listed:
    """A test, or several by a pattern, in the tests of the Pythons from `since` to before `until`."""

    test: str
    reason: str
    since: tuple[int, int] = (3, 11)
    until: tuple[int, int] = (4, 0)

    @property
    def for_this_python(self) -> bool:
        return self.since <= version() < self.until


NOT_APPLICABLE = (
    Listed("ThreadPoolShutdownTest.test_context_manager_shutdown", _THREADS),
    Listed("ThreadPoolShutdownTest.test_del_shutdown", _THREADS),
    Listed("ThreadPoolShutdownTest.test_shutdown_no_wait", _THREADS),
    Listed("ThreadPoolShutdownTest.test_threads_terminate", _THREADS),
    Listed("ThreadPoolShutdownTest.test_thread_names_*", _THREADS + "; they are named plait-thread-N"),
    Listed("ThreadPoolExecutorTest.test_idle_thread_reuse", _THREADS),
    Listed("ThreadPoolExecutorTest.test_saturation", _THREADS),
    Listed("ThreadPoolExecutorTest.test_default_workers", "Pool's default is what its engine advises, with its reason"),
    Listed("*.test_max_workers_negative", _MESSAGE),
    Listed("ProcessPoolSpawnProcessPoolShutdownTest.test_context_manager_shutdown", _PROCESSES),
    Listed("ProcessPoolSpawnProcessPoolShutdownTest.test_processes_terminate", _PROCESSES),
    Listed("ProcessPoolSpawnProcessPoolShutdownTest.test_del_shutdown", _MANAGER),
    Listed("ProcessPoolSpawnProcessPoolShutdownTest.test_shutdown_no_wait", _MANAGER),
    Listed(
        "ProcessPoolSpawnProcessPoolShutdownTest.test_hang_gh83386",
        "CPython skips it for process pools, because its own hangs; tests/test_pool_process.py has the same test",
    ),
    Listed("ProcessPoolSpawnProcessPoolExecutorTest.test_idle_process_reuse_*", _PROCESSES),
    Listed("ProcessPoolSpawnProcessPoolExecutorTest.test_saturation", _PROCESSES),
    Listed(
        "ProcessPoolSpawnProcessPoolExecutorTest.test_killed_child",
        _PROCESSES + "; and a dead worker does not break a Pool, which is the point",
    ),
    Listed("ProcessPoolSpawnProcessPoolExecutorTest.test_max_tasks_*", _RECYCLE),
    Listed("ProcessPoolSpawnProcessPoolExecutorTest.test_*_max_tasks_*", _RECYCLE, since=(3, 14)),
    Listed("ProcessPoolSpawnProcessPoolShutdownTest.test_shutdown_gh_132969_case_*", _RECYCLE, since=(3, 14)),
    Listed("ProcessPoolSpawnProcessPoolExecutorTest.test_force_shutdown_workers*", _FORCE, since=(3, 14)),
    Listed("ProcessPoolSpawnProcessPoolExecutorTest.test_kill_workers", _FORCE, since=(3, 14)),
    Listed("ProcessPoolSpawnProcessPoolExecutorTest.test_terminate_workers", _FORCE, since=(3, 14)),
    Listed("ProcessPoolSpawnProcessPoolExecutorTest.test_broken_process_pool_traceback", _PROCESSES, since=(3, 14)),
    Listed("ProcessPoolSpawnProcessPoolExecutorTest.test_failed_worker_replacement_*", _PROCESSES, since=(3, 14)),
    Listed("ProcessPoolSpawnProcessPoolExecutorTest.test_max_workers_too_large", "tests a limit of Windows"),
    Listed(
        "ProcessPoolSpawnProcessPoolExecutorTest.test_traceback_when_child_process_terminates_abruptly",
        "expects the exit code in multiprocessing's private _RemoteTraceback; WorkerDied has it in exit_code, which \
the contract checks",
        since=(3, 15),
    ),
    Listed(
        "ProcessPoolSpawnProcessPoolExecutorTest.test_traceback",
        "expects multiprocessing's private _RemoteTraceback as the cause; the contract checks that the line is shown",
    ),
    Listed(
        "ProcessPoolSpawnFailingInitializerTest.test_initializer",
        "sends a multiprocessing queue, which only children of multiprocessing can be given; tests/test_pool_process.py \
checks a failing initializer",
    ),
    Listed(
        "ProcessPoolSpawnProcessPoolExecutorTest.test_python_finalization_error",
        "replaces the method with which multiprocessing starts a process by one that raises",
        since=(3, 13),
    ),
    Listed("FailingInitializerResourcesTest.*", _FLAVOUR, since=(3, 12)),
    Listed("ProcessPoolSpawnExecutorDeadlockTest.test_error_at_task_pickle", _CROSSING),
    Listed("ProcessPoolSpawnExecutorDeadlockTest.test_error_at_task_unpickle", _CROSSING),
    Listed("ProcessPoolSpawnExecutorDeadlockTest.test_exit_at_task_unpickle", _CROSSING),
    Listed("ProcessPoolSpawnExecutorDeadlockTest.test_error_during_result_pickle_on_worker", _CROSSING),
    Listed("ProcessPoolSpawnExecutorDeadlockTest.test_error_during_result_unpickle_in_result_handler", _CROSSING),
    Listed("ProcessPoolSpawnExecutorDeadlockTest.test_shutdown_deadlock_pickle", _MANAGER),
)


def reason(test: str) -> str | None:
    """Why a test, named "Class.test", does not apply, or None when it must pass."""
    for listed in NOT_APPLICABLE:
        if listed.for_this_python and fnmatchcase(test, listed.test):
            return listed.reason
    return None
