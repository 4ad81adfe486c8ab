"""The rewriter: the code does what it did, its errors point where they did, and every access calls its hook."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plait._check.access import Types
from plait._check.hooks import Hooks
from plait._check.rewrite import code_cache
from plait._check.rewrite.code_cache import cached_rewrite
from plait._check.rewrite.module import rewrite

BESIDE = Path(__file__).resolve().parent / "run_rewritten.py"

# Standard library modules whose own tests run with both rewritten, in seconds: the others are for PLAIT_REWRITE_ALL.
FEW = {
    "test_named_expressions": "",
    "test_scope": "",
    "test_unpack_ex": "",
    "test_augassign": "",
    "test_listcomps": "",
    "test_with": "",
    "test_generators": "",
    "test_coroutines": "",
    "test_super": "",
    "test_textwrap": "textwrap",
    "test_contextlib": "contextlib",
    "test_heapq": "heapq",
    "test_shlex": "shlex",
    "test_configparser": "configparser",
}
MORE = {
    "test_patma": "", "test_descr": "", "test_grammar": "", "test_fstring": "", "test_exceptions": "",
    "test_tstring": "", "test_type_annotations": "", "test_type_params": "", "test_except_star": "",
    "test_lazy_import": "", "test_asyncgen": "", "test_yield_from": "", "test_class": "", "test_set": "",
    "test_dict": "", "test_list": "",
    "test_dataclasses": "dataclasses", "test_enum": "enum", "test_typing": "typing", "test_functools": "functools",
    "test_argparse": "argparse", "test_ast": "ast", "test_csv": "csv", "test_difflib": "difflib",
    "test_fractions": "fractions", "test_graphlib": "graphlib", "test_ipaddress": "ipaddress", "test_json": "json",
    "test_logging": "logging", "test_mailbox": "mailbox", "test_optparse": "optparse", "test_pathlib": "pathlib",
    "test_pickle": "pickle", "test_pprint": "pprint", "test_queue": "queue", "test_random": "random", "test_sched": "sched",
    "test_shelve": "shelve", "test_statistics": "statistics", "test_tempfile": "tempfile", "test_types": "types",
    "test_weakref": "weakref", "test_zipfile": "zipfile", "test_asyncio.test_tasks": "asyncio.tasks",
    "test_asyncio.test_locks": "asyncio.locks", "test_asyncio.test_queues": "asyncio.queues",
}  # fmt: skip
# What can tell: tests that look at all local variables, at the lines that are traced, at names in builtins.
TELLING = (
    "testLocalsFunction", "TestTracing", "test_field_named_like_builtin", "test_recursion_in_except_handler",
    "merge ()",
)  # fmt: skip
MODULES = {**FEW, **MORE} if os.environ.get("PLAIT_REWRITE_ALL") else FEW


@pytest.fixture(autouse=True)
def hooks() -> None:
    Hooks(Types()).install()


@pytest.mark.parametrize("name", MODULES)
def test_the_standard_library_passes_its_own_tests(name: str) -> None:
    plain, rewritten = (_run(mode, name) for mode in ("plain", "rewritten"))
    if not plain:
        pytest.skip(f"test.{name} is not installed")
    surprising = [line for line in rewritten[1:] if line not in plain and not any(word in line for word in TELLING)]
    assert surprising == []
    assert rewritten[0] == plain[0]  # as many tests


def _run(mode: str, name: str) -> list[str]:
    command = [sys.executable, "-W", "ignore", str(BESIDE), mode, f"test.{name}", MODULES[name]]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    return run.stdout.splitlines()


PROGRAMS = {
    "order": """
        class Box:
            def __getattr__(self, name):
                log.append(f"get {name}")
                return [0, 1, 2]
            def __setattr__(self, name, value):
                log.append(f"set {name}")
            def __getitem__(self, key):
                log.append(f"item {key}")
                return 1
            def __setitem__(self, key, value):
                log.append(f"store {key} {value}")
            def __delitem__(self, key):
                log.append(f"del {key}")
            def run(self, *args, **named):
                log.append(f"run {args} {named}")
                return self
        log = []
        def v(x):
            log.append(x)
            return x
        box = Box()
        def at(name):
            log.append(name)
            return box
        at("a").x = v(1)
        at("b")[v(2)] = v(3)
        at("c")[v(4)] += v(5)
        at("d").n += [v(6)]
        at("e").run(v(7), v(8)).run(*[v(9)], k=v(10)).run()
        del at("f")[v(11)], at("g")[v(12)]
        at("h").p = at("i").q = at("j")[v(13)] = v(14)
        (at("k").r, at("l")[v(15)]), *at("m").s = (v(16), v(17)), v(18)
        [at("n").run(i) for i in at("o").t if v(i)]
        print(v(19) in [v(19)] and not at("p").u, at("q")[v(20):v(21)])
        print(*[v(22)], sep=v("-"))
        print(*at("r").t, *at("s").t, sep="")
        getattr(*[box, v("s")], v(None))
        result = log
    """,
    "scopes": """
        total = 0
        names = []
        class Base:
            kind = "base"
            def __init__(self): self.__hidden = {"n": 1}
            def hidden(self): return self.__hidden
        class Made(Base):
            kind = Base.kind + "!"
            numbers = [n * 2 for n in range(3) if n]
            table = {name: len(name) for name in ("a", "bb")}
            def hidden(self):
                found = super().hidden()
                found["n"] += 1
                return found
        def make():
            count = 0
            def bump(by=len("x")):
                nonlocal count
                global total
                count += by
                total = total + count
                return lambda: (count, total)
            return bump
        bump = make()
        bump(); read = bump()
        for number, name in enumerate(["x", "y"]):
            names.append(lambda: (number, name))
        def outer():
            for i in range(3):
                def inner(): return i
            try:
                raise ValueError("v")
            except ValueError as error:
                text = str(error)
            with open(__file__) as file: kept = (lambda: file.closed)()
            (walrus := len(text))
            return inner(), text, walrus, kept
        match {"k": [1, 2, 3], "z": 0}:
            case {"k": [first, *rest], **others} if first:
                matched = first, rest, others
        result = [total, read(), [f() for f in names], Made.kind, Made.numbers, Made.table, Made().hidden(), outer(),
                  matched, __name__, bump.__qualname__]
    """,
    "generators": """
        import asyncio
        def numbers(n):
            got = []
            try:
                for i in range(n):
                    got.append((yield i))
            finally:
                got.append("end")
            return got
        def chained():
            return (yield from numbers(2)), (yield from list("78"))
        def run(generator):
            seen = []
            try:
                seen.append(next(generator))
                while True:
                    seen.append(generator.send(len(seen)))
            except StopIteration as end:
                return seen, end.value
        async def ticks():
            for i in range(2):
                yield i
                await asyncio.sleep(0)
        async def main():
            found = [i async for i in ticks()]
            async for i in ticks():
                found.append(i)
            async with asyncio.timeout(5):
                found.append(await asyncio.sleep(0, "slept"))
            return found
        result = [run(numbers(2)), [*zip(numbers(2), map(str, [1, 2]))], asyncio.run(main()),
                  run(numbers(1)), [f"{x!r:>{4}}" for x in "ab"], max(3, 4), sorted({2: 1, 1: 2}), {**{"a": 1}}]
        try:
            result.append(run(chained()))
        except AttributeError as error:
            result.append(str(error))  # a list cannot be sent to
    """,
}

if sys.version_info >= (3, 14):
    PROGRAMS["templates, and exceptions without parentheses"] = """
        total, width = 3, 5
        def read(key):
            try:
                return {"a": total}[key]
            except KeyError, TypeError:
                return t"{total!r:>{width}} of {[*key]} {{}}"
        template = read("bc")
        result = [read("a"), template.strings, [(one.expression, one.value, one.conversion, one.format_spec)
                  for one in template.interpolations], [part.value for part in t"{total}" if part.value]]
        total = 4
    """
if sys.version_info >= (3, 15):
    PROGRAMS["unpacking in comprehensions"] = """
        lists, tables, seen = [[1, 2], [3], []], [{"a": 1}, {"b": 2, "a": 3}], []
        def look(one):
            seen.append(one)
            return one
        def read():
            return [*one for one in lists if one], {**look(one) for one in tables}
        result = [read(), {*look(one) for one in lists}, list((*one for one in lists)), seen,
                  [one for one in ({**table} for table in tables)]]
        lists, tables = [], []
    """
    PROGRAMS["lazy imports"] = """
        lazy import xml.dom
        lazy from math import sqrt, floor as down
        kinds = [type(globals()[name]).__name__ for name in ("xml", "sqrt", "down")]
        def use():
            return sqrt(4), down(2.5), xml.dom.Node.TEXT_NODE
        result = [kinds, use(), [type(globals()[name]).__name__ for name in ("xml", "sqrt", "down")]]
    """


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_does_what_it_did(name: str, tmp_path: Path) -> None:
    source = dedent(PROGRAMS[name])
    file = tmp_path / "program.py"
    file.write_text(source)
    results = [_result(code, file) for code in (compile(source, str(file), "exec"), rewrite(source, str(file)))]
    assert results[0] == results[1]


def _result(code: Any, file: Path) -> Any:
    names: dict[str, Any] = {"__name__": "program", "__file__": str(file)}
    exec(code, names)
    return names["result"]


FAILING = [
    "x = None\ny = (x\n     .upper())",
    "def f(a):\n    return a.b.c + a.d[0].e(a.missing)\nf(1)",
    "d = {}\nd['a']['b'] += 1",
    "n = 1\nn.real += n.imag + 'x'",
    "total = 1\ndef f():\n    global total\n    total += 'x'\nf()",
    "[len(x) for x in [[], 3]]",
    "def f(*, k): pass\nf(**{'j': 1})",
    "for a, b in [(1, 2), 3]:\n    pass",
    "with open('/no/such'): pass",
    "assert [] and 1, 'never ' + str(1)",
    "print(undefined.attribute)",
    "def f():\n    return later\n    later = 1\nf()",
    "import os\nos.path.join(\n    'a',\n    3,\n)",
    "lambda_ = lambda q: q['x']\nlambda_({})",
]


@pytest.mark.parametrize("source", FAILING)
def test_an_error_points_where_it_did(source: str, tmp_path: Path) -> None:
    file = tmp_path / "failing.py"
    file.write_text(source)
    plain = _trace(compile(source, str(file), "exec"))
    assert _trace(rewrite(source, str(file))) == plain
    assert "Error" in plain


def _trace(code: Any) -> str:
    try:
        exec(code, {"__name__": "failing"})
    except Exception as error:
        summary = traceback.TracebackException.from_exception(error)
        summary.stack = traceback.StackSummary([frame for frame in summary.stack if "failing.py" in frame.filename])
        return "".join(summary.format())
    raise AssertionError("it did not fail")


def test_star_imports_take_nothing_hidden_along(tmp_path: Path) -> None:
    names: dict[str, Any] = {"__name__": "program"}
    source = "class A: pass\na = A()\na.n = 1\na.n += 1\na.d = {}\na.d[len('x')] = a.d.get(len('y'), 0)\n"
    exec(rewrite(source, str(tmp_path / "m.py")), names)
    assert sorted(name for name in names if not name.startswith("_")) == ["A", "a"]


ATOMS = st.sampled_from(["a", "b", "o.x", "o.y", "d[0]", "d[a]", "f(a)", "o.m(b)", "1", "l[-1]"])
JOINED = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "and", "or", "<", "in l and", "if a else"]), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
        inner.map(lambda one: f"f({one})"),
        inner.map(lambda one: f"(lambda a: {one})(2)"),
        inner.map(lambda one: f"sum([{one} for a in l])"),
        inner.map(lambda one: f"o.m(*[{one}])"),
        inner.map(lambda one: f"(w := {one})"),
    ),
    max_leaves=8,
)
TARGETS = st.sampled_from(["a", "o.x", "d[a]", "d[f(b)]", "l[0]", "o.d[0]", "g"])
LINES = st.one_of(
    st.tuples(TARGETS, st.sampled_from(["=", "+=", "-=", "*="]), JOINED).map(" ".join),
    st.tuples(TARGETS, JOINED).map(lambda two: f"for {two[0]} in [{two[1]}, 3]: log.append(o.x)"),
    JOINED.map(lambda one: f"if {one}: log.append('yes')"),
    JOINED.map(lambda one: f"log.append({one})"),
)
AROUND = """
log = []
g = 5
class O:
    def __init__(self): self.x, self.y, self.d = 1, 2, {{0: 3, 1: 4}}
    def m(self, n): log.append(("m", n)); return n
