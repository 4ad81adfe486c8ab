"""Runs every gate, the others too when one has failed, and ends with a table of what passed and what did not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from environments import environment
from pythons import OLDEST, ROOT, find_pythons, probe

_LIMIT = 1200  # seconds for one gate: a gate that hangs is red, not endless


class Gate(NamedTuple):
    """One command that must succeed."""

    name: str
    about: str
    command: list[str]


class Result(NamedTuple):
    """How a gate ended: ``passed``, ``FAILED`` or ``skipped``."""

    name: str
    state: str
    about: str
    seconds: float = 0.0


def main(chosen: list[str]) -> int:
    """Run the gates whose names begin with one of `chosen`, or all; returns the exit status."""
    began = time.monotonic()
    gates, results = plan(chosen)
    if not gates:
        print(f"no gate is named like {' or '.join(chosen)}; run without arguments to see the names")
        return 2
    for gate in gates:
        print(f"\n=== {gate.name}: {gate.about}\n    {' '.join(gate.command)}", flush=True)
        results.append(run(gate))
    print(table(results))
    states = [result.state for result in results]
    failed, skipped = states.count("FAILED"), states.count("skipped")
    print(f"took {time.monotonic() - began:.0f} s")
    print(f"gates: {states.count('passed')} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def plan(chosen: list[str]) -> tuple[list[Gate], list[Result]]:
    """The gates to run, their environments set up, and one result for each Python that is not there."""
    pythons, missing = find_pythons()
    main_python = probe((sys.executable,)) or pythons[0]
    wanted = tuple(chosen) or ("",)
    env = environment(main_python, ("test", "lint", "frameworks"))
    tool = str(env / "bin") + "/"
    gates = [
        Gate("lint", "ruff's rules", [tool + "ruff", "check", "."]),
        Gate("format", "ruff's formatter would change nothing", [tool + "ruff", "format", "--check", "."]),
        Gate("types", "mypy --strict", [tool + "mypy", "--strict"]),
        Gate("layers", "imports go down the layers only", [tool + "lint-imports", "--no-cache"]),
        Gate("docs", "the site builds, strictly", [sys.executable, "scripts/build_docs.py"]),
        Gate("wheel", "the built wheel works in an empty environment", [sys.executable, "scripts/try_wheel.py"]),
    ]
    gates = [gate for gate in gates if gate.name.startswith(wanted)]
    for python in pythons:
        name = f"tests-{python.label}"
        if not name.startswith(wanted):
            continue
        folder = env if python.label == main_python.label else environment(python, ("test",))
        command = [*python.inside, str(folder / "bin" / "python"), "-m", "pytest", "--durations=5"]
        gates.append(Gate(name, f"tests, snippets and doctests on Python {python.full}", command))
    skipped = [Result(f"tests-{text.split(':')[0]}", "skipped", text.split(": ", 1)[1]) for text in missing]
    skipped = [result for result in skipped if result.name.startswith(wanted)]
    if any(result.name == f"tests-3.{OLDEST}" for result in skipped):
        skipped = [r._replace(state="FAILED") if r.name == f"tests-3.{OLDEST}" else r for r in skipped]
    return gates, skipped


def run(gate: Gate) -> Result:
    """Run one gate in a session of its own; what it leaves running is ended and makes it red."""
    began = time.monotonic()
    variables = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    process = subprocess.Popen(gate.command, cwd=ROOT, env=variables, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        status = process.wait(_LIMIT)
        about = gate.about if status == 0 else f"exit status {status}"
    except subprocess.TimeoutExpired:
        status, about = 1, f"did not end within {_LIMIT} s"
    finally:
        left = _in_session(process.pid)
        for pid, _ in left:
            os.kill(pid, signal.SIGKILL)
        process.wait()
    if status == 0 and left:
        status, about = 1, f"left processes behind: {'; '.join(name for _, name in left)}"
    return Result(gate.name, "passed" if status == 0 else "FAILED", about, time.monotonic() - began)


def _in_session(session: int) -> list[tuple[int, str]]:
    """Pid and command line of the processes of a session that are still alive (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _parent, _group, of_session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        if int(of_session) == session and state != "Z":
            found.append((int(folder.name), f"{folder.name} ({command[:80]})"))
    return found


def table(results: list[Result]) -> str:
    """One line for each gate."""
    width = max(len(result.name) for result in results)
    lines = [f"  {r.name:<{width}}  {r.state:<7} {r.seconds:6.1f} s  {r.about}" for r in results]
    return "\n".join(["", "=== gates", *sorted(lines, key=lambda line: " FAILED " in line)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
