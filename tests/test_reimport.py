"""Modules that start work on processes while they are imported: workers would import them, and so start it again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LONG = 60.0
HEAD = "import plait\n\ndef one_more(n):\n    return n + 1\n\nclass Item:\n    pass\n\n"
MAP = "print(*plait.map(one_more, [1], engine='process'))\n"
POOL = "with plait.Pool('process', workers=1) as pool:\n    print(pool.submit(one_more, 1).result())\n"
SCOPE = "with plait.scope('process') as s:\n    found = s.submit(one_more, 1)\nprint(found.result())\n"
ITEMS = "print(*plait.map(lambda item: 1, [Item()], engine='process'))\n"


def imported(folder: Path, work: str) -> tuple[str, str]:
    (folder / "work_at_import.py").write_text(HEAD + work)
    done = subprocess.run(
        [sys.executable, "-c", "import work_at_import"],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=LONG,
        check=False,
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize("work", [MAP, POOL, SCOPE])
def test_functions_of_a_module_that_is_being_imported_are_run(tmp_path: Path, work: str) -> None:
    assert imported(tmp_path, work) == ("2\n", "")


def test_items_of_its_classes_are_refused_and_do_not_start_the_work_without_end(tmp_path: Path) -> None:
    output, errors = imported(tmp_path, ITEMS)
    assert output == ""
    assert "line 9 of work_at_import starts work on processes while the module is imported" in errors
