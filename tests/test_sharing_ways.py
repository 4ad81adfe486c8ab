"""Ways in which functions share state that no single line shows: through aliases, helpers, decorators, replaced names."""

from __future__ import annotations

import builtins
import collections
import enum
import functools
import gc
import importlib
import json
import logging
import os
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from plait._engines.reading.sharing import obstacle
from plait._engines.reading.tables import Tables

LOG: list[int] = []
add = LOG.append
HOOKS = (LOG.append,)
KEY = ("a", 1)
NUMBER = os.getpid()
me = sys.modules[__name__]
logger = logging.getLogger("plait.test_sharing_ways")


class Filter(logging.Filter):
    seen = 0

    def filter(self, record: logging.LogRecord) -> bool:
        Filter.seen += 1
        return False


filtered = logging.getLogger("plait.test_sharing_ways.filtered")
filtered.addFilter(Filter())


class Counted:
    n = 0

    @classmethod
    def bump(klass) -> None:  # what people call it is up to them
        klass.n += 1


class Meta(type):
    made = 0

    def __call__(cls, *args: Any) -> Any:
        Meta.made += 1
        return super().__call__(*args)


class Made(metaclass=Meta):
    pass


class Base:
    known = 0

    def __init_subclass__(cls) -> None:
        Base.known += 1


class Colour(enum.Enum):
    RED = 1

    def paint(self) -> None:
        note(1)


class Number(int):
    pass


three = Number(3)
three.seen = 0  # type: ignore[attr-defined]  # instances of the program's own kinds of number have attributes


class Failure(Exception):
    raised = 0

    def __init__(self) -> None:
        Failure.raised += 1


class Pair(collections.namedtuple("Pair", "one two")):  # noqa: PYI024  # with methods
    def note(self) -> None:
        note(self.one)


pair = Pair(1, 2)


def note(x: int) -> None:
    LOG.append(x)


def helper() -> None:
    pass


helper.calls = 0  # type: ignore[attr-defined]  # as in functions that count their calls
helper.found = {}  # type: ignore[attr-defined]


@functools.singledispatch
def shown(value: object) -> str:
    return "other"


@shown.register
def _(value: int) -> str:
    LOG.append(value)
    return "number"


def by_alias(x):
    kind = Counted
    kind.n += 1


def by_two_aliases(x):
    one = other = Counted
    other.n += 1
    return one


def by_type(x):
    kind = type(Counted())
    kind.n += 1


def by_class(x):
    made = Counted()
    kind = made.__class__
    kind.n += 1


def by_class_method(x):
    Counted.bump()


def by_metaclass(x):
    return Made()


def by_subclass(x):
    class Another(Base):
        pass

    return Another


def by_bound_method(x):
    add(x)


def by_bound_method_in_a_tuple(x):
    HOOKS[0](x)


def by_default(x, each=note):
    each(x)


def by_bound_default(x, each=LOG.append):
    each(x)


def by_attribute_of_a_function(x):
    helper.found[x] = 1


def by_alias_of_a_function(x):
    same = helper
    same.calls += 1


def by_namespace_of_a_function(x):
    helper.__globals__["NUMBER"] += 1


def by_namespace_of_a_module(x):
    me.__dict__["NUMBER"] = x


def by_alias_of_a_module(x):
    module = me
    module.NUMBER = x


def by_getattr(x):
    getattr(me, "LOG").append(x)  # this is what it is about


def by_import_module(x):
    importlib.import_module(__name__).LOG.append(x)


def by_frame(x):
    sys._getframe().f_globals["NUMBER"] += 1


def by_garbage(x):
    return [one for one in gc.get_objects() if type(one) is Counted]


def by_enum(x):
    Colour.RED.paint()


def by_kind_of_number(x):
    return three + x


def by_exception(x):
    try:
        raise Failure
    except Failure:
        return x


def by_namedtuple(x):
    pair.note()


def by_dispatch(x):
    return shown(x)


def by_filter(x):
    filtered.warning("%d", x)


def by_identity(x):
    return x is KEY


def by_descriptor(x):
    os.write(NUMBER, b"x")


def by_hash(x):
    return hash(str(x))


def by_switch(x):
    gc.disable()


def by_made_module(x):
    import made_by_the_test

    return made_by_the_test


