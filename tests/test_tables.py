"""Tables of the program that a function only reads: what counts as reading, and that processes have what it has now."""

from __future__ import annotations

import bisect
import collections
import copy
import functools
import importlib.util
import itertools
import json
import logging
import sys
import threading
import types
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import plait
from plait._core.source import Sources
from plait._engines.choosing import auto_pilot
from plait._engines.choosing.choice import Choice
from plait._engines.choosing.seen import Seen
from plait._engines.choosing.warming import Warming
from plait._engines.reading.sharing import obstacle
from plait._engines.reading.sharing_reads import only_reads
from plait._engines.reading.table_shape import Shape, shape_of
from plait._engines.reading.tables import Table, Tables

pytestmark = pytest.mark.usefixtures("nothing_left")

LIST: Any = [3, 1, 2]
NAMES: Any = {"a": 1, "b": 2}
NESTED: Any = {"a": [1, 2], "b": [3]}
KNOWN: Any = {1, 2}
lock = threading.Lock()
log = logging.getLogger(__name__)


def lends(x: Any) -> Any:
    return x


READS: list[Callable[[Any], Any]] = [
    lambda x: LIST[x], lambda x: LIST[1:], lambda x: x in LIST, lambda x: len(LIST) + sum(LIST),
    lambda x: [y for y in LIST if y], lambda x: max(LIST, default=x), lambda x: sorted(LIST), lambda x: LIST.index(x),
    lambda x: bisect.bisect(LIST, x), lambda x: bisect_left(LIST, x),
    lambda x: not LIST, lambda x: [*map(str, LIST)], lambda x: x + LIST, lambda x: LIST == [x],
]  # fmt: skip
CHANGES: list[Callable[[Any], Any]] = [
    lambda x: LIST.append(x), lambda x: LIST.sort(), lambda x: LIST, lambda x: lends(LIST), lambda x: (LIST, x),
    lambda x: LIST is x, lambda x: [LIST], lambda x: setattr(x, "y", LIST), lambda x: bisect.insort(LIST, x),
    lambda x: x(LIST), lambda x: LIST.pop, lambda x: LIST or x, lambda x: (LIST for _ in x), lambda x: LIST.__setitem__(0, x),
]  # fmt: skip


def stores(x: int) -> None:
    LIST[0] = x


def adds(x: int) -> None:
    LIST[0] += x


def deletes(x: int) -> None:
    del LIST[x]


def aliases(x: int) -> None:
    mine = LIST
    mine.append(x)


def loops(x: int) -> Any:
    total = 0
    for y in LIST:
        total += y
    while LIST:
        return f"{LIST} {total}"
    return "y" if LIST else LIST[x]


def hides_a_builtin(x: int, len: Callable[..., Any] = lends) -> Any:
    return len(LIST)


@pytest.mark.parametrize("function", [*READS, loops])
def test_reading(function: Any) -> None:
    assert only_reads(function, "LIST", Shape(1), Sources())


@pytest.mark.parametrize("function", [*CHANGES, stores, adds, deletes, aliases, hides_a_builtin])
def test_what_may_keep_or_change_a_table_does_not_only_read_it(function: Any) -> None:
    assert not only_reads(function, "LIST", Shape(1), Sources())


@pytest.mark.parametrize(
    ("function", "reads"),
    [
        (lambda x: NESTED["a"][x], True), (lambda x: x in NESTED["a"], True), (lambda x: NESTED.get(x)[0], True),
        (lambda x: len(NESTED["a"]), True), (lambda x: [-y for y in NESTED["a"]], True), (lambda x: len(NESTED), True),
        (lambda x: copy.deepcopy(NESTED), True), (lambda x: json.dumps(NESTED), True), (lambda x: x in NESTED, True),
        (lambda x: NESTED["a"], False), (lambda x: NESTED["a"].append(x), False), (lambda x: NESTED.values(), False),
        (lambda x: dict.fromkeys(NESTED, x), False), (lambda x: copy.copy(NESTED), False),
        (lambda x: NESTED.get(x), False), (lambda x: NESTED.setdefault(x, []), False), (lambda x: list(NESTED), False),
    ],
)  # fmt: skip
def test_what_a_table_has_inside_is_only_read_too(function: Any, reads: bool) -> None:
    assert only_reads(function, "NESTED", Shape(2), Sources()) == reads


