"""Where random numbers of the whole program are drawn matters to programs that seed them, and to no others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
{}
import random
from functools import partial
from random import gauss

from plait._engines.reading.sharing import obstacle

def draws(n):
    return gauss(0, 1) + random.random()

print([obstacle(each) for each in (draws, random.random, partial(random.gauss, 0), lambda _: random.shuffle([1, 2]))])
"""


def obstacles(folder: Path, text: str) -> str:
    (folder / "program.py").write_text(_PROGRAM.format(text))
    ran = subprocess.run([sys.executable, "program.py"], cwd=folder, capture_output=True, text=True, check=True)
    return ran.stdout


@pytest.mark.parametrize(
    "text", ["", "seed = 3", "import plait; plait.rng(seed=3)", "# a seed of a plant", "import package"]
)
def test_without_a_seed_numbers_are_chance_anywhere(tmp_path: Path, text: str) -> None:
    (tmp_path / "package").mkdir()
    assert obstacles(tmp_path, text) == "['', '', '', '']\n"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("import random; random.seed(1)", "program.py seeds"),
        ("from random import (\n    choice,\n    seed,\n)\nseed(1)", "program.py seeds"),
        ("import random; start = random.seed; start(1)", "program.py seeds"),
        ("import random; getattr(random, 'seed')(1)", "program.py seeds"),
        ("import random; random.setstate(random.getstate())", "program.py seeds"),
        ("import settings", "settings.py seeds"),
        ("import gone", "gone may seed"),
    ],
)
def test_with_one_they_are_those_of_a_loop(tmp_path: Path, text: str, where: str) -> None:
    (tmp_path / "settings.py").write_text("import numpy_random as np\nnp.random.seed(3)\n")
    (tmp_path / "numpy_random.py").write_text(
        "from types import SimpleNamespace\nrandom = SimpleNamespace(seed=print)\n"
    )
    (tmp_path / "gone.py").write_text("import os\nos.remove(__file__)\n")
    assert obstacles(tmp_path, text).count(f"uses random numbers of the whole program, which {where}") == 4


def test_what_cannot_be_read_may_say_it_and_a_notebook_is_read(tmp_path: Path) -> None:
    asked = (
        "import random; from plait._engines.reading.sharing import obstacle; import __main__\n"
        "print(obstacle(random.random)); __main__.In = ['', 'x = 1']; print(obstacle(random.random))\n"
        "__main__.In.append('random.seed(4)'); print(obstacle(random.random))"
    )
    ran = subprocess.run([sys.executable, "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = ran.stdout.splitlines()
    assert "which __main__ may seed;" in lines[0]
    assert lines[1] == ""
    assert "which __main__ seeds;" in lines[2]
