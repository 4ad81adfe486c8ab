"""Proves that every gate can fail: breaks a copy of the checkout in one way at a time and looks for the red gate."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from pythons import ROOT


class Fault(NamedTuple):
    """Text that is appended to a file, or takes the place of `old` there, and the gate that must object."""

    gate: str
    about: str
    file: str
    text: str
    old: str = ""


_STAR = "src/plait/_core/star.py"
_LIE = '''

def lie() -> None:
    """Lies.

    >>> 1 + 1
    3
    """
'''
_NAME = '\n__all__ += ["annotations"]\nannotations = 1\n'
_WARNS = "import warnings\ndef test_fault():\n    warnings.warn('x')\n"
_FAILS = "\n\ndef test_fault() -> None:\n    assert 1 == 2\n"
_PASSES = '"""Passes."""\n\n\ndef test_passes() -> None:\n    assert True\n'
_KEPT = ("examples", "import_cost", "public_names", "snippets", "style", "types_for_users")
_LEFT = """
import subprocess
def test_leaves_a_process():
    subprocess.Popen(["sleep", "60"])
"""
_LEFT_WORKER = """
import subprocess, sys
PROGRAM = '''
import fcntl, os, time
import plait

def stay(driver):
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            fcntl.fcntl(fd, fcntl.F_SETFL, 0)  # the lifeline tells of the end of the program: nobody hears it now
        except OSError:
            pass  # the descriptor of the listing
    os.kill(driver, 9)
    os.kill(os.getppid(), 9)
    time.sleep(60)

list(plait.map(stay, [os.getpid()], engine="process", workers=1))
'''
def test_leaves_a_worker():
    assert subprocess.run([sys.executable, "-c", PROGRAM]).returncode == -9
"""
_LEFT_DAEMON = """
import subprocess
def test_leaves_a_daemon():
    subprocess.run(["env", "-i", "setsid", "-f", "sleep", "60"], check=True)
"""
FAULTS = [
    Fault("lint", "an import nobody uses", _STAR, "\nimport os\n"),
    Fault("lint", "a function that is too complex", _STAR, "\ndef f(x):\n" + "    if x:\n        x += 1\n" * 14),
    Fault("format", "a badly laid out line", _STAR, "\nx = [ 1,2 ]\n"),
    Fault("types", "a wrong return type", _STAR, '\n\ndef wrong() -> int:\n    return "no"\n'),
    Fault("types", "a missing annotation", "scripts/fix.py", "\n\ndef wrong(x):\n    return x\n"),
    Fault("layers", "an import that goes up", _STAR, "\nimport plait._run.map\n"),
    Fault("layers", "a module without a place", "src/plait/stranger.py", '"""Has no layer."""\n'),
    Fault("wheel", "a command that is not installed", "pyproject.toml", "", 'plait = "plait._cli.main:main"'),
    Fault("wheel", "a module left out", "pyproject.toml", '["src/plait"]\nexclude = ["**/star.py"]', '["src/plait"]'),
    Fault("wheel", "a dependency that is not declared", "pyproject.toml", "", '"cloudpickle>=3.0", '),
    Fault("tests", "a test that fails", "tests/test_fault.py", _FAILS),
    Fault("tests", "a warning", "tests/test_fault.py", _WARNS),
    Fault("tests", "an error in a thread", "tests/test_fault.py", """
