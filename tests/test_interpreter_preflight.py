"""Modules that do not load in subinterpreters: said before the work starts, or another engine takes over."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

import plait
from plait._engines.interpreters.preflight import certain_imports
from plait._engines.interpreters.refusals import Imports, refused_module
from plait.engines import InterpreterEngine, make_engine
from plait.errors import NotTransferable, UsageError

NEW_ENOUGH = sys.version_info >= (3, 14)
needs_interpreters = pytest.mark.skipif(
    not NEW_ENOUGH, reason="CPython 3.14 and later have interpreters with a GIL of their own"
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of modules: `good`, and `bad`, which needs one that does not load (faulthandler stands for numpy)."""
    (tmp_path / "plait_good.py").write_text("def f(x): return x + 1\n")
    (tmp_path / "plait_bad.py").write_text(
        "import faulthandler\nclass Item:\n    def __init__(self, x): self.x = x\ndef f(x): return x + 1\n"
    )
    sys.path.insert(0, str(tmp_path))
    yield tmp_path
    sys.path.remove(str(tmp_path))
    for name in ("plait_good", "plait_bad"):
        sys.modules.pop(name, None)


def marks_and_imports(path: str) -> str:
    import faulthandler  # noqa: F401

    Path(path).touch()
    return path


def imports_sometimes(x: int) -> int:
    if x == 3:
        import faulthandler  # noqa: F401
    return x


# --- without interpreters


def test_what_every_call_imports() -> None:
    def work(x: int) -> object:
        import json
        import os.path
        from decimal import Decimal

        try:
            import xml  # noqa: F401
        except ImportError:
            pass
        if x:
            import csv  # noqa: F401
        return json, os, Decimal

    assert list(certain_imports(work)) == ["json", "os.path", "decimal"]
    assert list(certain_imports(functools.partial(work, 1))) == ["json", "os.path", "decimal"]
    assert list(certain_imports(functools.wraps(work)(lambda x: x))) == ["json", "os.path", "decimal"]
    assert list(certain_imports(len)) == list(certain_imports(int)) == list(certain_imports(object())) == []
    assert list(certain_imports(lambda x: [y + 1 for y in x])) == []


def test_what_a_refusal_looks_like() -> None:
    plain = ImportError("module a.b does not support loading in subinterpreters")
    assert refused_module(plain) == "a.b"
    wrapped = ImportError("numpy is broken, original error: module n._c does not support loading in subinterpreters")
    assert refused_module(wrapped) == "n._c"
    other = ImportError("PyO3 modules do not yet support subinterpreters, see ...", name="orjson")
    assert refused_module(other) == "orjson"
    outer = RuntimeError("could not load the plug-in")
    outer.__cause__ = plain
    assert refused_module(outer) == "a.b"
    assert refused_module(ModuleNotFoundError("No module named 'x'")) == ""
    assert refused_module(ValueError("subinterpreters")) == ""
    plain.__context__ = plain
    assert refused_module(plain) == "a.b"


def test_imports_that_fail_otherwise_are_left_to_the_function(folder: Path) -> None:
    (folder / "plait_broken.py").write_text("1/0")
    Imports(["no_such_module_anywhere", "plait_broken", "json"]).require()


@pytest.mark.skipif(NEW_ENOUGH, reason="this Python has interpreters")
def test_an_older_python_is_told_what_is_needed() -> None:
    version = ".".join(map(str, sys.version_info[:3]))
    for call in (
        InterpreterEngine,
        lambda: make_engine("interpreter"),
        lambda: plait.map(abs, [1], engine="interpreter"),
        lambda: plait.Pool("interpreter"),
    ):
        with pytest.raises(UsageError) as caught:
            call()
        assert f'engine="interpreter" needs CPython 3.14 or later, this is CPython {version}' in str(caught.value)
        assert 'use engine="process"' in str(caught.value)


@pytest.mark.skipif(NEW_ENOUGH, reason="this Python has interpreters")
@pytest.mark.parametrize("fallback", ["process", "thread"])
def test_an_older_python_falls_back(fallback: str, nothing_left: None) -> None:
    with closing(InterpreterEngine(fallback=fallback)) as engine:
        stream = plait.map(lambda x: x + 1, range(100), engine=engine, workers=2)
        assert list(stream) == list(range(1, 101))
        assert stream.report.engine == fallback
        (reason,) = [why for why in stream.report.why if "instead of interpreter" in why]
        assert reason.startswith(f'{fallback} instead of interpreter: engine="interpreter" needs CPython 3.14')


# --- with them


def by_reference() -> Callable[[int], int]:
    import plait_bad  # type: ignore[import-not-found]

    return plait_bad.f  # type: ignore[no-any-return]


def by_value() -> Callable[[int], int]:
    import plait_bad

    return lambda x: plait_bad.f(x)  # type: ignore[no-any-return]