@pytest.mark.parametrize(
    "function",
    [
        by_alias, by_two_aliases, by_type, by_class, by_class_method, by_metaclass, by_subclass, by_bound_method,
        by_bound_method_in_a_tuple, by_default, by_bound_default, by_attribute_of_a_function, by_alias_of_a_function,
        by_namespace_of_a_function, by_namespace_of_a_module, by_alias_of_a_module, by_getattr, by_import_module,
        by_frame, by_garbage, by_enum, by_kind_of_number, by_exception, by_namedtuple, by_dispatch, by_filter,
        by_identity, by_descriptor, by_switch, functools.partial(by_default, each=note),
    ],
    ids=lambda one: getattr(one, "__name__", "partial"),
)  # fmt: skip
def test_what_shares_state_stays(function: Callable[..., object]) -> None:
    assert obstacle(function)


def test_who_asks_for_the_hash_of_a_text_stays_unless_it_is_the_same_everywhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "random")
    assert bool(obstacle(by_hash)) == bool(sys.flags.hash_randomization)
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    assert obstacle(by_hash) == ""


def test_modules_and_builtins_that_only_this_process_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "made_by_the_test", types.ModuleType("made_by_the_test"))
    assert obstacle(by_made_module) == '"made_by_the_test" is a module that the program has made'
    monkeypatch.setattr(builtins, "translated", str.upper, raising=False)
    assert obstacle(lambda x: translated(x)) == '"translated" was added to the builtins by the program'  # type: ignore[name-defined]  # noqa: F821


def test_what_the_program_has_replaced_in_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def writes(x: int) -> str:
        return json.dumps(x)

    assert obstacle(writes) == ""
    monkeypatch.setattr(json, "dumps", lambda value: "mine")
    assert obstacle(writes) == '"json.dumps" was replaced by the program'


class Node:
    __slots__ = ("following", "value")

    def __init__(self, value: int) -> None:
        self.value, self.following = value, None


def link(one, other):
    one.following = other


def builds_a_list_of_its_own(x):
    first, second = Node(x), Node(1)
    link(first, second)
    at = first
    while at is not None:
        at.value += 1
        at = at.following
    return first.value


def writes_a_file_of_its_own(x):
    with open(os.devnull, "wb") as file:
        os.fsync(file.fileno())


def logs(x):
    logger.debug("%d", x)


def makes_pairs(x):
    return Point(x, 1).one, Colour.__members__


Point = collections.namedtuple("Point", "one two")  # noqa: PYI024  # as most are written


class Keyed:
    def __init__(self, x: int) -> None:
        self.x = x

    def __hash__(self) -> int:
        return hash(("Keyed", self.x))


def fills_a_set(x):
    return len({Keyed(x), Keyed(x + 1)})


@pytest.mark.parametrize(
    "function", [builds_a_list_of_its_own, writes_a_file_of_its_own, logs, makes_pairs, fills_a_set]
)
def test_what_shares_nothing_may_move(function: Callable[..., object]) -> None:
    assert obstacle(function) == ""


class Marked:
    n = 0


def mark(kind: type) -> None:
    kind.n += 1


def marks_a_class_by_a_helper(x):
    mark(Marked)


def reads_a_constant(x):
    return NUMBER * x


def looks(function: Callable[..., object]) -> Tables:
    found = Tables()
    assert obstacle(function, tables=found) == ""
    assert found.changed(at_once=True) == ""
    return found


def test_a_change_that_no_code_shows_is_seen_when_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    found = looks(marks_a_class_by_a_helper)
    monkeypatch.setattr(Marked, "n", Marked.n)
    marks_a_class_by_a_helper(1)
    assert found.changed(at_once=True) == "Marked.n"
    found = looks(reads_a_constant)
    monkeypatch.setitem(globals(), "NUMBER", -1)
    assert found.changed(at_once=True) == "NUMBER"


def test_what_the_program_has_set_since_it_imported_a_module_arrives_there(monkeypatch: pytest.MonkeyPatch) -> None:
    carried = looks(reads_a_constant).carried_by(reads_a_constant)
    arrive, arguments = carried.__reduce__()  # type: ignore[misc]  # as pickle asks for it
    monkeypatch.setitem(globals(), "NUMBER", -1)  # as where it is imported anew
    arrive(*arguments)
    assert os.getpid() == NUMBER


def test_an_attribute_is_no_global_of_the_same_name() -> None:
    """As in ``for result in plait.map(fn, items)``, where the function asks its item for an attribute `result`."""
    scope: dict[str, Any] = {"__name__": "__main__", "result": 1, "factor": 2}
    exec("def work(item):\n    return factor * item.result", scope)
    tables = Tables()
    assert obstacle(scope["work"], tables=tables) == ""
    scope["result"] = 3
    assert tables.changed(at_once=True) == ""
    scope["factor"] = 3
    assert tables.changed(at_once=True) == "factor"
