"""Real packages under check: what is known to be wrong in them is found, and nothing is said of the rest.

It needs the versions of real/requirements.txt, in an environment of their own: ``pip install -r tests/real/requirements.txt``.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REAL = Path(__file__).resolve().parent / "real"
# What is observed in each program, and the title of the finding; "" when it passes.
PROGRAMS = {
    "use_anyio_lock": ("anyio", "Nobody will wake it: self._event"),
    "use_apscheduler": ("apscheduler", "Checked, then changed by another thread: self.state"),
    "use_cachetools": ("cachetools", ""),
    "use_cachetools_lock": ("cachetools", ""),
    "use_diskcache": ("diskcache", ""),
    "use_kombu_hub": ("kombu.asynchronous", "Changed after it was replaced: self._ready"),
    "use_limits": ("limits", "Checked, then changed by another thread: self.expirations"),
    "use_prometheus_client": ("prometheus_client", "Deadlock with itself: MutexValue._lock"),
    "use_pybreaker": ("pybreaker", ""),
    "use_pykka": ("pykka", ""),
    "use_pykka_stop": ("pykka", "Waited in vain: self._result"),
    "use_readerwriterlock": ("readerwriterlock", ""),
    "use_readerwriterlock_downgrade": ("readerwriterlock", "Changed between two reads: value"),
    "use_requests_cache": ("requests_cache", ""),
    "use_sqlalchemy": ("sqlalchemy.pool", ""),
    "use_sqlalchemy_dispose": ("sqlalchemy.pool", "Lost update of self._overflow"),
    "use_tenacity": ("tenacity", "Lost update of self.statistics['idle_for']"),
    "use_tqdm": ("tqdm", "Used before it is ready: inst.pos"),
    "use_urllib3": ("urllib3", ""),
    "use_urllib3_close": ("urllib3", "Left in the queue: self.pool"),
    "use_watchdog": ("watchdog", ""),
    "use_watchdog_join": ("watchdog", "Nothing will come"),
}


def missing() -> str:
    """Which pinned packages are not there in their version; "" if all are."""
    wanted = [line.split("==") for line in (REAL / "requirements.txt").read_text().splitlines() if "==" in line]
    return ", ".join(f"{name} {version}" for name, version in wanted if _version(name) != version)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


@pytest.mark.skipif(bool(missing()), reason=f"not installed: {missing()}")
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_real_package(name: str) -> None:
    observed, title = PROGRAMS[name]
    command = [sys.executable, "-m", "plait", "check", "--runs", "200", "--seconds", "60", "--observe", observed]
    run = subprocess.run(
        [*command, f"{name}.py"], cwd=REAL / "programs", capture_output=True, text=True, timeout=100, check=False
    )
    if title:
        assert (run.returncode, run.stdout.partition("\n")[0]) == (1, title)
    else:
        assert (run.returncode, run.stdout.partition(":")[0]) == (0, "passed"), run.stdout


def test_every_bug_of_the_history_has_its_program() -> None:
    history = tomllib.loads((REAL / "history.toml").read_text())
    assert {path.stem for path in (REAL / "history").glob("*.py")} == set(history)
    for bug in history.values():
        assert {"package", "observe", "bug", "fixed", "finding", "wrong"} <= set(bug)


def test_every_program_is_in_the_table() -> None:
    assert {path.stem for path in (REAL / "programs").glob("*.py")} == set(PROGRAMS)