import threading
def test_fault():
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
"""),
    Fault("tests", "a process left behind", "tests/test_fault.py", _LEFT),
    Fault("tests", "a worker left behind by a program that a test started", "tests/test_fault.py", _LEFT_WORKER),
    Fault("tests", "a daemon left behind", "tests/test_fault.py", _LEFT_DAEMON),
    Fault("tests", "a doctest that lies", _STAR, _LIE),
    Fault("engines", "a test of the contract that fails", "tests/test_contract.py", _FAILS),
    Fault("engines", "a kind of failure that is not survived", "tests/test_faults.py", _FAILS),
    Fault("engines", "a torture that finds something", "tests/torture/test_kills.py", _FAILS),
    Fault("pages", "a snippet that fails", "README.md", "\n```python\nassert False\n```\n"),
    Fault("tests", "a link that leads nowhere", "README.md", "\n[nowhere](docs/nowhere.md)\n"),
    Fault("tests", "a heavy import", "src/plait/__init__.py", "\nimport typing\n"),
    Fault("tests", "a public name nobody pinned", "src/plait/errors.py", _NAME),
    Fault("style", "a second door for a package", "src/plait/_core/star.py", "\nimport psutil\n"),
    Fault("style", "a file that is too long", _STAR, "\n# why\n" * 400),
    Fault("style", "a function that is too long", _STAR, "\ndef f(x):\n" + "    x = x + 1\n" * 61),
    Fault("docs", "a page that nobody links", "docs/orphan.md", "# An orphan\n"),
    Fault("docs", "a public name without an entry", "docs/reference-errors.md", "", ".. automodule:: plait.errors"),
    Fault("docs", "a reference to nothing", "docs/glossary.md", "\n[nothing](#nothing-of-that-name)\n"),
    Fault("docs", "a style from another host", "docs/_static/plait.css", "\n@import 'https://example.org/a.css';\n"),
    Fault("tests", "no test at all", "pyproject.toml", 'testpaths = ["docs"]', 'testpaths = ["tests"]'),
]  # fmt: skip


def main(chosen: list[str]) -> int:
    """Returns how many faults no gate objected to; only those of the gates in `chosen`, if there are any."""
    faults = [fault for fault in FAULTS if not chosen or fault.gate in chosen]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    with tempfile.TemporaryDirectory(prefix="plait-gates-") as name:
        copy = Path(name) / "plait"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True)
        for path in (copy / "tests").rglob("test_*.py"):  # the rest of the suite takes time and guards nothing here
            if path.stem.removeprefix("test_") not in _KEPT:
                path.write_text(_PASSES)
        for path in (copy / "examples").glob("demo_*.py"):
            path.unlink()
        for path in (copy / "docs").glob("*.md"):  # their titles are enough for links to lead to
            if not path.stem.startswith(("index", "glossary", "reference")):
                path.write_text(path.read_text().partition("\n")[0] + "\n")
        (copy / "README.md").write_text("# plait\n")
        gates = sorted({fault.gate for fault in faults})
        print("the copy itself must be green ...", flush=True)
        red, told = run(copy, [_named(gate, version) for gate in gates])
        if red:
            print(f"{told}\nthe copy of the last commit is red before anything was broken; mend that first")
            return len(faults)
        missed = [fault for fault in faults if not objects(copy, fault, version)]
    print(f"\n{len(faults) - len(missed)} of {len(faults)} faults were found")
    return len(missed)


def objects(copy: Path, fault: Fault, version: str) -> bool:
    """Whether the gate turns red; puts the file back."""
    file = copy / fault.file
    before = file.read_text() if file.exists() else None
    if fault.old:
        assert before is not None
        assert fault.old in before, f"{fault.file} has changed: {fault.old!r} is not in it"
        file.write_text(before.replace(fault.old, fault.text))
    else:
        file.write_text((before or "") + fault.text)
    gate = _named(fault.gate, version)
    red, _ = run(copy, [gate])
    if before is None:
        file.unlink()
    else:
        file.write_text(before)
    print(f"  {gate:<10} {'red' if red else 'GREEN, the fault was missed':<6} {fault.about}", flush=True)
    return red


def _named(gate: str, version: str) -> str:
    """What the gate is called in `.ci/run`, where tests have one on each Python."""
    part = {"tests": "rest", "engines": "engines", "pages": "pages"}.get(gate)
    return f"tests-{version}-{part}" if part else gate


def run(copy: Path, gates: list[str]) -> tuple[bool, str]:
    """Whether one of the gates is red, and what they said."""
    found = subprocess.run(["bash", ".ci/run", *gates], cwd=copy, capture_output=True, text=True, check=False)
    if "gates:" not in found.stdout:
        print(found.stdout, found.stderr)
        sys.exit("the gates did not run to their end")
    return found.returncode != 0, found.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
