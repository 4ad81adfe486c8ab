"""How many workers this process may use, and why: affinity, container quota, batch system, memory, an outer map."""

from __future__ import annotations

import math
import os
import sys
from _collections_abc import Mapping

from plait._core.cgroup import cpu_quota
from plait._core.errors import UsageError
from plait._core.how_many import in_units
from plait._core.memory import available_memory_bytes

SHARED_CORES = "PLAIT_CORES"  # what an outer map leaves to each of its worker processes

# The variable that says how many cores a job was given, and the one that says that there is such a job.
_BATCH_SYSTEMS = (
    ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_PER_TASK"),
    ("NSLOTS", "JOB_ID"),  # Grid Engine
    ("NCPUS", "PBS_JOBID"),
    ("LSB_DJOB_NUMPROC", "LSB_JOBID"),
)

WORKER_BYTES = 32 << 20  # what a worker process needs before the user's function needs anything

_BLAS_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class Cores:
    """A number of cores, at least 1, and the reason for it in words, such as ``cgroup quota 150 % of 4 cores``."""

    __slots__ = ("count", "reason")

    def __init__(self, count: int, reason: str) -> None:
        self.count = count
        self.reason = reason

    def __repr__(self) -> str:
        return f"Cores({self.count}, {self.reason!r})"


def available_cores(bytes_per_worker: int = 0, root: str = "/") -> Cores:
    """The cores this process may use now: the smallest of all limits, and which limit that is.

    Args:
        bytes_per_worker: what one worker needs at least, when that may be what limits their number.
        root: the folder that holds ``proc`` and ``sys``.

    Raises:
        UsageError: ``PLAIT_CORES`` is set to something that is not a number of cores.
    """
    installed = os.cpu_count() or 1
    return decide_cores(
        installed=installed,
        usable=_usable(installed),
        option=sys._xoptions.get("cpu_count"),
        quota=cpu_quota(root),
        memory=available_memory_bytes(root) if bytes_per_worker else None,
        bytes_per_worker=bytes_per_worker,
        environment=os.environ,
    )


def decide_cores(
    *,
    installed: int,
    usable: int,
    environment: Mapping[str, str],
    option: object = None,
    quota: float | None = None,
    memory: int | None = None,
    bytes_per_worker: int = 0,
) -> Cores:
    """What `available_cores` answers for these facts. Pure.

    ``PYTHON_CPU_COUNT`` and ``-X cpu_count`` are the user's own word: they replace what the machine says, even by more
    cores than there are. Memory and ``PLAIT_CORES`` still lower it.

    >>> decide_cores(installed=4, usable=4, quota=1.5, environment={})
    Cores(2, 'cgroup quota 150 % of 4 cores')
    """
    chosen = _chosen(option, environment)
    if chosen is None:
        limits = [Cores(usable, _cores(usable))]
        if usable < installed:
            limits = [Cores(usable, f"CPU affinity {usable} of {_cores(installed)}")]
        limits += _machine_limits(usable, quota, environment)
    else:
        limits = [chosen]
    best = min(limits, key=lambda limit: limit.count)
    if bytes_per_worker and memory is not None:
        fitting = max(1, memory // bytes_per_worker)
        reason = f"{in_units(memory)} of free memory at {in_units(bytes_per_worker)} a worker, {best.count} cores"
        best = min(best, Cores(fitting, reason), key=lambda limit: limit.count)
    shared = _shared(environment)
    if shared is not None and shared < best.count:
        best = Cores(shared, f"{SHARED_CORES}={shared}, this worker's share of the outer map's cores")
    return best


def worker_environment(share: int, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """What worker processes find in their environment, so that nested maps and numeric libraries share the cores."""
    return {SHARED_CORES: str(max(1, share)), **blas_environment(share, environment)}


def blas_environment(cores: int, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that give numeric libraries in a worker `cores` threads; those the user has set are left alone.

    They take effect only when they are set before the library is imported, so they belong to a worker's start. In a
    worker of an outer map, what that map has set is not the user's word.

    >>> blas_environment(2, {"OMP_NUM_THREADS": "8", "MKL_NUM_THREADS": "8"})["OPENBLAS_NUM_THREADS"]
    '2'
    """
    environment = os.environ if environment is None else environment
    ours = ("", environment.get(SHARED_CORES, ""))
    return {name: str(max(1, cores)) for name in _BLAS_VARIABLES if environment.get(name, "") in ours}


def blas_threads(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """What the user has set for the threads of numeric libraries, by variable."""
    environment = os.environ if environment is None else environment
    return {name: value for name in _BLAS_VARIABLES if (value := environment.get(name))}


def _usable(installed: int) -> int:
    """The cores the scheduler may put this process on; all of them where the system has no affinity (macOS)."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    process_cpu_count = getattr(os, "process_cpu_count", None)  # 3.13 and later, knows Windows' affinity
    return (process_cpu_count() if process_cpu_count is not None else None) or installed


def _chosen(option: object, environment: Mapping[str, str]) -> Cores | None:
    """The number the user chose for Python as a whole; an option beats a variable, as in CPython."""
    if option is not None:
        count = _number(str(option))
        return None if count is None else Cores(count, f"-X cpu_count={count}")
    count = _number(environment.get("PYTHON_CPU_COUNT"))
    return None if count is None else Cores(count, f"PYTHON_CPU_COUNT={count}")


def _machine_limits(usable: int, quota: float | None, environment: Mapping[str, str]) -> list[Cores]:
    limits = []
    if quota is not None:
        # Rounded up: with 1.5 cores a second worker still adds half a core.
        limits.append(Cores(max(1, math.ceil(quota)), f"cgroup quota {quota * 100:.0f} % of {_cores(usable)}"))
    for variable, sign in _BATCH_SYSTEMS:
        count = _number(environment.get(variable))
        if count is not None and environment.get(sign):
            limits.append(Cores(count, f"{variable}={count} of {_cores(usable)}"))
    return limits


def _shared(environment: Mapping[str, str]) -> int | None:
    text = environment.get(SHARED_CORES)
    if not text:
        return None
    count = _number(text)
    if count is None:
        raise UsageError(f"{SHARED_CORES}={text!r} in the environment: expected a number of cores, 1 or more; unset it")
    return count


def _number(text: str | None) -> int | None:
    """A whole number of at least 1, or None: batch systems and CPython (``default``) write other things too."""
    stripped = (text or "").strip()
    return int(stripped) if stripped.isdecimal() and int(stripped) > 0 else None


def _cores(count: int) -> str:
    return "1 core" if count == 1 else f"{count} cores"
