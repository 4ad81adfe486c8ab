"""The programs of examples/ do what their first lines say; those with servers and windows have files of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
sys.path.insert(0, str(EXAMPLES))


def run(name: str, *arguments: str, folder: Path) -> str:
    program = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONWARNINGS": "error"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    assert program.returncode == 0, program.stdout
    return program.stdout


def test_print_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = run("print_numbers.py", folder=tmp_path).splitlines()
    assert lines[-1] == "All threads finished."
    assert Counter(lines[:-1]) == Counter(f"Thread {t}: {n}" for t in (1, 2) for n in range(1, 6))
    for thread in (1, 2):
        assert [line for line in lines if line.startswith(f"Thread {thread}")] == [
            f"Thread {thread}: {n}" for n in range(1, 6)
        ]
    assert lines[:5] != [f"Thread 1: {n}" for n in range(1, 6)]  # both at the same time

    import print_numbers

    print_numbers.main_with_threading()
    assert Counter(capsys.readouterr().out.splitlines()) == Counter(lines)


def test_bank(tmp_path: Path) -> None:
    totals = [int(found) for found in re.findall(r": +(-?\d+)", run("bank.py", folder=tmp_path))]
    assert len(totals) == 3
    assert totals[:2] == [4000, 4000]


def test_pipeline(tmp_path: Path) -> None:
    orders = " ".join(f"{name}{number}" for name in "ABC" for number in range(1, 6))
    assert run("pipeline.py", folder=tmp_path) == f"15 orders handled, each once: {orders}\n"


def test_cpu_bound(tmp_path: Path) -> None:
    printed = run("cpu_bound.py", folder=tmp_path)
    for engine in ("a plain loop", "inline", "thread", "process"):
        assert re.search(rf"^{engine} +\d+\.\d\d +\d+\.\dx", printed, re.MULTILINE), printed
    assert ("interpreter" in printed) == (sys.version_info >= (3, 14))


def test_io_bound(tmp_path: Path) -> None:
    printed = run("io_bound.py", folder=tmp_path)
    assert re.search(r"^a plain loop +\d+\.\d\d +1\.0x", printed, re.MULTILINE), printed
    for engine in ("thread", "process", "async"):
        assert re.search(rf"^{engine} +\d+\.\d\d +\d+\.\dx  \d+\.\d\d MB per worker", printed, re.MULTILINE), printed


def test_the_crawler_finds_everything(tmp_path: Path) -> None:
    assert run("crawler.py", folder=tmp_path) == "119 pages, 4435 bytes\nfailed: 99: LookupError\n"


@pytest.fixture
def shop() -> Iterator[tuple[str, Counter[str], list[int]]]:
    """A shop that counts what it is asked, and kills the crawler given in the list after 60 answers."""
    import crawler

    answered: Counter[str] = Counter()
    victims: list[int] = []

    class CountingShop(crawler.Shop):
        asked: dict[str, int] = {}

        def do_GET(self) -> None:
            super().do_GET()
            answered[self.path] += 1
            if answered.total() >= 60 and victims:
                os.kill(victims.pop(), signal.SIGKILL)

    with ThreadingHTTPServer(("127.0.0.1", 0), CountingShop) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", answered, victims
        server.shutdown()
        thread.join()


def test_the_crawler_goes_on_where_it_was_killed(shop: tuple[str, Counter[str], list[int]], tmp_path: Path) -> None:
    url, answered, victims = shop
    command = [sys.executable, str(EXAMPLES / "crawler.py"), url]
    first = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE)
    victims.append(first.pid)
    assert first.communicate(timeout=100) == (b"", None)
    assert first.returncode == -signal.SIGKILL
    before = Counter(answered)
    assert run("crawler.py", url, folder=tmp_path) == "119 pages, 4435 bytes\nfailed: 99: LookupError\n"
    again = sum(
        1 for path in before if answered[path] > before[path] and before[path] > (int(path.strip("/") or 0) % 7 == 3)
    )
    assert again <= 45, "only what had not been recorded when the crawler was killed is fetched again"
    assert answered.total() - before.total() < before.total() + 100