OF_ARRAYS = """
import numpy
reads = [
    lambda x: GRID[x, 1], lambda x: GRID[x] @ x, lambda x: GRID[x].sum(), lambda x: GRID * 2,
    lambda x: numpy.dot(GRID, x), lambda x: GRID[x][1], lambda x: GRID[:, 1].mean(), lambda x: GRID.sum(axis=0),
]
views = [
    lambda x: GRID[x], lambda x: GRID[:, 1], lambda x: GRID.T, lambda x: numpy.add(GRID, x, GRID), lambda x: GRID[...],
    lambda x: numpy.add(x, 1, out=GRID), lambda x: GRID.reshape(-1), lambda x: GRID.fill(x), lambda x: GRID.sort(),
]
"""


OF_LISTS = """
import copy
import heapq
import itertools
import random

def total(row):
    found = 0
    for one in row:
        found += one
    return found

def first(rows):
    return rows[0]

def depth(rows, n):
    return 0 if n == 0 else depth(rows, n - 1) + rows[0][0]

def follows_rows(x):
    found = 0
    for row in GRID:
        for cell in row:
            found += cell * x
    last = GRID[-1]
    return found + last[0] + sum(last)

def copies_and_changes(x):
    grid = [row[:] for row in GRID]
    grid[0][0] = x
    grid.append([x])
    rows = sorted(GRID, key=len)
    rows.reverse()
    return grid, len(rows)

def counts_neighbours(x):
    grid = [list(row) for row in GRID]
    for _ in range(x):
        grid = [[sum(grid[(i + a) % 3][(j + b) % 3] for a in (0, 1) for b in (0, 1)) for j in (0, 1)] for i in (0, 1)]
    return grid

def unpacks(x):
    (a, b), *rest = GRID
    return a + b + len(rest)

def breaks(x):
    row = max(GRID, key=sum)
    while (cell := row[0]) < x:
        x -= 1
    return cell

def asks(x):
    return x if GRID is None else GRID[x][0]

reads = [
    follows_rows, copies_and_changes, counts_neighbours, unpacks, breaks, lambda x: [sum(a * b for a, b in zip(r, c)) for r in GRID for c in zip(*GRID)],
    lambda x: total(GRID[0]) + first(GRID)[0] + depth(GRID, 2), lambda x: [max(row) for row in GRID], lambda x: list(map(sum, GRID)),
    lambda x: [*itertools.chain.from_iterable(GRID)],
    lambda x: copy.deepcopy(GRID), lambda x: random.choice(GRID)[0], lambda x: heapq.nlargest(1, GRID)[0][0], lambda x: (GRID or [[x]])[0][0],
    lambda x: {i: len(row) for i, row in enumerate(GRID)}, asks, lambda x: sum(GRID, [])[0],
]
changes = [
    lambda x: first(GRID), lambda x: [row for row in GRID], lambda x: sorted(GRID), lambda x: GRID[0].sort(),
    lambda x: [row.append(x) for row in GRID], lambda x: list(map(list.sort, GRID)), lambda x: max(GRID, key=lambda row: row.pop()),
    lambda x: zip(GRID, [x]), lambda x: random.choice(GRID), lambda x: (row := GRID[0], row.clear()), lambda x: GRID + [[x]], lambda x: x.keep(GRID[0]),
]
"""


def test_tables_are_followed_through_variables_loops_and_functions(tmp_path: Path) -> None:
    file = tmp_path / "lists.py"
    file.write_text(OF_LISTS)
    scope: dict[str, Any] = {"GRID": [[1, 2], [3, 4], [5, 6]]}
    exec(compile(OF_LISTS, str(file), "exec", dont_inherit=True), scope)
    said = {
        function: only_reads(function, "GRID", Shape(2), Sources()) for function in scope["reads"] + scope["changes"]
    }
    assert [function for function in scope["reads"] if not said[function]] == []
    assert [function for function in scope["changes"] if said[function]] == []


