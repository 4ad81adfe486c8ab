"""The style that a machine can check and ruff does not: sizes, docstrings, the doors of third-party packages."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "plait"
FILES = sorted(path for path in SOURCE.rglob("*.py"))
OURS = sorted(path for folder in ("src", "scripts", "examples", "bench") for path in (ROOT / folder).rglob("*.py"))

# Who may import what does not come with Python: one file, or for click one folder.
DOORS = {"click": "_cli/", "cloudpickle": "*.py", "psutil": "*.py", "rich": "*.py", "pytest": "*.py"}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(params=FILES, ids=_name)
def source(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_the_module_says_what_it_is_in_one_true_line(source: Path) -> None:
    docstring = ast.get_docstring(ast.parse(source.read_text()))
    assert docstring, f"{_name(source)}: no docstring"
    first = docstring.splitlines()[0]
    assert first.endswith((".", ":")), f"{_name(source)}:1: the first line is not a sentence: {first!r}"


@pytest.mark.parametrize("path", OURS, ids=_name)
def test_a_file_fits_in_the_head(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= 400, f"{_name(path)}: {lines} lines, at most 400; which second noun is in it?"


def test_a_function_does_one_thing(source: Path) -> None:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = 1 + (node.end_lineno or 0) - body[0].lineno if body else 0
            assert lines <= 60, f"{_name(source)}:{node.lineno}: {node.name} has {lines} lines, at most 60"


def test_state_has_an_owner(source: Path) -> None:
    for node in ast.walk(ast.parse(source.read_text())):
        assert not isinstance(node, ast.Global), f"{_name(source)}:{node.lineno}: a global statement"


def test_nothing_in_a_lower_layer_imports_the_doorway(source: Path) -> None:
    if source.relative_to(SOURCE).parts[0] in ("_core", "_engines", "_run"):
        for line, module in _imports(source):
            assert module != "plait", f"{_name(source)}:{line}: imports the doorway, plait itself"


def test_options_are_few(source: Path) -> None:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_"):
            keywords = len(node.args.kwonlyargs)
            assert keywords <= 8, f"{_name(source)}:{node.lineno}: {node.name} has {keywords} options, at most 8"


def test_third_party_packages_come_in_by_one_door() -> None:
    used: dict[str, set[str]] = {}
    for path in FILES:
        for _, module in _imports(path):
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
        for line, module in _imports(path):
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


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.lineno, node.module
