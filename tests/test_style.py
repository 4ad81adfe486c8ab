"""The style that a machine can check and ruff does not: sizes, docstrings, the doors of third-party packages."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "plait"
FILES = sorted(path for path in SOURCE.rglob("*.py"))
OURS = sorted(path for folder in ("src", "scripts", "examples", "bench") for path in (ROOT / folder).rglob("*.py"))

FOLDERS = ("src", "tests", "docs", "examples", "bench", "scripts")

# Who may import what does not come with Python: one file, or for click one folder.
DOORS = {"click": "_cli/", "cloudpickle": "*.py", "psutil": "*.py", "rich": "*.py", "pytest": "*.py"}
DOORS |= {"distributed": "_engines/dask.py", "joblib": "joblib_backend.py", "ray": "_engines/ray.py"}  # extras


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


class Source(NamedTuple):
    """A file of ours: where it is, and its syntax tree, whole and node by node."""

    path: Path
    tree: ast.Module
    nodes: list[ast.AST]

    @property
    def name(self) -> str:
        return _name(self.path)

    @property
    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        return (node for node in self.nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


@pytest.fixture(params=FILES, ids=_name, scope="module")  # so that all tests of a file are run one after the other
def source(request: pytest.FixtureRequest) -> Source:
    path: Path = request.param
    tree = ast.parse(path.read_text())
    return Source(path, tree, list(ast.walk(tree)))


def test_the_module_says_what_it_is_in_one_true_line(source: Source) -> None:
    docstring = ast.get_docstring(source.tree)
    assert docstring, f"{source.name}: no docstring"
    first = docstring.splitlines()[0]
    assert first.endswith((".", ":")), f"{source.name}:1: the first line is not a sentence: {first!r}"


@pytest.mark.parametrize("path", OURS, ids=_name)
def test_a_file_fits_in_the_head(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= 400, f"{_name(path)}: {lines} lines, at most 400; which second noun is in it?"


def test_a_function_does_one_thing(source: Source) -> None:
    for node in source.functions:
        body = node.body[1:] if ast.get_docstring(node) else node.body
        lines = 1 + (node.end_lineno or 0) - body[0].lineno if body else 0
        assert lines <= 60, f"{source.name}:{node.lineno}: {node.name} has {lines} lines, at most 60"


def test_state_has_an_owner(source: Source) -> None:
    for node in source.nodes:
        assert not isinstance(node, ast.Global), f"{source.name}:{node.lineno}: a global statement"


def test_nothing_in_a_lower_layer_imports_the_doorway(source: Source) -> None:
    if source.path.relative_to(SOURCE).parts[0] in ("_core", "_engines", "_run"):
        for line, module in _imports(source.nodes):
            assert module != "plait", f"{source.name}:{line}: imports the doorway, plait itself"


def test_options_are_few(source: Source) -> None:
    for node in source.functions:
        if not node.name.startswith("_"):
            keywords = len(node.args.kwonlyargs)
            assert keywords <= 8, f"{source.name}:{node.lineno}: {node.name} has {keywords} options, at most 8"


def test_third_party_packages_come_in_by_one_door() -> None:
    used: dict[str, set[str]] = {}
    for path in FILES:
        for _, module in _imports(_nodes(path)):
            top = module.split(".")[0]
            if top != "plait" and top not in sys.stdlib_module_names:
                used.setdefault(top, set()).add(str(path.relative_to(SOURCE)))
    assert set(used) <= set(DOORS), f"not among the dependencies: {set(used) - set(DOORS)}"
    for package, files in used.items():
        if DOORS[package].endswith("/"):
            assert all(file.startswith(DOORS[package]) for file in files), f"{package} is imported by {sorted(files)}"
        else:
            assert len(files) == 1, f"{package} is imported by {sorted(files)}; one file is enough"


def test_core_needs_the_standard_library_only() -> None:
    for path in (SOURCE / "_core").rglob("*.py"):
        for line, module in _imports(_nodes(path)):
            top = module.split(".")[0]
            assert top == "plait" or top in sys.stdlib_module_names, f"{_name(path)}:{line}: imports {module}"


def test_an_ignore_says_its_code_and_its_reason() -> None:
    for path in FILES:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for marker in ("# type: ignore", "# noqa"):
                if marker not in line:
                    continue
                rest = line.split(marker, 1)[1]
                code, _, reason = rest.strip().partition("  ")
                assert code[:1] in ("[", ":"), f"{_name(path)}:{number}: {marker} without a code"
                assert reason.strip(" #"), f"{_name(path)}:{number}: {marker} without a reason after two spaces"


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_the_pages_about_the_code_name_files_that_are_there(page: str) -> None:
    there = [f"/{path.relative_to(ROOT).as_posix()}" for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    named = set(re.findall(r"[\w/*]+\.py\b", (ROOT / page).read_text()))
    assert not {name for name in named if not any(path.endswith(f"/{name}") for path in there)}


def _nodes(path: Path) -> Iterable[ast.AST]:
    return ast.walk(ast.parse(path.read_text()))


def _imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    for node in nodes:
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.lineno, node.module
