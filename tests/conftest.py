"""What every test may use: signals as a terminal gives them, and a check that nothing was left behind."""

from __future__ import annotations

import ctypes  # noqa: F401  # libffi keeps a descriptor open from the first import on, which may come in any test
import gc
import importlib.util
import multiprocessing
import multiprocessing.util
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext
from pathlib import Path

import psutil
import pytest

from plait._engines.facts import has_children

_PATIENCE = 20.0  # seconds that what a test ended may take to be gone, as where the disk is busy


def pytest_configure() -> None:
    """Hear what `nohup` and the background jobs of a shell ignore, here and in the programs that tests start.

    Those inherit what is ignored, but get the default of what has a handler. Ours for SIGHUP does nothing, so that
    the tests themselves outlive their terminal as they were asked to. And workers find a pytest that is imported soon.
    """
    sys.path.insert(0, str(Path(__file__).parent / "in_workers"))
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGHUP", "SIGQUIT"):
        if signal.getsignal(getattr(signal, name, signal.SIGINT)) is signal.SIG_IGN:
            signal.signal(getattr(signal, name), _nothing)


def pytest_collection_finish() -> None:
    """What is there before the tests need not be looked through in every one of thousands of collections."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """What plugins do at the end finds everything again."""
    gc.unfreeze()


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Fails the test if it leaves a thread, a child process or an open descriptor behind."""
    before = _held()
    gc.freeze()  # for good: thawed, all of it would be looked through again
    yield
    left = _wait_until_gone(before)
    assert not left, f"left behind: {', '.join(sorted(left))}"


@pytest.fixture
def soon_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is checked counts as going on for ever after a twentieth of the steps, where a test is not about how many."""
    from plait._check import diagnosis, execution

    lately, longest = diagnosis.LATELY // 20, execution.LONGEST // 20
    monkeypatch.setattr(diagnosis, "LATELY", lately)
    monkeypatch.setattr(execution, "LATELY", lately)
    monkeypatch.setattr(execution, "LONGEST", longest)
    monkeypatch.setitem(execution.Execution.__init__.__kwdefaults__, "limit", longest)


@pytest.fixture(scope="module")
def fork_server() -> Iterator[ForkServerContext]:
    """Starts processes for the standard library's executors fast, and is itself gone at the end of the module."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["plait.testing._contract"])  # what a worker imports would be most of its time
    forkserver.ensure_running()
    yield server
    forkserver._forkserver._stop()
    resource_tracker._resource_tracker._stop()


@pytest.fixture(scope="module")
def no_tracker_is_left() -> Iterator[None]:
    """What `multiprocessing` starts for the names of its locks, from Python 3.14 on; the names go before it."""
    resource_tracker.ensure_running()
    registry = multiprocessing.util._finalizer_registry
    before = set(registry)
    yield
    for key in registry.keys() - before:
        registry[key]()
    resource_tracker._resource_tracker._stop()


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """The name of a screen that nobody sees, for programs with windows."""
    if shutil.which("Xvfb") is None:
        pytest.skip("no Xvfb here: apt-get install xvfb")
    if importlib.util.find_spec("tkinter") is None:
        pytest.skip("this Python was built without tkinter")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "460x180x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as number:
            yield f":{number.readline().strip()}"
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="session", autouse=True)
def _no_process_outlives_the_tests() -> Iterator[None]:
    """Fails the run if child processes are left at its very end."""
    before = _children()
    yield
    gc.collect()
    deadline = time.monotonic() + _PATIENCE
    while (left := _children() - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left, f"processes left behind by the tests: {', '.join(sorted(left))}"


def _nothing(number: int, frame: object) -> None:
    """Heard, and not acted upon."""


def _wait_until_gone(before: set[str]) -> set[str]:
    deadline = time.monotonic() + _PATIENCE
    gc.collect()
    while (left := _held() - before) and time.monotonic() < deadline:
        time.sleep(0.01)  # nobody can be asked to tell when the kernel has removed a process
        gc.collect()  # what a thread that has just ended held
    return left


def _held() -> set[str]:
    return _threads() | _children() | _descriptors()


def _threads() -> set[str]:
    return {f"thread {thread.name} ({thread.ident})" for thread in threading.enumerate() if thread.is_alive()}


def _children() -> set[str]:
    found: set[str] = set()
    if not has_children():
        return found
    for child in psutil.Process().children(recursive=True):
        try:
            if child.status() != psutil.STATUS_ZOMBIE or child.ppid() == os.getpid():
                found.add(f"process {child.pid} ({child.name()})")
        except psutil.NoSuchProcess:
            continue
    return found


def _descriptors() -> set[str]:
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        return set()
    found = set()
    for entry in folder.iterdir():
        try:
            target = os.readlink(entry)
        except OSError:
            continue
        if not target.startswith(f"/proc/{os.getpid()}/fd"):
            found.add(f"descriptor {entry.name} ({target})")
    return found
