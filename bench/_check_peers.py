"""Other people's race finders on a program of the corpus, each as ``find(path, seed=, limit=, seconds=)``.

Both want a model function, not a script. interleave-test gets one that runs the whole script anew each time. frontrun
controls only the threads that it starts itself, so `split` takes ``main()`` apart for it: what is before the threads
start becomes its `setup`, the targets of the threads and what main does meanwhile become its `workers`, and what
follows the first join is its `invariant`.
"""

from __future__ import annotations

import ast
import contextlib
import io
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple


class Found(NamedTuple):
    """How many executions it took to find a failure (0: not found), out of how many, and what the tool said.

    `passed` says that the tool called the program right, not only that it found nothing in the time.
    """

    at: int
    executions: int
    words: str
    cpu: float
    passed: bool = False


Finder = Callable[..., Found]


def interleave_random(path: Path, *, seed: int, limit: int, seconds: float) -> Found:
    return _interleave(path, "random", seed, limit, seconds)


def interleave_pct(path: Path, *, seed: int, limit: int, seconds: float) -> Found:
    return _interleave(path, "pct", seed, limit, seconds)


def frontrun_dpor(path: Path, *, seed: int, limit: int, seconds: float) -> Found:
    del seed  # it is systematic
    return _frontrun(path, seconds, strategy="dpor", max_executions=limit)


def frontrun_random(path: Path, *, seed: int, limit: int, seconds: float) -> Found:
    return _frontrun(path, seconds, strategy="random", max_attempts=limit, seed=seed)


FINDERS: dict[str, Finder] = {
    "interleave-test random": interleave_random,
    "interleave-test pct": interleave_pct,
    "frontrun dpor": frontrun_dpor,
    "frontrun random": frontrun_random,
}


def _interleave(path: Path, strategy: str, seed: int, limit: int, seconds: float) -> Found:
    import interleave_test

    code = compile(path.read_text(), str(path), "exec")

    def model() -> None:
        exec(code, {"__name__": "__main__", "__file__": str(path)})

    began = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        result = interleave_test.explore(
            model, iterations=limit, seed=seed, strategy=strategy, timeout=seconds, raise_on_failure=False
        )
    words = "" if result.ok else _first_line(result.failure)
    return Found(0 if result.ok else result.schedules_run, result.schedules_run, words, time.process_time() - began)


def _frontrun(path: Path, seconds: float, **options: Any) -> Found:
    import frontrun

    code = split(path)
    workers = len(Model(code, path).targets)

    def worker(number: int) -> Callable[[Model], None]:
        return lambda model: model.targets[number]()

    made = 0

    def set_up() -> Model:
        nonlocal made
        made += 1
        return Model(code, path)

    began = time.process_time()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            result = frontrun.explore(
                setup=set_up,
                workers=[worker(number) for number in range(workers)],
                invariant=Model.holds,
                total_timeout=seconds,
                reproduce_on_failure=0,
                **options,
            )
    except Exception as error:  # what a worker raises comes out as it is, and fails the test that has called explore
        return Found(made, made, f"raised {type(error).__name__}", time.process_time() - began)
    at = result.num_explored if result.property_holds is False else 0
    words = "" if result.property_holds else _first_line(result.explanation)
    if result.property_holds is None:
        words = f"inconclusive: {words}"
    passed = result.property_holds is True and options["strategy"] == "dpor"
    return Found(at, max(made, result.num_explored), words, time.process_time() - began, passed)


class Model:
    """One fresh copy of a program that was split, up to the moment at which its threads would start."""

    def __init__(self, code: CodeType, path: Path) -> None:
        self.targets: list[Callable[[], object]] = []
        names: dict[str, Any] = {"__name__": "split", "__file__": str(path)}
        exec(code, names)
        with _threads_that_only_note(self.targets):
            self._rest = names["main"]()
            next(self._rest)
        self.targets.append(self._meanwhile)

    def _meanwhile(self) -> None:
        next(self._rest)

    def holds(self) -> bool:
        """Whether what main asserts after its joins is so."""
        with _threads_that_only_note([]):
            next(self._rest, None)
        return True


def split(path: Path) -> CodeType:
    """The program with a ``main`` that is a generator: it yields when its threads have started, and before it joins.

    Raises:
        ValueError: main does not start and join threads in so plain a way; says why.
    """
    tree = ast.parse(path.read_text())
    mains = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main"]
    if not mains:
        raise ValueError("main is not a plain function")
    body = mains[0].body
    starts = [number for number, node in enumerate(body) if _calls(node, "start")]
    joins = [number for number, node in enumerate(body) if _calls(node, "join")]
    if not starts or not joins or starts[-1] >= joins[0]:
        raise ValueError("its threads do not all start in main before the first join there")
    pause = ast.parse("yield").body[0]
    body[joins[0] : joins[0]] = [pause]
    body[starts[-1] + 1 : starts[-1] + 1] = [pause]
    return compile(ast.fix_missing_locations(tree), str(path), "exec")


def _calls(node: ast.stmt, method: str) -> bool:
    return any(
        isinstance(each, ast.Call)
        and isinstance(each.func, ast.Attribute)
        and each.func.attr == method
        and not isinstance(each.func.value, ast.Constant)
        for each in ast.walk(node)
    )


@contextlib.contextmanager
def _threads_that_only_note(targets: list[Callable[[], object]]) -> Generator[None, None, None]:
    """While it lasts, starting a thread only notes what it would run, and joining one does nothing."""
    start, join = threading.Thread.start, threading.Thread.join
    threading.Thread.start = lambda thread: targets.append(thread.run)  # type: ignore[method-assign,assignment]
    threading.Thread.join = lambda *_: None  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        threading.Thread.start, threading.Thread.join = start, join  # type: ignore[method-assign]


def _first_line(said: object) -> str:
    return next(iter(str(said or "").strip().splitlines()), "")[:80]
