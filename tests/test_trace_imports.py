"""What a trace says of imports: what they took, and who waited for another thread's."""

from __future__ import annotations

import importlib._bootstrap
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import plait
from plait._core.trace import Lane, State, Trace
from plait._see.imports import add_imports, tell_imports
from plait._see.recorder.imports import Import, ImportRecorder
from plait._see.recorder.unfinished import Unfinished
from plait._see.recorder.waits import Recorder

SECOND = 1_000_000
BOOTSTRAP: Any = importlib._bootstrap


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One from which modules are imported, which are forgotten at the end."""
    monkeypatch.syspath_prepend(tmp_path)
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if name.startswith("made_"):
            del sys.modules[name]


def of_a_second() -> Trace:
    trace = Trace("app.py", 0.0, SECOND)
    lane = Lane("MainThread", "thread", 1, 7)
    for moment, state in ((0, State.PYTHON), (400_000, State.SLEEP), (600_000, State.PYTHON)):
        lane.add(moment, state)
    trace.lanes.append(lane)
    return trace


def test_what_ran_then_was_importing() -> None:
    trace = of_a_second()
    imports = [
        Import(7, 5_100_000, 5_700_000, "numpy", "app.py:1"),
        Import(8, 5_000_000, 5_900_000, "json", "app.py:2"),
    ]
    add_imports(trace, imports, 5_000_000)
    seen = [(began, ended, trace.texts[text]) for began, ended, _, text in trace.lanes[0].stretches(SECOND)]
    assert seen == [
        (0, 100_000, ""),
        (100_000, 400_000, "importing numpy"),
        (400_000, 600_000, ""),  # it slept
        (600_000, 700_000, "importing numpy"),
        (700_000, SECOND, ""),
    ]


def test_the_sentence() -> None:
    imports = [Import(7, 0, 400_000, "app.views", "app.py:1"), Import(7, 500_000, 600_000, "json", "app.py:9 in load")]
    packages = {"numpy": 0.3, "app": 0.12, "json": 0.02}
    ((seconds, text),) = tell_imports(of_a_second(), packages, imports)
    assert seconds == pytest.approx(0.44)
    assert text.startswith("importing modules took 0.44 s: numpy 0.30 s, app 0.12 s; most at app.py:1. What is seldom")
    assert tell_imports(of_a_second(), {"json": 0.09}, imports) == []


def test_each_package_has_its_own_part(folder: Path) -> None:
    (folder / "made_outer.py").write_text("import made_inner\n")
    (folder / "made_inner.py").write_text(
        "import time\nbegan = time.perf_counter()\nfor _ in range(200_000): pass\ntook = time.perf_counter() - began\n"
    )
    recorder = ImportRecorder(deque(), Unfinished(), {})
    recorder.install()
    try:
        import made_outer  # type: ignore[import-not-found]  # it is made above
    finally:
        recorder.remove()
    (found,) = (one for one in recorder.imports if one.name == "made_outer")
    assert found.where.startswith("test_trace_imports.py:")
    inner, outer = recorder.packages["made_inner"], recorder.packages["made_outer"]
    whole = (found.ended - found.began + 2) / 1e6
    assert inner + outer <= whole
    assert inner >= made_outer.made_inner.took - 2e-6  # whoever had the core meanwhile
    assert BOOTSTRAP._find_and_load.__name__ == "_find_and_load"


@pytest.mark.parametrize("text", ["1 / 0", "import made_nowhere", "raise ImportError('no')"])
def test_tracebacks_are_as_without(text: str, folder: Path) -> None:
    (folder / "made_broken.py").write_text(text + "\n")

    def frames() -> list[tuple[str, str]]:
        try:
            import made_broken  # type: ignore[import-not-found]  # noqa: F401  it is made above
        except Exception as error:
            return [(frame.filename, frame.name) for frame in traceback.extract_tb(error.__traceback__)]
        raise AssertionError("it cannot be imported")

    plain = frames()
    recorder = ImportRecorder(deque(), Unfinished(), {})
    recorder.install()
    try:
        assert frames() == plain
    finally:
        recorder.remove()


def test_who_waits_for_the_import_of_another_thread(folder: Path) -> None:
    (folder / "made_slow.py").write_text("import builtins\nbuiltins.made_begun.set()\nbuiltins.made_go_on.wait(20)\n")
    import builtins

    begun, go_on = threading.Event(), threading.Event()
    builtins.made_begun, builtins.made_go_on = begun, go_on  # type: ignore[attr-defined]  # for the module
    recorder = Recorder()
    recorder.install()
    imports = ImportRecorder(recorder.noted, recorder.unfinished, recorder.natives)
    imports.install()

    def load() -> None:
        import made_slow  # type: ignore[import-not-found]  # noqa: F401  it is made above

    def waits() -> bool:
        return any(lock.waiters for lock in _module_locks("made_slow"))

    threads = [threading.Thread(target=load, name=name) for name in ("first", "second")]
    try:
        threads[0].start()
        assert begun.wait(20)
        threads[1].start()
        while not waits():
            pass
        holder = threads[0].native_id
        go_on.set()
        for thread in threads:
            thread.join()
    finally:
        go_on.set()
        imports.remove()
        recorder.remove()
        del builtins.made_begun, builtins.made_go_on  # type: ignore[attr-defined]  # as above
    (wait,) = (one for one in recorder.noted if one.name == "import of made_slow")
    assert (wait.state, wait.holder, wait.tid) == (State.LOCK, holder, threads[1].native_id)
    assert wait.held_at.startswith("made_slow.py:3")
    assert wait.where.startswith("test_trace_imports.py:")
    assert "made_slow" in imports.packages


def _module_locks(name: str) -> list[Any]:
    found = BOOTSTRAP._module_locks.get(name)
    return [] if found is None or found() is None else [found()]


def test_a_program_that_imports(folder: Path) -> None:
    (folder / "made_dear.py").write_text(
        "import time\nend = time.thread_time() + 0.2\nwhile time.thread_time() < end: pass\n"
    )
    with plait.trace() as trace:
        import made_dear  # type: ignore[import-not-found]  # noqa: F401  it is made above
    assert any("importing modules took" in text and ": made_dear " in text for text in trace.summary), trace.summary
    assert "importing made_dear" in trace.texts
