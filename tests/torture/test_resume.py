"""A map with a journal is killed at random moments and resumed: in the end every result is there, exactly once.

``PLAIT_TORTURE=200 pytest tests/torture`` kills it 200 times instead of a few.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

KILLS = int(os.environ.get("PLAIT_TORTURE", "4"))
ITEMS = 500 * KILLS
pytestmark = pytest.mark.timeout(60 + 3 * KILLS)

PROGRAM = """
import json, sys, time
import plait

def slowly(item):
    end = time.perf_counter() + 0.0002
    while time.perf_counter() < end:
        pass
    if item % 97 == 0:
        raise ValueError(item)
    return item * 3

engine, journal, order, items = sys.argv[1:]
print("begins", flush=True)
stream = plait.map(slowly, range(int(items)), engine=engine, workers=2, order=order, journal=journal)
found = [[o.index, o.value if o.error is None else f"{type(o.error).__name__}: {o.error}"] for o in stream.outcomes()]
print(json.dumps(found))
"""


@pytest.mark.parametrize("order", ["input", "completion"])
@pytest.mark.parametrize("engine", ["thread", "process", "inline"])
def test_every_result_comes_exactly_once_of_runs_that_were_killed(engine: str, order: str, tmp_path: Path) -> None:
    journal = tmp_path / "run.sqlite"
    command = [sys.executable, "-c", PROGRAM, engine, str(journal), order, str(ITEMS)]
    chance = random.Random(f"{engine} {order}")
    for _ in range(KILLS):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
            assert killed.stdout is not None
            assert killed.stdout.readline() == "begins\n"
            time.sleep(chance.uniform(0.0, 0.4))  # the random moment
            killed.send_signal(signal.SIGKILL)
    recorded = records(journal) if journal.exists() else Counter()
    assert set(recorded.values()) <= {1}

    last = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=60 + KILLS)
    found = dict(json.loads(last.stdout.splitlines()[1]))
    assert found == {n: n * 3 if n % 97 else f"ValueError: {n}" for n in range(ITEMS)}
    assert set(records(journal).values()) == {1}
    assert len(records(journal)) == ITEMS


def records(journal: Path) -> Counter[bytes]:
    """How many outcomes each item has in the file, as any SQLite tool sees it."""
    with closing(sqlite3.connect(journal)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'outcomes'").fetchone():
            return Counter()
        return Counter(digest for (digest,) in connection.execute("SELECT item FROM outcomes"))
