"""What crosses to a worker and back as it is: errors of any class, groups, classes with slots, generic functions; and what a
fork in a worker must not do."""

from __future__ import annotations

import colorsys
import functools
import importlib.util
import logging
import os
import subprocess
import sys
import threading
import traceback
import urllib.error
import warnings
from collections.abc import Callable
from contextlib import closing
from contextvars import ContextVar
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import plait
from plait._core.notes import add_note, notes_of
from plait.engines import ProcessEngine
from plait.errors import NotTransferable, RemoteError

pytestmark = pytest.mark.usefixtures("nothing_left")


class Delegating(Exception):
    """As proxies do that look up everything in something else, and raise what that raises."""

    def __getattr__(self, name: str) -> object:
        raise KeyError(name)


class NoNotes(Exception):
    def add_note(self, note: str) -> None:
        raise RuntimeError(note)


class Keyed(Exception):
    def __init__(self, *, code: int) -> None:
        super().__init__(code)
        self.open = open  # by name
        self.file = sys.stderr.buffer  # which cannot be pickled

    def __str__(self) -> str:
        return f"{self.args[0]}, {self.file.writable()}"  # so it cannot do without


class Slotted(ValueError):
    __slots__ = ("code",)

    def __init__(self, *, code: int) -> None:
        super().__init__()
        self.code = code


def raised(kind: Callable[[], BaseException], _: object) -> None:
    raise kind()


def with_text_for_notes() -> Exception:
    error = ValueError("with text for notes")
    error.__notes__ = "text"  # type: ignore[assignment]  # anybody may
    return error


@pytest.mark.parametrize("engine", ["inline", "thread", "process"])
@pytest.mark.parametrize("make", [lambda: Delegating("x"), lambda: NoNotes("x"), with_text_for_notes])
def test_an_error_is_raised_whatever_its_class_does_to_notes(make: Callable[[], Exception], engine: str) -> None:
    with pytest.raises((type(make()), RemoteError)) as caught:
        list(plait.map(functools.partial(raised, make), [7], engine=engine))
    outcome = plait.errors.outcome_of(caught.value)
    assert outcome is not None
    assert outcome.input == 7


def test_notes_are_added_once_more_only_where_they_can_be() -> None:
    error = Delegating("x")
    add_note(error, "plait: item 1")
    assert notes_of(error) == ["plait: item 1"]
    assert notes_of(with_text_for_notes()) == []


def members(codes: list[int]) -> None:
    errors: list[Exception] = []
    for code in codes:
        try:
            raise (Keyed(code=code) if code < 0 else ValueError(code))
        except Exception as error:
            errors.append(error)
    raise ExceptionGroup("several", errors)


