"""Whoever is said to only read a table of the program changes nothing of it, and returns none of its containers."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plait._core.source import Sources
from plait._engines.reading.sharing_reads import only_reads
from plait._engines.reading.table_shape import shape_of

TABLES: dict[str, Any] = {
    "FLAT": [3, 1, 2],
    "NAMES": {"a": 1, "b": 2},
    "GRID": [[1, 2], [3, 4], [5]],
    "CONFIG": {"a": [1, 2], "b": 3, "c": {"d": [4]}},
    "DEEP": [[[1], [2]], [[3]]],
}
EXPRESSIONS = [
    "{x}[0]", "{x}['a']", "{x}[n]", "{x}[-1]", "{x}[1:]", "{x}[:]", "{x} + {y}", "{x} * 2", "{x} | {y}", "list({x})", "tuple({x})",
    "dict({x})", "sorted({x}, key=len)", "sorted({x}, key=lambda e: e[0])", "reversed({x})", "[e for e in {x}]", "[e[:] for e in {x}]",
    "[[f for f in e] for e in {x}]", "{{k: e for k, e in {x}.items()}}", "zip(*{x})", "zip({x}, {y})", "list(zip({x}, {y}))[0][0]",
    "{x} or {y}", "{x} if n else {y}", "[*{x}, {y}]", "{{**{x}, 'z': {y}}}", "({x}, {y})", "{x}.copy()", "copy.copy({x})", "copy.deepcopy({x})",
    "max({x}, key=len)", "min({x}, default=n)", "list(map(list, {x}))", "list(map(lambda e: e[0], {x}))", "list(map(lambda e: e, {x}))",
    "list(filter(None, {x}))", "list(enumerate({x}))", "next(iter({x}))", "list({x}.values())", "list({x}.items())", "{x}.get('a')", "{x}.get('b', n)",
    "sum({x}, [])", "sum({x})", "len({x})", "{x} == {y}", "{x} is None", "n in {x}", "str({x})", "json.dumps({x})", "chain.from_iterable({x})",
    "list(chain({x}, {y}))", "reduce(lambda a, b: a + b, {x})", "reduce(add, {x})", "first({x})", "rows({x})", "total({x})", "grows({x})", "keeps({x})",
    "(w := {x})", "lambda: {x}", "(lambda e: e)({x})", "{x}.pop()", "{x}.index(n)", "random.sample({x}, 1)", "random.choice({x})", "f'{{{x}}}'", "set({x})",
    "Box({x}).kept", "own(lambda: {x})", "[{x}][0]", "[{x}, {y}][0][0]", "list(product({x}, {y}))[0]", "combinations({x}, 2)", "n", "[]", "[[n]]", "{{}}",
]  # fmt: skip
STATEMENTS = [
    "{v} = {e}", "{v} = {e}", "{v} = {e}", "{v}, *w = {e}", "{v} += {e}", "{v}.append({e})", "{v}[0] = {e}", "{v}['a'] = {e}", "{v}.sort()", "del {v}[0]",
    "{v}.extend({e})", "{v}.update({e})", "{v}.reverse()", "{v}.pop()", "{v}[0] += [9]", "{v}[0].append(9)", "for {v} in {e}: pass",
    "for {v} in {e}:\n        {v}.append(9)", "for _, {v} in {e}: {v}[0] = 9", "global KEPT; KEPT = {e}", "box.kept = {e}", "{v} |= {e}", "{v}.setdefault('a', []).append(9)",
    "with own(lambda: {e}) as {v}: pass", "if {e}: {v} = 0", "yielded = [*{e}]", "def inner():\n        return {e}\n    {v} = inner()", "match {e}:\n        case [{v}, *_]: pass\n        case {{'a': {v}}}: pass",
]  # fmt: skip
PRELUDE = """
import copy, json, random
from functools import reduce
from itertools import chain, combinations, product
from operator import add