def f(n): log.append(("f", n)); return n
def main():
    global g
    a, b, o, d, l = 0, 1, O(), {{0: 1, 1: 2}}, [0, 1, 2]
    try:
        {body}
    except Exception as error:
        log.append((type(error).__name__, str(error)))
    log.append((a, b, o.x, o.y, o.d, d, l, g))
main()
result = log
"""


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # others run beside it
@given(st.lists(LINES, min_size=1, max_size=6))
def test_any_program_does_what_it_did(lines: list[str]) -> None:
    source = AROUND.format(body="\n        ".join(lines))
    file = Path("any.py")
    plain, rewritten = compile(source, "any.py", "exec"), rewrite(source, "any.py")
    assert _result(rewritten, file) == _result(plain, file)


# The cache


def test_code_is_kept_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "module.py"
    file.write_text("a = 1\n")
    first = cached_rewrite("a = 1\n", str(file))
    monkeypatch.setattr(code_cache, "rewrite", None)  # what is kept needs none
    assert cached_rewrite("a = 1\n", str(file)) == first
    assert len(list((tmp_path / "__pycache__").iterdir())) == 1


@pytest.mark.parametrize("damage", [b"", b"x" * 50, None], ids=["empty", "other", "cut"])
def test_what_is_damaged_or_old_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes | None
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "module.py"
    file.write_text("a = 1\n")
    first = cached_rewrite("a = 1\n", str(file))
    (kept,) = (tmp_path / "__pycache__").iterdir()
    kept.write_bytes(kept.read_bytes()[:-9] if damage is None else damage)
    assert cached_rewrite("a = 1\n", str(file)) == first
    assert cached_rewrite("a = 2\n", str(file)) != first


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "module.py"
    file.write_text("a = 1\n")
    (tmp_path / "__pycache__").write_text("a file, no folder")
    assert cached_rewrite("a = 1\n", str(file)).co_filename == str(file)
