"""Pins what is public: a name added, removed or renamed shows up in the diff of this file."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

import plait

PUBLIC = {
    "plait": [
        "Future",
        "Journal",
        "Outcome",
        "Pool",
        "Report",
        "Retry",
        "Scope",
        "Stream",
        "Trace",
        "advise",
        "channel",
        "check",
        "current",
        "engines",
        "errors",
        "map",
        "per_worker",
        "replay",
        "rng",
        "schedulers",
        "scope",
        "show",
        "testing",
        "trace",
    ],
    "plait.engines": [
        "AsyncEngine",
        "Batch",
        "DaskEngine",
        "Engine",
        "ExecutorEngine",
        "InlineEngine",
        "InterpreterEngine",
        "Job",
        "Plan",
        "ProcessEngine",
        "RayEngine",
        "ThreadEngine",
        "make_engine",
    ],
    "plait.schedulers": [
        "BoundedScheduler",
        "Event",
        "Kind",
        "PctScheduler",
        "PosScheduler",
        "RandomWalkScheduler",
        "ReplayScheduler",
        "RotationScheduler",
        "Scheduler",
        "Site",
        "SurwScheduler",
        "ThreadState",
        "conflict",
        "make_scheduler",
    ],
    "plait.testing": ["EngineContract", "SchedulerContract"],
    "plait.errors": [
        "Cancelled",
        "CheckFailed",
        "Closed",
        "JournalError",
        "MemoryExceeded",
        "NotChecked",
        "NotTransferable",
        "PlaitError",
        "PoolBroken",
        "RemoteError",
        "StopTask",
        "TaskError",
        "TaskTimeout",
        "UsageError",
        "WaitTimeout",
        "WorkerDied",
        "outcome_of",
    ],
}

OPTIONS_OF_MAP = ["engine", "workers", "order", "timeout", "retry", "progress", "journal", "rate"]


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names(module: str) -> None:
    assert sorted(importlib.import_module(module).__all__) == sorted(PUBLIC[module])


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_there_and_documented(module: str) -> None:
    found = importlib.import_module(module)
    for name in PUBLIC[module]:
        assert (inspect.getdoc(getattr(found, name)) or "").strip(), f"{module}.{name} has no docstring"


def test_dir_lists_the_public_names() -> None:
    assert set(plait.__all__) <= set(dir(plait))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'mapp'"):
        plait.mapp


@pytest.mark.parametrize(
    ("name", "instead"),
    [("Thread", "plait.scope"), ("gather", "plait.map"), ("Queue", "plait.channel"), ("Lock", "threading")],
)
def test_a_name_of_another_library_says_what_to_use(name: str, instead: str) -> None:
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'; .*{instead}"):
        getattr(plait, name)


def test_a_name_that_is_nearly_right_is_told_by_python() -> None:
    command = [sys.executable, "-c", "import plait; plait.chanel"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stderr
    assert "'channel'" in said or "'.channel'" in said  # as CPython 3.15 has it


def test_the_doorways_are_the_only_public_modules() -> None:
    import pkgutil

    public = {module.name for module in pkgutil.iter_modules(plait.__path__) if not module.name.startswith("_")}
    for_others = {"pytest_plugin", "joblib_backend"}  # that pytest finds, and that is imported for joblib to find it
    assert public - for_others == {name for name in PUBLIC["plait"] if inspect.ismodule(getattr(plait, name))}


def test_the_options_of_map() -> None:
    assert list(inspect.signature(plait.map).parameters) == ["fn", "iterables", *OPTIONS_OF_MAP]


def test_the_map_of_a_scope_has_the_same_options_but_the_engine() -> None:
    from plait._run.map import MapOptions

    assert ["engine", *MapOptions.__annotations__] == OPTIONS_OF_MAP


def test_the_options_of_scope() -> None:
    assert list(inspect.signature(plait.scope).parameters) == ["engine", "workers", "deadline"]


def test_the_options_of_a_pool() -> None:
    assert list(inspect.signature(plait.Pool).parameters) == ["engine", "workers", "initializer", "initargs"]


@pytest.mark.parametrize("error", sorted(set(PUBLIC["plait.errors"]) - {"outcome_of"}))
def test_a_traceback_names_an_error_as_a_program_catches_it(error: str) -> None:
    assert getattr(plait.errors, error).__module__ == "plait.errors"


def test_errors_are_found_where_they_say_they_are_as_soon_as_there_can_be_any() -> None:
    program = "import sys, plait; plait.Retry; assert 'plait.errors' in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_plait_errors_derive_from_what_a_caller_would_catch() -> None:
    from concurrent.futures import BrokenExecutor, CancelledError

    errors = plait.errors
    expected = {
        errors.UsageError: ValueError,
        errors.Cancelled: CancelledError,
        errors.Closed: RuntimeError,
        errors.WaitTimeout: TimeoutError,
        errors.PoolBroken: BrokenExecutor,
        errors.JournalError: OSError,
        errors.TaskTimeout: TimeoutError,
        errors.NotTransferable: TypeError,
        errors.RemoteError: RuntimeError,
        errors.WorkerDied: BrokenExecutor,
        errors.MemoryExceeded: MemoryError,
    }
    for ours, builtin in expected.items():
        assert issubclass(ours, builtin)
        assert issubclass(ours, errors.PlaitError)
    assert not issubclass(errors.StopTask, Exception)