@pytest.mark.parametrize("captured", [False, True])
def test_modules_that_are_imported_by_their_dotted_names_are_there(
    captured: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = f"dotted_{captured}".lower()
    inner = tmp_path / package / "inner"
    inner.mkdir(parents=True)
    (tmp_path / package / "__init__.py").touch()
    (inner / "__init__.py").touch()
    (inner / "deep.py").write_text("def double(n): return 2 * n")
    monkeypatch.syspath_prepend(tmp_path)
    top = __import__(f"{package}.inner.deep")
    scope: dict[str, Any] = {"top": top}
    by_global = "def double(n):\n    return (lambda: top.inner.deep.double(n))()"
    by_cell = (
        f"def make(top):\n    {by_global.replace(chr(10), chr(10) + '    ')}\n    return double\ndouble = make(top)"
    )
    exec(by_cell if captured else by_global, scope)
    with closing(ProcessEngine()) as engine:
        assert list(plait.map(scope["double"], [1, 2], engine=engine, workers=1)) == [2, 4]


def loaded(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["loaded_by_its_path", "colorsys"])  # a name of its own, and one of another module
def test_a_module_that_was_loaded_by_the_path_of_its_file_goes_along(name: str, tmp_path: Path) -> None:
    (tmp_path / "any.py").write_text(
        "factor = 4\nclass Scaled:\n    def by(self, n): return n * factor\ndef scale(n): return Scaled().by(n)\n"
    )
    module = loaded(name, tmp_path / "any.py")
    assert colorsys is not module
    for function in (lambda n: module.scale(n), lambda n: module.Scaled().by(n), module.scale):
        assert list(plait.map(function, [1, 2], engine="process", workers=1)) == [4, 8]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # CPython 3.14 wants HTTPErrors closed
def test_an_error_that_is_made_anew_without_its_init_keeps_what_is_not_in_its_dict() -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        list(plait.map(raised, [functools.partial(refused, "a page")], [1], engine="process"))
    error = caught.value
    assert (error.url, error.filename, error.code, str(error)) == ("a page", "a page", 404, "HTTP Error 404: gone")
    with pytest.raises(Slotted) as slotted:
        list(plait.map(raised, [functools.partial(Slotted, code=3)], [1], engine="process"))
    assert slotted.value.code == 3


def refused(page: str) -> urllib.error.HTTPError:
    return urllib.error.HTTPError(page, 404, "gone", Message(), None)


@pytest.mark.parametrize("codes", [[1, 2], [1, -2]])
def test_a_group_of_errors_comes_back_as_one_with_the_lines_of_its_members(codes: list[int]) -> None:
    with pytest.raises(ExceptionGroup, match="several") as caught:
        list(plait.map(members, [codes], engine="process"))
    kinds = [type(error) for error in caught.value.exceptions]
    assert kinds == [ValueError, RemoteError if -2 in codes else ValueError]
    for error in caught.value.exceptions:
        assert traceback.extract_tb(error.__traceback__)[-1].name == "members"


def test_what_could_not_be_sent_was_on_no_worker() -> None:
    with pytest.raises(NotTransferable) as caught:
        list(plait.map(len, [sys._getframe()], engine="process"))
    assert caught.value.__notes__[-1].endswith(", not sent")


def test_an_input_that_fails_at_once_has_no_item_before() -> None:
    def broken() -> Any:
        raise ValueError("no input")
        yield

    with pytest.raises(ValueError, match="no input") as caught:
        list(plait.map(len, broken(), engine="thread"))
    assert caught.value.__notes__ == ["plait: raised by the input iterator before its first item"]


def test_objects_of_local_classes_with_slots_come_back_as_they_were() -> None:
    class Base:
        __slots__ = ("__hidden", "x")

        def __init__(self, x: int) -> None:
            self.x, self.__hidden = x, -x

        def hidden(self) -> int:
            return self.__hidden

    class Child(Base):
        __slots__ = "y"  # noqa: PLC0205  as people write it

    class Plain(Child):
        """With a dictionary again."""

    @dataclass(slots=True, weakref_slot=True)
    class Record:
        number: int
        text: str = "t"

    class Pair(NamedTuple):
        left: int

    child, plain = Child(1), Plain(2)
    child.y = plain.y = plain.z = 3  # type: ignore[attr-defined]  # its dictionary takes it
    items = [Base(0), child, plain, Record(4), Pair(5)]
    back = list(plait.map(lambda value: value, items, engine="process", workers=1))
    assert [type(value) for value in back] == [type(value) for value in items]
    assert (back[1].x, back[1].y, back[1].hidden()) == (1, 3, -1)
    assert (back[2].x, back[2].y, back[2].z) == (2, 3, 3)
    assert not hasattr(back[1], "__dict__")
    assert back[3:] == items[3:]


def test_a_local_generic_function_crosses() -> None:
    @functools.singledispatch
    def kind(_: object) -> str:
        return "object"

    @kind.register
    def _(_: int) -> str:
        return "int"

    kind("fills its cache, which is a weak dictionary")
    assert list(plait.map(kind, [1, "a"], engine="process", workers=1)) == ["int", "object"]


def fork(deed: str) -> int:
    child = os.fork()
    if child == 0:
        if deed == "exit":
            sys.exit(7)
        return -1
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("engine", ["thread", "process"])
def test_a_child_that_the_function_forks_ends_where_it_leaves_it(engine: str) -> None:
    deeds = ["exit", "return", "exit"]
    for _ in range(2):
        assert list(plait.map(fork, deeds, engine=engine, workers=1)) == [7, 1, 7]
    with plait.Pool("process", workers=1) as pool:
        assert [pool.submit(fork, "exit").result() for _ in range(2)] == [7, 7]


def fails(*_: object) -> None:
    raise ValueError("here")


@pytest.mark.parametrize("engine", ["inline", "thread", "process", "auto"])
@pytest.mark.parametrize("inputs", [1, 2])
def test_a_traceback_begins_in_the_function(engine: str, inputs: int) -> None:
    stream = plait.map(fails, *[[1, 2]] * inputs, engine=engine, timeout=20 if inputs == 2 else None)
    for outcome in stream.outcomes():
        assert outcome.error is not None
        assert [frame.name for frame in traceback.extract_tb(outcome.error.__traceback__)] == ["fails"]


class AnyName:
    """Answers to any name, with more of the same; as mocks do."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def __getattr__(self, name: str) -> AnyName:
        if name.startswith("__"):
            raise AttributeError(name)
        return AnyName()

    def __call__(self, item: int) -> int:
        return item


@pytest.mark.timeout(30)
def test_a_function_that_answers_to_any_name_is_refused_like_others() -> None:
    with pytest.raises(NotTransferable, match=r"AnyName\.lock is a lock object"):
        list(plait.map(AnyName(), [1], engine="process"))
    assert list(plait.map(AnyName(), [1], engine="thread")) == [1]


def test_an_item_that_answers_to_any_name_is_refused_like_others() -> None:
    with pytest.raises(NotTransferable, match=r"item 0 cannot be sent to a process: item\.lock is a lock object"):
        list(plait.map(id, [AnyName()], engine="process"))


def test_data_that_is_nested_too_deeply_is_said_to_be() -> None:
    deep: list[Any] = []
    for _ in range(200_000):
        deep = [deep]
    with pytest.raises(NotTransferable, match="item is nested too deeply to be pickled"):
        list(plait.map(len, [deep], engine="process"))


def test_an_object_of_a_built_in_class_that_has_no_name_is_refused_with_what_to_do() -> None:
    with pytest.raises(NotTransferable, match=r"its class sys\.flags is built in.*; make a plain tuple of it first"):
        list(plait.map(lambda _: {"of": sys.flags}, [1], engine="process"))
    assert list(plait.map(lambda _: tuple(sys.flags), [1], engine="process"))


def test_what_belongs_to_one_process_says_so() -> None:
    with plait.Pool("thread") as pool, plait.map(abs, [1], engine="inline") as stream:
        for kept, text in ((pool, "Pool"), (stream, "Stream")):
            with pytest.raises(
                NotTransferable, match=rf"item\['it'\] is a plait\.{text}, which belongs to one process"
            ):
                list(plait.map(len, [{"it": kept}], engine="process", workers=1))
        assert list(stream) == [1]


def test_a_context_variable_keeps_its_default() -> None:
    plain: ContextVar[str] = ContextVar("plain", default="unset")
    other: ContextVar[str] = ContextVar("plain", default="another default")
    without: ContextVar[str] = ContextVar("plain")

    def values(_: object) -> list[str]:
        return [plain.get(), other.get(), without.get("no default")]

    assert list(plait.map(values, [1], engine="process", workers=1)) == [["unset", "another default", "no default"]]


def no_argument() -> None: ...


@pytest.mark.parametrize("engine", ["auto", "inline", "thread", "process"])
@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("fn", [no_argument, int])
def test_a_call_that_fails_before_any_line_of_the_users_shows_none_of_ours(
    engine: str, pooled: bool, fn: Callable[..., object]
) -> None:
    if pooled:
        with plait.Pool(engine, workers=1, initializer=int) as pool:
            error = pool.submit(fn, "x").exception()
    else:
        (outcome,) = plait.map(fn, ["x"], engine=engine, timeout=30).outcomes()
        error = outcome.error
    assert isinstance(error, (TypeError, ValueError))
    assert error.__traceback__ is None


class OwnWarning(UserWarning):
    """Of a module that a worker may not have loaded when it hears of the filter."""


def warned(kind: type[Warning]) -> str:
    with warnings.catch_warnings(record=True) as shown:
        try:
            warnings.warn("some words", kind, stacklevel=1)
        except Warning:
            return "raised"
    return "shown" if shown else "dropped"


def test_workers_have_the_filters_of_warnings_of_the_program() -> None:
    kinds = [UserWarning, OwnWarning, DeprecationWarning, FutureWarning, UserWarning]
    with plait.Pool("process", workers=1) as pool, warnings.catch_warnings():
        warnings.simplefilter("always")
        assert list(plait.map(warned, kinds, engine=pool)) == ["shown"] * 5
        warnings.simplefilter("error", DeprecationWarning)
        warnings.filterwarnings("ignore", "SOME .*", OwnWarning)
        warnings.filterwarnings("ignore", "other .*", UserWarning)
        warnings.filterwarnings("ignore", category=FutureWarning, module="test_cros+ing")
        for engine in (pool, "process", "thread"):
            found = list(plait.map(warned, kinds, engine=engine, workers=1))
            assert found == ["shown", "dropped", "raised", "dropped", "shown"]


def warns(words: str) -> None:
    warnings.warn(words, UserWarning, stacklevel=1)


def test_what_workers_warn_of_is_logged_here_where_warnings_are_logged(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with plait.Pool("process", workers=1) as pool, warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        try:
            for engine in (pool, "process"):
                list(plait.map(warns, ["too hot"], engine=engine, workers=1))
        finally:
            logging.captureWarnings(False)
        list(plait.map(warns, ["too cold"], engine=pool))
    logged = [record.getMessage() for record in caplog.records if record.name == "py.warnings"]
    assert ["too hot" in message for message in logged] == [True, True]
    printed = capfd.readouterr().err
    assert "too hot" not in printed
    assert "UserWarning: too cold" in printed


PROGRAM = """
import plait

class Missing(Exception):
    pass

def find(n):
    raise Missing(n)  # in line 8

try:
    list(plait.map(find, [5], engine="process"))
except Missing as error:
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    print(trace.tb_frame.f_code.co_filename, trace.tb_lineno)
"""


def test_the_traceback_of_a_function_that_names_a_class_of_the_program_names_its_file(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    program = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=60)
    assert (program.stdout, program.stderr) == (f"{path} 8\n", "")


sent: ContextVar[str] = ContextVar("sent", default="unset")


def swap(value: str) -> str:
    before = sent.get()
    sent.set(value)
    return before


def test_a_worker_does_not_hand_context_variables_from_one_map_to_the_next() -> None:
    with closing(ProcessEngine(context=[sent])) as engine:
        token = sent.set("mine")
        assert list(plait.map(swap, ["a", "b"], engine=engine, workers=1)) == ["mine", "a"]
        sent.reset(token)
        assert list(plait.map(swap, ["c"], engine=engine, workers=1)) == ["unset"]
        assert list(plait.map(swap, ["d"], engine=engine, workers=1)) == ["unset"]


def test_a_call_of_a_pool_sees_the_context_variables_of_its_submitter() -> None:
    with closing(ProcessEngine(context=[sent])) as engine, plait.Pool(engine, workers=1) as pool:
        assert pool.submit(sent.get).result() == "unset"
        token = sent.set("mine")
        first = pool.submit(swap, "a")
        sent.set("yours")
        second, third = pool.submit(swap, "b"), pool.map(swap, "cd")
        sent.reset(token)
        assert [first.result(), second.result(), *third] == ["mine", "yours", "yours", "yours"]
        assert pool.submit(swap, "e").result() == "unset"


def test_a_context_variable_that_cannot_cross_is_named() -> None:
    held: ContextVar[object] = ContextVar("held")
    held.set(threading.Lock())
    with closing(ProcessEngine(context=[held])) as engine, plait.Pool(engine, workers=1) as pool:
        with pytest.raises(NotTransferable, match="the context variable held is a lock object"):
            pool.submit(int).result()
