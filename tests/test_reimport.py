"""Modules that start work on processes while they are imported: workers would import them, and so start it again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LONG = 60.0
HEAD = "import plait\n\ndef one_more(n):\n    return n + 1\n\n"
MAP = "print(*plait.map(one_more, [1], engine='process'))\n"
POOL = "with plait.Pool('process', workers=1) as pool:\n    print(pool.submit(one_more, 1).result())\n"
SCOPE = "with plait.scope('process') as s:\n    found = s.submit(one_more, 1)\nprint(found.result())\n"


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


OWN = """
def renewed(item):
    return item.again()

class Item:
    def again(self):
        return Item()

class Broken(Exception):
    pass

def broken(item):
    raise Broken(item.again())

def show(found):
    print(type(found) is Item)

"""
OWN_MAP = "for found in plait.map(renewed, [Item(), Item()], engine='process', workers=1): show(found)\n"
OWN_AUTO = "for found in plait.map(renewed, [Item(), Item()]): show(found)\n"
OWN_POOL = (
    "with plait.Pool('process', workers=1) as pool:\n"
    "    for _ in range(2): show(pool.submit(renewed, Item()).result())\n"
)
OWN_POOL_MAP = (
    "with plait.Pool('process', workers=1) as pool:\n"
    "    for found in plait.map(renewed, [Item(), Item()], engine=pool): show(found)\n"
)
OWN_SCOPE = (
    "with plait.scope('process') as s:\n    tasks = [s.submit(renewed, Item()) for _ in range(2)]\n"
    "for task in tasks: show(task.result())\n"
)
OWN_ERROR = (
    "for outcome in plait.map(broken, [Item(), Item()], engine='process').outcomes():\n"
    "    print(type(outcome.error) is Broken and type(outcome.error.args[0]) is Item)\n"
)


@pytest.mark.parametrize("work", [OWN_MAP, OWN_AUTO, OWN_POOL, OWN_POOL_MAP, OWN_SCOPE, OWN_ERROR])
def test_objects_of_a_module_that_is_being_imported_go_there_and_back(tmp_path: Path, work: str) -> None:
    assert imported(tmp_path, OWN + work) == ("True\nTrue\n", "")


def test_work_that_would_be_started_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text("class Item: pass\nimport work_at_import\n")  # a module that is finished
    output, errors = imported(
        tmp_path, "from models import Item\nprint(*plait.map(lambda item: 1, [Item()], engine='process'))\n"
    )
    assert output == ""
    assert "line 7 of work_at_import starts work on processes while the module is imported" in errors
