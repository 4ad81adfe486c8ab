"""Programs in namespaces of their own whose /proc is that of other processes, or is not there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LONG = 60.0
OTHERS = ["unshare", "--pid", "--fork"]
NONE = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]
LOOKS = """
import plait

def double(n):
    return 2 * n

if __name__ == "__main__":
    with plait.trace() as trace:
        print(list(plait.map(double, [1, 2], engine="process", workers=1)))
    assert any(text.startswith("what threads do between") for text in trace.missing), trace.missing
    print(plait.advise(double, range(20), seconds=0.2).engine)
"""


@pytest.mark.parametrize("space", [OTHERS, NONE], ids=["of other processes", "not there"])
def test_what_looks_into_proc_does_without_it(space: list[str], tmp_path: Path) -> None:
    if shutil.which("unshare") is None or subprocess.run([*space, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no right to make namespaces")
    (tmp_path / "app.py").write_text(LOOKS)
    command = [*space, sys.executable, "app.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LONG, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[2, 4]\ninline\n", "")
