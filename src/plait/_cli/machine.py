"""The facts ``plait doctor`` reports: this machine, this Python and what binds them, as plain data for JSON."""

from __future__ import annotations

import importlib.metadata
import multiprocessing
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from typing import Any

import plait
from plait._cli.machine_group import examine_group
from plait._cli.machine_modules import try_modules, turned_on_at_start
from plait._core.budget import available_cores, blas_threads
from plait._core.cgroup import cpu_quota, group_folders, parse_bytes
from plait._core.gil import has_gil
from plait._core.memory import available_memory_bytes, memory_limit_bytes
from plait._engines.table import make_engine
from plait._run.map import map as plait_map

Facts = dict[str, Any]

_DEPENDENCIES = ("cloudpickle", "psutil", "rich", "click")
_NUMERIC = ("numpy", "scipy", "pandas", "torch", "polars", "pyarrow")
_TRIAL_SECONDS = 20.0
_START_TRIALS = 3


def examine(modules: tuple[str, ...] = ()) -> Facts:
    """Everything, in about a third of a second: a process worker and two interpreters are started to be measured.

    The modules are imported, in processes of their own, and so are the numeric libraries that are installed, where it
    can make a difference: in a free-threaded build, and where there are subinterpreters to load them in.
    """
    numeric = [name for name in _NUMERIC if _version(name)]
    matters = sysconfig.get_config_var("Py_GIL_DISABLED") or sys.version_info >= (3, 14)
    return {
        "plait": plait.__version__,
        "python": _python(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "container": _container(),
        "cores": _cores(),
        "memory": _memory(),
        "processes": _processes(),
        "blas": {"set": blas_threads(), "installed": numeric},
        "limits": _limits(),
        "group": examine_group(),
        "modules": try_modules(list(dict.fromkeys(modules)) or (numeric if matters else [])),
        "temporary": _temporary(),
        "packages": {name: _version(name) for name in _DEPENDENCIES},
    }


def _python() -> Facts:
    free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    gil = has_gil()
    asked = sys._xoptions.get("gil") == "1" or os.environ.get("PYTHON_GIL") == "1"
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        "free_threaded": free_threaded,
        "gil": gil,
        "gil_asked_for": asked,
        "gil_turned_on_by": turned_on_at_start() if free_threaded and gil and not asked else "",
        "switch_interval": sys.getswitchinterval(),
        "debug": bool(sysconfig.get_config_var("Py_DEBUG")),
        "development_mode": sys.flags.dev_mode,
        "traced": sys.gettrace() is not None or sys.getprofile() is not None,
        "threads_at_start": [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()],
    }


def _container() -> str:
    for sign, name in (("/.dockerenv", "Docker"), ("/run/.containerenv", "Podman")):
        if os.path.exists(sign):
            return name
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return "Kubernetes"
    return os.environ.get("container", "")  # noqa: SIM112  # systemd writes it so


def _cores() -> Facts:
    cores = available_cores()
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return {
        "count": cores.count,
        "reason": cores.reason,
        "installed": os.cpu_count(),
        "affinity": affinity,
        "quota": cpu_quota(),
    }


def _memory() -> Facts:
    return {
        "limit": memory_limit_bytes(),
        "available": available_memory_bytes(),
        "shared": _disk("/dev/shm") if os.path.isdir("/dev/shm") else None,  # noqa: S108  # looked at, not written to
        "overcommit": _read_number("/proc/sys/vm/overcommit_memory"),
    }


def _processes() -> Facts:
    """How processes start here, and one started for real."""
    found: Facts = {
        "start_method": multiprocessing.get_start_method(),
        "memfd": hasattr(os, "memfd_create"),
        "interpreter_seconds": _interpreter_seconds(),
        "bare_interpreter_seconds": _interpreter_seconds("-I", "-S"),
        "error": None,
        "seconds": None,
    }
    try:
        engine = make_engine("process")
        began = time.perf_counter()
        list(plait_map(abs, [1], engine=engine, workers=1, timeout=_TRIAL_SECONDS))
        found["seconds"] = time.perf_counter() - began
        engine.close()
    except Exception as error:  # whatever it is, it is what we want to know
        found["error"] = f"{type(error).__name__}: {error}"
    return found


def _interpreter_seconds(*options: str) -> float | None:
    """How long an interpreter takes to start and end, at best: what ``site`` and ``.pth`` files do counts."""
    best = None
    for _ in range(_START_TRIALS):
        began = time.perf_counter()
        try:
            subprocess.run(  # ourselves
                [sys.executable, *options, "-c", "pass"], check=True, capture_output=True, timeout=_TRIAL_SECONDS
            )
        except (OSError, subprocess.SubprocessError):
            return best
        took = time.perf_counter() - began
        best = took if best is None else min(best, took)
    return best


def _limits() -> Facts:
    found: Facts = {"processes": None, "open_files": None, "open_files_hard": None, "address_space": None}
    try:
        import resource  # POSIX only
    except ImportError:
        return found
    for name, key in (("processes", "RLIMIT_NPROC"), ("open_files", "RLIMIT_NOFILE"), ("address_space", "RLIMIT_AS")):
        if hasattr(resource, key):
            soft, hard = resource.getrlimit(getattr(resource, key))
            found[name] = None if soft == resource.RLIM_INFINITY else soft
            if name == "open_files":
                found["open_files_hard"] = None if hard == resource.RLIM_INFINITY else hard
    found["group_processes"], found["group_processes_used"] = _group_processes()
    found["root"] = hasattr(os, "geteuid") and os.geteuid() == 0
    found["used_processes"] = _used_processes()
    return found


def _group_processes() -> tuple[int | None, int | None]:
    """The fewest processes that may still be started in a control group of ours: its limit and how many there are."""
    tightest: tuple[int, int] | None = None
    for _, folder in group_folders("pids"):
        limit, used = _read_number(f"{folder}/pids.max"), _read_number(f"{folder}/pids.current")
        if limit is None or used is None:
            continue
        if tightest is None or limit - used < tightest[0] - tightest[1]:
            tightest = limit, used
    return tightest or (None, None)


def _used_processes() -> int | None:
    """How many threads this user has, which is what RLIMIT_NPROC counts."""
    if not os.path.isdir("/proc/self/task"):
        return None
    used, uid = 0, os.getuid()
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                if os.stat(f"/proc/{name}").st_uid == uid:
                    used += len(os.listdir(f"/proc/{name}/task"))
            except OSError:  # it has ended meanwhile
                continue
    return used


def _temporary() -> Facts:
    try:
        folder = tempfile.gettempdir()
        with tempfile.TemporaryFile():
            writable = True
    except OSError as error:
        return {"path": None, "writable": False, "free": None, "error": str(error)}
    return {"path": folder, "writable": writable, "free": _disk(folder)["free"], "error": None}


def _disk(path: str) -> Facts:
    usage = shutil.disk_usage(path)
    return {"path": path, "total": usage.total, "free": usage.free}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _read_number(path: str) -> int | None:
    try:
        with open(path, encoding="ascii") as file:
            return parse_bytes(file.read())
    except (OSError, ValueError):
        return None
