"""Programs that have been frozen into one executable, played by a script, and interpreters that heed no environment."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
HOOKS = SOURCE / "plait" / "_pyinstaller"
# As the executables of PyInstaller do, it runs the program whatever it is told; what it is told is in sys.argv.
EXECUTABLE = """#!{python}
import sys
sys.frozen = True
sys.executable = {path!r}
{hook}
with open({began!r}, "a") as file:
    file.write("x")
import plait

def twice(n):
    return 2 * n

def row(n):
    return sum(plait.map(twice, range(n), engine="process", workers=1))

{program}
"""
WORKS = """
engine = plait.engines.ProcessEngine(portable={portable})
assert list(plait.map(row, range(4), engine=engine, workers=2)) == [0, 0, 2, 6]
engine.close()
"""
IS_REFUSED = """
try:
    list(plait.map(twice, range(4), engine=plait.engines.ProcessEngine(portable={portable})))
except plait.errors.PlaitError as error:
    print(error)
assert list(plait.map(twice, range(4))) == [0, 2, 4, 6]
"""

# It hides that it is no interpreter. What its copies say is written to their standard error, which is that of the program.
REFUSES_ITS_COPIES = """
engine = plait.engines.ProcessEngine(portable={portable})
try:
    list(plait.map(twice, range(4), engine=engine, workers=1))
except plait.errors.PlaitError as error:
    sys.__stdout__.write(str(error) + chr(10))
"""


@pytest.mark.parametrize("portable", [False, True])
def test_a_frozen_program_is_its_own_worker(portable: bool, tmp_path: Path) -> None:
    hook = (HOOKS / "rthooks" / "pyi_rth_plait.py").read_text()
    _, began = _frozen(tmp_path, hook, WORKS.format(portable=portable))
    assert began == 1


def test_one_without_the_hook_does_not_start_itself_again_and_again(tmp_path: Path) -> None:
    said, began = _frozen(tmp_path, "", IS_REFUSED.format(portable=False))
    assert "program', this program itself; set sys.executable to a python" in said
    assert began == 1


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize("like", ["", "sys.argv = ['changed']"])
def test_a_program_that_embeds_python_does_not_start_itself_without_end(
    like: str, portable: bool, tmp_path: Path
) -> None:
    program = IS_REFUSED if not like else REFUSES_ITS_COPIES
    embeds = f"del sys.frozen; sys.orig_argv = sys.argv = [sys.executable]; {like}"
    said, began = _frozen(tmp_path, embeds, program.format(portable=portable))
    assert ("this program itself" if not like else "ran the program once more") in said
    assert began < 20


def test_it_becomes_nothing_but_a_worker() -> None:
    script = (
        "import sys; sys.argv[1:] = ['--plait-worker', 'os']; from plait._engines import frozen_worker as w; w.begin()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=_environment(), check=False
    )
    assert done.returncode == 1
    assert "'os' is none of plait._engines.zygote" in done.stderr


def test_what_plait_imports_by_name_is_taken_along() -> None:
    found = runpy.run_path(str(HOOKS / "hook-plait.py"))["hiddenimports"]
    assert {"plait._engines.zygote", "plait._engines.linux_worker", "plait._run.pool", "plait.errors"} <= set(found)
    assert not [name for name in found if name.startswith(("plait._cli", "plait.testing", "plait.pytest_plugin"))]


def test_workers_of_a_program_that_heeds_no_environment_do_neither() -> None:
    script = f"import sys; sys.path[:] = {sys.path!r}; import plait; print(*plait.map(abs, [-1, -2], engine='process'))"
    environment = _environment(PYTHONHASHSEED="neither a number nor random", PYTHONUTF8="what")
    done = subprocess.run(
        [sys.executable, "-E", "-c", script], capture_output=True, text=True, env=environment, check=False
    )
    assert (done.stdout, done.stderr) == ("1 2\n", "")


def _frozen(folder: Path, hook: str, program: str) -> tuple[str, int]:
    """What such a program prints, and how often it has begun."""
    path, began = folder / "program", folder / "began"
    path.write_text(
        EXECUTABLE.format(python=sys.executable, path=str(path), hook=hook, began=str(began), program=program)
    )
    path.chmod(0o755)
    done = subprocess.run([str(path)], capture_output=True, text=True, env=_environment(), timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, len(began.read_text())


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCE), *filter(None, sys.path)]), **more}
