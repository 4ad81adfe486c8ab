"""What a program has set in Python itself holds in its workers: limits, arithmetic, timeouts, what the site module adds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import plait

pytestmark = pytest.mark.usefixtures("nothing_left")

SCRIPT = """
import decimal
import socket
import subprocess
import sys
from contextlib import closing

import plait

def deep(n):
    return 0 if n == 0 else 1 + deep(n - 1)

def seen(_):
    return (
        deep(sys.getrecursionlimit() - 500),
        len(str(10**5000)),
        str(decimal.Decimal(1) / 7),
        socket.getdefaulttimeout(),
        (sys.prefix, sys.exec_prefix),
        subprocess._args_from_interpreter_flags(),
    )

def leave(_):
    exit(3)

def main():
    sys.setrecursionlimit(4000)
    sys.set_int_max_str_digits(6000)
    socket.setdefaulttimeout(5)
    decimal.getcontext().prec = 40
    with closing(plait.engines.ProcessEngine(portable=True)) as portable:
        for engine in ["process", portable] + ["interpreter"] * (sys.version_info >= (3, 14)):
            assert list(plait.map(seen, [0], engine=engine)) == [seen(0)], list(plait.map(seen, [0], engine=engine))
            (outcome,) = plait.map(leave, [0], engine=engine).outcomes()
            print(repr(outcome.error))
    with plait.Pool("process", workers=1) as pool:
        print(pool.submit(seen, 0).result() == seen(0))
        sys.setrecursionlimit(3000)
        with decimal.localcontext() as context:
            context.prec = 3
            print(list(plait.map(seen, [0], engine=pool)) == [seen(0)])
    sys.setrecursionlimit(300)  # which our own code in a worker might not do with
    print(list(plait.map(abs, [-1], engine="process")))

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("options", [[], ["-S"], ["-s", "-P"]])
def test_what_is_set_in_python_holds_in_workers(options: list[str], tmp_path: Path) -> None:
    """Also where the program has been started without what workers are started without."""
    (tmp_path / "script.py").write_text(f"import sys\nsys.path[:] = {sys.path!r}\nexit = sys.exit\n{SCRIPT}")
    if not options:
        (tmp_path / "script.py").write_text(SCRIPT)
    words = [sys.executable, *options, str(tmp_path / "script.py")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    engines = 3 if sys.version_info >= (3, 14) else 2
    assert done.stdout.splitlines() == [*["SystemExit(3)"] * engines, "True", "True", "[1]"]


def test_what_no_import_looks_at_is_left_out_of_the_search_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    odd: list[object] = [tmp_path, b"/tmp", None, *sys.path]
    monkeypatch.setattr(sys, "path", odd)
    monkeypatch.delattr(sys, "argv")  # as in a program that embeds Python
    assert list(plait.map(abs, [-1], engine="process", workers=1)) == [1]


def test_a_search_path_longer_than_a_word_of_a_command_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where every package is a folder of its own, with the whole of its name."""
    monkeypatch.setattr(sys, "path", [*sys.path, *(f"/nowhere/{'long' * 40}/{n}" for n in range(1500))])
    assert list(plait.map(len, [sys.path], engine="process", workers=1)) == [len(sys.path)]