def test_a_constant_key_gives_the_element_that_is_there_now() -> None:
    table = {"depth": 3, "names": ["a"]}
    for function, reads in [
        (lambda x: NESTED["depth"], True), (lambda x: NESTED.get("depth", x), True), (lambda x: NESTED["names"], False),
        (lambda x: sorted(NESTED), True), (lambda x: dict(NESTED), False), (lambda x: {**NESTED}, False), (lambda x: x.update(NESTED), False),
    ]:  # fmt: skip
        assert only_reads(function, "NESTED", Shape(2), Sources(), table) == reads, function  # type: ignore[arg-type]  # a lambda is one


def test_of_arrays_a_part_may_be_a_view_of_the_whole(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    shape = shape_of(numpy.eye(3))
    assert shape == Shape(2, array=True)
    assert shape_of(numpy.array([object()])) is None
    file = tmp_path / "arrays.py"
    file.write_text(OF_ARRAYS)
    scope: dict[str, Any] = {"GRID": numpy.eye(3)}
    exec(compile(OF_ARRAYS, str(file), "exec", dont_inherit=True), scope)
    assert [only_reads(function, "GRID", shape, Sources()) for function in scope["reads"]] == [True] * 8
    assert [only_reads(function, "GRID", shape, Sources()) for function in scope["views"]] == [False] * 9


def test_code_that_is_in_no_file_is_in_doubt() -> None:
    scope: dict[str, Any] = {"LIST": [1]}
    exec("def reads(x): return LIST[x]", scope)
    assert not only_reads(scope["reads"], "LIST", Shape(1), Sources())


def test_shapes() -> None:
    assert [shape_of(value) for value in (LIST, NAMES, NESTED, KNOWN, array("d", [1.0]), bytearray(b"a"))] == [
        Shape(1), Shape(1), Shape(2), Shape(1), Shape(1), Shape(1)
    ]  # fmt: skip
    assert shape_of([(1, [2])]) == Shape(3)
    for value in (
        1,
        "a",
        (1, 2),
        None,
        [object()],
        {"a": lock},
        collections.defaultdict(int),
        [0] * 100_000,
        lends,
        [[0]] * 9_000,
    ):
        assert shape_of(value) is None, value


@pytest.mark.parametrize("change", [lambda x: x.append(1), lambda x: x.__setitem__(0, 9), lambda x: x.reverse()])
def test_a_table_that_is_changed(change: Callable[[list[int]], None]) -> None:
    value, tables = [1, 2, 3], Tables()
    tables.add(Table("LIST", value, {"LIST": value}, flat=True))
    assert tables.changed(at_once=True) == ""
    change(value)
    assert tables.changed(at_once=True) == "LIST"


def test_what_is_changed_inside_of_a_table_is_a_change() -> None:
    value, tables = {"a": [1], "b": [2]}, Tables()
    tables.add(Table("NESTED", value, None, flat=False))
    assert tables.changed(at_once=True) == ""
    value["b"].append(3)
    assert tables.changed(at_once=True) == "NESTED"


def test_a_name_that_is_bound_anew_is_a_change() -> None:
    scope: dict[str, Any] = {"LIST": [1]}
    tables = Tables()
    tables.add(Table("LIST", scope["LIST"], scope, flat=True))
    scope["LIST"] = [1]
    assert tables.changed(at_once=True) == "LIST"


def test_an_array_without_a_number_in_it_is_not_changed() -> None:
    numpy = pytest.importorskip("numpy")
    value, tables = numpy.array([1.0, float("nan")]), Tables()
    tables.add(Table("GRID", value, None, flat=True))
    assert tables.changed(at_once=True) == ""
    value[0] = 2
    assert tables.changed(at_once=True) == "GRID"


@pytest.mark.parametrize(
    ("function", "stays"),
    [(lambda x: log.info("%s", x), False), (lambda x: log.setLevel(x), True), (lambda x: lends(log), True)],
)
def test_a_function_that_writes_to_a_log_may_go_to_processes(function: Any, stays: bool) -> None:
    assert bool(obstacle(function)) == stays


def test_only_what_is_read_may_go_to_processes() -> None:
    tables = Tables()
    assert obstacle(READS[0], tables=tables) == ""
    assert [one.name for one in tables.found] == ["LIST"]
    assert '"LIST" is shared' in obstacle(READS[0])
    assert '"LIST" is shared' in obstacle(CHANGES[0], tables=tables)
    assert obstacle(loops, tables=(imported := Tables())) == ""
    assert [one.module for one in (*tables.found, *imported.found)] == ["", __name__]  # a lambda has them with it


MODULE = """
import time
WORDS = {"a": 1}
LIMIT = [100]
def reads(x):
    time.sleep(0.0002)
    return x, len(WORDS), LIMIT[0]
def reads_also(n, x):
    return reads(x)
class Reads(tuple):
    def read(self, x):
        return reads(x)
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """A module with tables, from which every map moves to processes."""
    (tmp_path / "program_with_tables.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    import program_with_tables as program  # type: ignore[import-not-found]

    yield program
    del sys.modules["program_with_tables"]
    sys.modules.pop("plug_ins.first", None)


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Every function is judged to hold the GIL; processes are ready when this is set."""
    event = threading.Event()
    monkeypatch.setattr(auto_pilot, "_CHANCES", 0)
    monkeypatch.setattr(auto_pilot, "choose", lambda _: Choice("process", "processes: for the test"))
    monkeypatch.setattr(auto_pilot, "BRIEF", 0.0)
    monkeypatch.setattr(Seen, "enough", True)
    monkeypatch.setattr(Warming, "over", property(lambda _: event.is_set()))
    return event


def test_processes_have_the_tables_that_the_program_has_now(program: types.ModuleType, moves: threading.Event) -> None:
    program.WORDS["b"] = 2  # which no worker that imports the module would know
    with plait.map(program.reads, itertools.count(), workers=2) as stream:
        outcomes = stream.outcomes()
        next(outcomes)
        moves.set()
        there = next(one for one in outcomes if one.worker.startswith("process"))
        assert there.value == (there.index, 2, 100)
        assert stream.report.why[0] == "processes: for the test"


@pytest.mark.parametrize("kind", ["by path", "lambda", "two inputs", "partial", "method"])
def test_functions_that_workers_cannot_import_have_theirs_with_them(
    program: types.ModuleType, moves: threading.Event, kind: str, tmp_path: Path
) -> None:
    if kind == "by path":
        spec = importlib.util.spec_from_file_location("plug_ins.first", tmp_path / "program_with_tables.py")
        assert spec is not None
        program = importlib.util.module_from_spec(spec)
        assert spec.loader is not None
        sys.modules["plug_ins.first"] = program
        spec.loader.exec_module(program)
    program.WORDS["b"] = 2
    reads, more = program.reads, (itertools.count(),) if kind == "two inputs" else ()
    functions: dict[str, Callable[..., Any]] = {
        "lambda": lambda x: reads(x), "two inputs": lambda x, y: reads(x), "method": program.Reads().read,
        "partial": functools.partial(program.reads_also, 1),
    }  # fmt: skip
    with plait.map(functions.get(kind, reads), itertools.count(), *more, workers=2) as stream:
        outcomes = stream.outcomes()
        next(outcomes)
        moves.set()
        there = next(one for one in outcomes if one.worker.startswith("process"))
        assert there.value[-2:] == (2, 100)


def test_what_is_left_comes_back_when_the_program_changes_a_table(
    program: types.ModuleType, moves: threading.Event
) -> None:
    with plait.map(program.reads, itertools.count(), workers=2) as stream:
        outcomes = stream.outcomes()
        next(outcomes)
        moves.set()
        next(one for one in outcomes if one.worker.startswith("process"))
        program.LIMIT[0] = 7
        changed = next(one for one in outcomes if one.value[2] == 7)
        assert not changed.worker.startswith("process")
        assert all(one.value[2] == 7 for one in itertools.islice(outcomes, 2000, 2500))  # some were there already
        assert any('"LIMIT" was changed meanwhile' in reason for reason in stream.report.why)


def test_nothing_moves_when_a_table_was_changed_while_processes_started(
    program: types.ModuleType, moves: threading.Event
) -> None:
    with plait.map(program.reads, itertools.count(), workers=2) as stream:
        outcomes = stream.outcomes()
        collections.deque(itertools.islice(outcomes, 500), maxlen=0)
        program.LIMIT[0] = 7
        moves.set()
        assert not any(one.worker.startswith("process") for one in itertools.islice(outcomes, 1000))