class Box:
    def __init__(self, kept=None): self.kept = kept
    def __enter__(self): return self.kept
    def __exit__(self, *_): pass

KEPT, box = None, Box()

def own(made): return Box(made())
def first(rows): return rows[0]
def rows(of): return [row[:] for row in of]
def total(of):
    found = 0
    for one in of:
        found += one
    return found
def grows(of):
    of[0].append(8)
def keeps(of):
    global KEPT
    KEPT = of
    return 0
"""
OF_ARRAYS = [
    "{x}[0]", "{x}[n, 1]", "{x}[:, n]", "{x}[n][1]", "{x}[{x} > 2]", "{x}[[0, 1]]", "{x}[...]", "{x}[None]", "{x}[n, ...]", "{x}.T", "{x}.reshape(-1)",
    "{x}.ravel()", "{x}.copy()", "{x}.sum(axis=0)", "{x} + {y}", "{x} @ {y}", "-{x}", "{x} > {y}", "np.sort({x})", "np.asarray({x})", "np.dot({x}, {y})",
    "np.dot({y}, {x}, {x})", "np.transpose({x})", "np.add({x}, {y}, {x})", "np.add({x}, {y}, out={x})", "np.where({x} > 1, {x}, {y})", "np.clip({x}, 0, 1, {y})",
    "{x}.clip(0, 1)", "{x}.clip(0, 1, {y})", "np.concatenate([{x}, {y}])", "{x}.astype(float)", "{x}.astype(float, copy=False)", "np.array({x})", "np.array({x}, copy=None)",
    "list({x})", "[r for r in {x}]", "[r.copy() for r in {x}]", "np.squeeze({x})", "np.maximum({x}, {y})", "np.round({x})", "np.abs({x})", "np.linalg.inv({x})", "np.fft.fft({x})",
    "np.broadcast_to({x}, (2, 2))", "np.flip({x})", "np.split({x}, 2)", "np.diag({x})", "{x}.diagonal()", "{x}.flat", "memoryview({x})", "{x}.take([0])", "{x}.view()",
    "{x}.real", "{x}.squeeze()", "{x}.swapaxes(0, 1)", "np.copyto({x}, 0)", "np.fill_diagonal({x}, 0)", "np.ravel({x})", "np.atleast_2d({x})", "{x}.tolist()", "{x}.mean()",
    "{x}.fill(0)", "{x}.sort()", "np.random.shuffle({x})", "np.stack([{x}, {y}])", "np.vstack({x})", "np.nan_to_num({x}, copy=False)", "{x}.item(0)", "{x}.shape", "float({x}[0, 0])",
    "np.take({x}, [0], 0, {y})", "{x}.dot({y})", "{x}.dot({y}, {x})", "first({x})", "total({x})", "[{x}][0]", "max({x}, key=len)", "sum({x})", "dict(enumerate({x}))", "next(iter({x}))",
    "np.interp({x}[0], {x}[1], {y}[0])", "np.cumsum({x}, 0, float, {x})", "np.meshgrid({x}, {y}, copy=False)", "np.real({x})", "np.einsum('ij->ji', {x})", "np.lib.stride_tricks.sliding_window_view({x}, 2)",
]  # fmt: skip
WITH_ARRAYS = [
    "{v} = {e}", "{v} = {e}", "{v} = {e}", "{v} += 1", "{v}[0] = 9", "{v}[:] = 9", "{v}.sort()", "{v}.fill(3)", "for {v} in {e}: pass", "for {v} in {e}:\n        {v} += 1",
    "{v}, *w = {e}", "{v}.append({e})", "{v}[0] += 1", "{v} *= {e}", "np.multiply({v}, 2, {v})", "{v}.shape = (4,)", "global KEPT; KEPT = {e}", "{v}.resize((1,))",
]  # fmt: skip
SEEDS, PER_SEED = 4, 250


def written(rng: random.Random, name: str, expressions: list[str], statements: list[str]) -> str:
    """A random function of `n` that uses the table `name`."""
    variables = [name, name, "v", "w"]

    def expression() -> str:
        text = name
        for _ in range(rng.choice([1, 1, 2, 2, 3])):
            text = rng.choice(expressions).format(x=f"({text})", y=rng.choice(variables))
        return text if rng.random() < 0.8 else text.replace(name, rng.choice(variables))

    body = [
        rng.choice(statements).format(v=rng.choice("vw" if rng.random() < 0.9 else [name]), e=expression())
        for _ in range(rng.choice([1, 2, 3]))
    ]
    return "\n    ".join(
        ["def reader(n):", "v, w = [], []", *body, f"return {rng.choice([expression(), 'v', 'w', 'n'])}"]
    )


def containers(value: Any, seen: dict[int, Any] | None = None) -> dict[int, Any]:
    """Whatever in the value can be changed, by identity."""
    seen = {} if seen is None else seen
    if isinstance(value, (list, dict, set, tuple)) and id(value) not in seen:
        if not isinstance(value, tuple):
            seen[id(value)] = value
        for one in (*value.values(), *value) if isinstance(value, dict) else value:
            containers(one, seen)
    return seen


def runs(text: str, file: Path, scope: dict[str, Any], name: str) -> Iterator[Any]:
    """What a function that is said to only read the table gives and keeps for some numbers; nothing for another one."""
    table = scope[name]
    try:
        code = compile(text, str(file), "exec", dont_inherit=True)
    except SyntaxError:
        return
    file.write_text(text)
    exec(code, scope)
    shape = shape_of(table)
    assert shape is not None
    if not only_reads(scope["reader"], name, shape, Sources(), table):
        return
    for n in (0, 1, 2):
        try:
            result = scope["reader"](n)
            result = list(result) if hasattr(result, "__next__") else result
        except Exception:  # what is nonsense fails after it has done something, or nothing
            result = None
        yield result, scope["KEPT"], scope["box"].kept


@pytest.mark.parametrize("seed", range(SEEDS))
def test_readers_neither_change_nor_hand_out_what_they_read(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    said = 0
    for number in range(PER_SEED):
        name = rng.choice(list(TABLES))
        table = copy.deepcopy(TABLES[name])
        text = PRELUDE + written(rng, name, EXPRESSIONS, STATEMENTS)
        for kept in runs(text, tmp_path / f"program{number}.py", {name: table, "__name__": "program"}, name):
            said += 1
            assert table == TABLES[name], text
            assert containers(table).keys().isdisjoint(containers(kept)), text
    assert said > PER_SEED / 20


@pytest.mark.parametrize("seed", range(SEEDS))
def test_readers_of_arrays_hand_out_no_view_of_them(tmp_path: Path, seed: int) -> None:
    numpy = pytest.importorskip("numpy")
    rng = random.Random(seed)
    said = 0
    for number in range(PER_SEED):
        table = numpy.array([[1.0, 2.0], [3.0, 5.0]])
        text = f"{PRELUDE}import numpy as np\n{written(rng, 'TABLE', OF_ARRAYS, WITH_ARRAYS)}"
        for kept in runs(text, tmp_path / f"program{number}.py", {"TABLE": table, "__name__": "program"}, "TABLE"):
            said += 1
            assert table.tolist() == [[1, 2], [3, 5]], text
            assert not any(numpy.shares_memory(table, one) for one in arrays(kept, numpy.ndarray)), text
    assert said > PER_SEED / 20


def arrays(value: Any, kind: type) -> Iterator[Any]:
    """The arrays in the value."""
    if isinstance(value, kind):
        yield value
    for one in containers(value).values():
        yield from (part for part in (one.values() if isinstance(one, dict) else one) if isinstance(part, kind))
    if isinstance(value, tuple):
        for one in value:
            yield from arrays(one, kind)
