"""Everything the pages show runs: fenced blocks, doctests, examples; and the links between pages lead somewhere."""

from __future__ import annotations

import doctest
import importlib
import linecache
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import plait

ROOT = Path(__file__).resolve().parent.parent
RUNNER = ROOT / "tests" / "run_snippets.py"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
EXAMPLES = sorted((ROOT / "examples").glob("demo_*.py"))
MODULES = sorted(module.name for module in pkgutil.walk_packages(plait.__path__, "plait."))


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONWARNINGS": "error", "NO_COLOR": "1", "COLUMNS": "120"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_page(page: Path, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")  # pages run them as a reader in the checkout does
    run = _run(tmp_path, str(RUNNER), str(page))
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("example", EXAMPLES, ids=_name)
def test_example(example: Path, tmp_path: Path) -> None:
    run = _run(tmp_path, str(example))
    assert run.returncode == 0, run.stdout


EXTRAS = {"plait.joblib_backend": "joblib"}  # modules that are for a library, and need it


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name], reason=f"{EXTRAS[name]} is not installed: pip install plait[{EXTRAS[name]}]")
    module = importlib.import_module(name)
    linecache.clearcache()  # every example has all files that were read until now looked at again
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_the_pages_are_there() -> None:
    names = {_name(page) for page in PAGES}
    assert {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/glossary.md"} <= names


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    for number, line in enumerate(page.read_text().splitlines(), 1):
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", line):
            assert (page.parent / target).exists(), f"{_name(page)}:{number}: {target} does not exist"


# The runner itself: a failure must show, with the page's own line.

FENCE = "```"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("one\n\nFpython\nx = 1\nassert x == 2\nF\n", 5, "AssertionError"),
        ("Fpython\ndef f():\n    return 1 / 0\nF\n\nmore\n\nFpython\nf()\nF\n", 3, "ZeroDivisionError"),
        ("Fpython\nprint('a')\nF\n\nFtext\nb\nF\n", 2, "expected"),
        ("Fconsole\n$ echo a\nb\nF\n", 2, "expected"),
        ("Fconsole\n$ true\n$ exit 3\nF\n", 3, "exit status 3"),
        ("Fconsole\n$ false | cat\nF\n", 2, "exit status 1"),
        ("Fpython skip\n1\nF\n", 1, "unknown note"),
        ("text\nFpython\nraise SystemExit(0)\nF\n", 3, "SystemExit"),
    ],
    ids=["assert", "function", "print", "echo", "exit", "pipe", "note", "SystemExit"],
)
def test_a_snippet_that_fails_is_named_by_file_and_line(tmp_path: Path, text: str, line: int, what: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(re.sub(r"^F", FENCE, text, flags=re.MULTILINE))
    run = _run(tmp_path, str(RUNNER), str(page))
    assert run.returncode == 1, run.stdout
    assert f"{page}:{line}: " in run.stdout
    assert what in run.stdout


def test_snippets_that_hold_pass(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = (
        "Fpython\nx = 1\nF\n\nFpython\nprint(x, 'more', x)\nF\n\nFtext\n1 ... 1\nF\n\n"
        "Fpython not-run: needs a cluster\nboom\nF\n"
        "Fconsole\n$ echo a \\\n> b\na b\n$ make nothing\nF\n"
    )
    page.write_text(re.sub(r"^F", FENCE, text, flags=re.MULTILINE))
    run = _run(tmp_path, str(RUNNER), str(page))
    assert run.returncode == 0, run.stdout
    assert "2 Python and 1 console blocks ran" in run.stdout


def test_a_page_ends_where_a_package_is_not_installed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(re.sub(r"^F", FENCE, "Fpython needs: nowhere\nboom\nF\nFpython\nboom\nF\n", flags=re.MULTILINE))
    run = _run(tmp_path, str(RUNNER), str(page))
    assert run.returncode == 0, run.stdout
    assert "nowhere is not installed" in run.stdout
    page.write_text(re.sub(r"^F", FENCE, "Fpython needs: plait\nboom\nF\n", flags=re.MULTILINE))
    assert "NameError" in _run(tmp_path, str(RUNNER), str(page)).stdout


def test_a_block_that_is_never_closed_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{FENCE}python\nx = 1\n")
    run = _run(tmp_path, str(RUNNER), str(page))
    assert run.returncode == 1
    assert "never closed" in run.stdout