@needs_interpreters
@pytest.mark.parametrize("make", [by_reference, by_value])
def test_a_function_that_needs_such_a_module_is_refused_before_the_work(
    make: Callable[[], Callable[[int], int]], folder: Path, nothing_left: None
) -> None:
    with pytest.raises(NotTransferable) as caught:
        list(plait.map(make(), range(100), engine="interpreter", workers=2))
    assert str(caught.value) == (
        'module faulthandler does not load in subinterpreters; use engine="process" or engine="thread", '
        'or engines.InterpreterEngine(fallback="process")'
    )


@needs_interpreters
def test_imports_of_the_body_are_looked_at_before_the_work(tmp_path: Path, nothing_left: None) -> None:
    with pytest.raises(NotTransferable, match="module faulthandler does not load"):
        list(plait.map(marks_and_imports, [str(tmp_path / "a")] * 3, engine="interpreter"))
    assert not (tmp_path / "a").exists()


@needs_interpreters
def test_an_import_that_may_never_happen_fails_its_item_only(nothing_left: None) -> None:
    outcomes = list(plait.map(imports_sometimes, range(6), engine="interpreter", workers=2).outcomes())
    assert [outcome.value for outcome in outcomes] == [0, 1, 2, None, 4, 5]
    error = outcomes[3].error
    assert isinstance(error, ImportError)
    assert any("module faulthandler does not load in subinterpreters" in note for note in error.__notes__)


@needs_interpreters
def test_items_that_need_such_a_module_fail_with_the_reason(folder: Path, nothing_left: None) -> None:
    import plait_bad

    items = [1, plait_bad.Item(2), 3]
    outcomes = list(plait.map(type, items, engine="interpreter", workers=1).outcomes())
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    assert isinstance(outcomes[1].error, NotTransferable)
    assert "module faulthandler does not load in subinterpreters" in str(outcomes[1].error)
    assert 'use engine="process"' in str(outcomes[1].error)


@needs_interpreters
@pytest.mark.parametrize("fallback", ["process", "thread"])
def test_another_engine_takes_over(fallback: str, folder: Path, nothing_left: None) -> None:
    with closing(InterpreterEngine(fallback=fallback)) as engine:
        for _ in range(2):
            stream = plait.map(by_value(), range(500), engine=engine, workers=2)
            assert list(stream) == list(range(1, 501))
            assert stream.report.engine == fallback
            reason = f"{fallback} instead of interpreter: module faulthandler does not load in subinterpreters"
            assert reason in stream.report.why
        stream = plait.map(abs, range(500), engine=engine, workers=2)  # this one has no reason to
        assert list(stream) == list(range(500))
        assert stream.report.engine == "interpreter"


@needs_interpreters
def test_what_was_refused_once_is_not_tried_again(folder: Path, nothing_left: None) -> None:
    from concurrent import interpreters

    fn = by_reference()
    with closing(InterpreterEngine(fallback="thread")) as engine:
        list(plait.map(fn, range(10), engine=engine, workers=1))
        engine._reserve.close()  # type: ignore[union-attr]  # the worker that refused, to see whether another is made
        before = interpreters.list_all()
        assert list(plait.map(fn, range(10), engine=engine, workers=1)) == list(range(1, 11))
        assert interpreters.list_all() == before


@needs_interpreters
def test_another_engine_takes_over_in_the_middle(folder: Path, nothing_left: None, tmp_path: Path) -> None:
    """An item that interpreters cannot read, after many that they have run: none is run twice, none is lost."""
    import plait_bad

    items = [*range(3000), plait_bad.Item(1), *range(3000, 3100)]
    with closing(InterpreterEngine(fallback="process")) as engine:
        stream = plait.map(lambda x: (type(x).__name__, os.getpid()), items, engine=engine, workers=2)
        found = list(stream)
    assert [name for name, _ in found] == ["int"] * 3000 + ["Item"] + ["int"] * 100
    assert os.getpid() in {pid for _, pid in found[:3000]}  # not of each: a worker may be slow to begin
    assert found[3000][1] != os.getpid()
    assert stream.report.engine == "process"


@needs_interpreters
def test_a_pool_falls_back_as_well(folder: Path, nothing_left: None) -> None:
    import plait_bad

    with closing(InterpreterEngine(fallback="process")) as engine, plait.Pool(engine, workers=2) as pool:
        assert pool.submit(os.getpid).result() == os.getpid()
        assert pool.submit(plait_bad.f, 1).result() == 2
        futures = [pool.submit(plait_bad.f, n) for n in range(20)]
        assert [future.result() for future in futures] == list(range(1, 21))


@needs_interpreters
def test_a_script_that_uses_such_a_module_says_so() -> None:
    program = """
        import faulthandler, plait

        def work(x):
            return faulthandler.is_enabled()

        engine = plait.engines.InterpreterEngine(fallback="process")
        stream = plait.map(work, range(3), engine=engine)
        print(list(stream))
        print(stream.report)
        engine.close()
        list(plait.map(work, range(3), engine="interpreter"))
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1] / "src")},
        timeout=30,
        check=False,
    )
    assert "process instead of interpreter: module faulthandler does not load in subinterpreters" in done.stdout
    assert "NotTransferable: module faulthandler does not load in subinterpreters" in done.stderr
    assert done.returncode == 1
