"""Programs whose standard streams are closed, missing, or replaced by something that only writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import plait

LONG = 60.0
WORK = """
import plait

def double(n):
    return 2 * n

def work():
    found = [list(plait.map(double, [1], engine=engine)) for engine in ("inline", "thread", "process", "auto")]
    with plait.scope() as scope:
        scope.submit(double, 1)
    with plait.trace() as trace:
        list(plait.map(double, [1], engine="process"))
    return found, len(trace.slices), [one for one in trace.summary if "sampler" in one]

"""
EXPECTED = "([[2], [2], [2], [2]], 1, [])"
LACKING = "sys.stdin = sys.stdout = sys.stderr = None"
WRITING = "class Writes:\n    def write(self, text): pass\nsys.stdout = sys.stderr = Writes()"


@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1], [1, 2], [0, 1, 2]], ids=str)
def test_with_descriptors_that_are_closed(closed: list[int], tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        WORK + "said = repr(work())\nwith open('said', 'w') as file:\n    file.write(said)\n"
    )
    closing = " ".join(f"{number}>&-" for number in closed)
    command = ["/bin/sh", "-c", f'exec "$0" app.py {closing}', sys.executable]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LONG, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "said").read_text() == EXPECTED


@pytest.mark.skipif(sys.platform != "linux", reason="states are sampled on Linux")
def test_where_no_file_may_have_any_bytes_a_trace_says_what_it_could_not_see(tmp_path: Path) -> None:
    looks = "import time\nwith plait.trace() as trace:\n    time.sleep(0.05)\nprint(trace)\n"
    (tmp_path / "app.py").write_text(WORK + looks)
    command = ["/bin/sh", "-c", 'ulimit -f 0; exec "$0" -B app.py', sys.executable]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LONG, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "the sampler failed: [Errno 27]" in done.stdout


@pytest.mark.parametrize("replaced", [LACKING, WRITING], ids=["missing", "only writes"])
def test_with_streams_that_are_no_files(replaced: str, tmp_path: Path) -> None:
    program = f"import sys\nreal, *rest = sys.stdout, sys.stderr\n{replaced}\n{WORK}real.write(repr(work()))\nsys.stdout, sys.stderr = real, *rest\n"
    (tmp_path / "app.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=tmp_path, capture_output=True, text=True, timeout=LONG, check=False
    )
    assert (done.returncode, done.stdout) == (0, EXPECTED), done.stderr


def test_what_a_worker_prints_goes_nowhere_where_the_program_has_nothing_to_print_to(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    list(plait.map(print, ["nowhere"], engine="process", workers=1))
    assert capfd.readouterr().out == ""
