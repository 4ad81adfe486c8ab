"""How many executions does it take to find each bug of tests/bugs, what do they cost, and is right code left alone?

plait checks the scripts as they are. The others get the model function that they want, see _check_peers.py; a bug
counts as found by them when the tool says nothing about the repaired program in as many executions.
Run: python bench/check_corpus.py [--ours] [--seeds N] [NAME ...]
"""

from __future__ import annotations

import argparse
import json
import linecache
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from _check_peers import FINDERS
from _corpus import BUGGY, INDEX, RIGHT, Search, each_ms, figures, geomean
from _table import Table

LIMIT = 300  # executions, then the bug counts as missed
SEEDS = 20
RIGHT_EXECUTIONS = 100  # of each right program and seed; the deep test makes more
PATIENCE = 10.0  # seconds for a search of another tool
GRACE = 10.0  # seconds that it may take longer than it says
PEER_SEEDS = {"interleave-test random": 3, "interleave-test pct": 3}  # frontrun's search hardly depends on a seed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", action="store_true", help="without the other tools, which take much longer")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of programs with a bug; by default all")
    options = parser.parse_args()
    seeds, names = options.seeds, options.names
    if unknown := [name for name in names if name not in {path.stem for path in BUGGY}]:
        parser.error(f"no program of tests/bugs/buggy is called {unknown[0]!r}")
    table = Table("check, the corpus of bugs")
    buggy = [path for path in BUGGY if not names or path.stem in names]
    ours = {path.stem: [search(path, seed, LIMIT) for seed in range(seeds)] for path in buggy}
    _add_ours(table, ours)
    if not names:
        _add_alarms(table, seeds)
    for tool in () if options.ours else FINDERS:
        _add_peer(table, tool, buggy, ours)
    table.show()


def _add_ours(table: Table, ours: dict[str, list[Search]]) -> None:
    every = [search for searches in ours.values() for search in searches]
    missed = sorted({name for name, searches in ours.items() if not all(search.at for search in searches)})
    needed = [search.at or LIMIT for search in every]
    found = sum(bool(search.at) for search in every)
    words = f"{found} of {len(every)}" + (f", not always: {', '.join(missed)}" if missed else "")
    table.add_fact(f"found in {LIMIT} executions, {len(ours)} bugs", "plait", words, "all", met=not missed)
    good = geomean(needed) <= 4 and statistics.mean(needed) <= 8
    table.add_fact("executions to the failure", "plait", figures(every, LIMIT), "geomean <= 4, mean <= 8", met=good)
    steps = statistics.mean(search.steps for search in every if search.steps)
    words = f"{each_ms(every):.2f} ms, start of the search included; {steps:.0f} steps"
    table.add_fact("CPU for one execution", "plait", words)
    longest = max(search.cpu for search in every)
    table.add_fact("CPU of the longest search", "plait", f"{longest:.2f} s", "<= 2 s", met=longest <= 2)
    hardest = sorted(ours, key=lambda name: -statistics.mean(search.at or LIMIT for search in ours[name]))[:5]
    words = ", ".join(f"{name} {statistics.mean(search.at or LIMIT for search in ours[name]):.0f}" for name in hardest)
    table.add_fact("the hardest, mean executions", "plait", words)


def _add_alarms(table: Table, seeds: int) -> None:
    searches = {path: [search(path, seed, RIGHT_EXECUTIONS) for seed in range(seeds)] for path in RIGHT}
    wrong = sorted(f"{path.parent.name}/{path.stem}" for path, each in searches.items() if any(one.at for one in each))
    every = [search for each in searches.values() for search in each]
    executions = sum(search.executions for search in every)
    words = f"{len(wrong)} in {executions:,} executions" + (f": {', '.join(wrong)}" if wrong else "")
    table.add_fact(f"alarms, {len(RIGHT)} right programs", "plait", words, "0", met=not wrong)
    each = each_ms(every)
    table.add_fact("CPU for one execution of these", "plait", f"{each:.2f} ms", "<= 0.6 ms", met=each <= 0.6)


def _add_peer(table: Table, tool: str, buggy: list[Path], ours: dict[str, list[Search]]) -> None:
    searches: dict[str, list[Search]] = {}
    alarms, not_for = [], 0
    for path in buggy:
        seeds = range(PEER_SEEDS.get(tool, 1))
        found = [_in_a_program(tool, path, seed) for seed in seeds] if _is_for_threads(path) else [None]
        usable = [search for search in found if search is not None]
        if len(usable) < len(found):
            not_for += 1
            continue
        if any(search.at for search in usable):
            twin = _in_a_program(tool, path.parent.parent / "fixed" / path.name, 0)
            if twin is None or twin.at:
                alarms.append(path.stem)
                usable = [search._replace(at=0) for search in usable]
        searches[path.stem] = usable
    every = [search for each in searches.values() for search in each]
    if not every:
        table.add_fact("found", tool, "not installed, or it could be applied to nothing")
        return
    found_always = sum(all(search.at for search in each) for each in searches.values())
    words = f"{found_always} of {len(searches)} always; {len(alarms)} said of the repaired program, too; "
    if certified := [name for name, each in searches.items() if any(search.passed for search in each)]:
        words += f"{len(certified)} called right; "
    table.add_fact(f"found in {LIMIT} executions", tool, f"{words}{not_for} bugs are none of its kind")
    same = [search for name in searches for search in ours[name]]
    words = f"{figures(every, LIMIT)}; plait on the same: {figures(same, LIMIT)}"
    table.add_fact("executions to the failure", tool, words)
    table.add_fact("CPU for one execution", tool, f"{each_ms(every):.2f} ms; plait on the same: {each_ms(same):.2f} ms")


def search(path: Path, seed: int, limit: int) -> Search:
    """A search as `plait check` makes it, without the investigation of what it finds."""
    from plait._check.conclude import looking
    from plait._check.explore import Budget, Course, explore
    from plait._check.programs.program import Script
    from plait._check.reading.source import Sources

    file = str(path)
    entry = INDEX["buggy"].get(path.stem, {}) if path.parent.name == "buggy" else {}
    scheduler, look = looking("rotation", Sources(linecache.getlines), one_output=entry.get("failure") == "outcome")
    began = time.process_time()
    result = explore(
        lambda fresh: Script(file, (), fresh),
        budget=Budget(limit, None),
        course=Course(scheduler, look, seed),
        mine=file.__eq__,
    )
    cpu = time.process_time() - began
    executions = result.coverage.schedules
    if result.verdict.word != "failed" or result.record is None:
        return Search(0, executions, cpu)
    return Search(executions, executions, cpu, len(result.record.events))


def _in_a_program(tool: str, path: Path, seed: int) -> Search | None:
    """The tool's search in a process of its own, since some never come back; None when it cannot be applied."""
    command = [sys.executable, __file__, "--peer", tool, str(path), str(seed)]
    if tool.startswith("frontrun"):
        command.insert(0, str(Path(sys.executable).parent / "frontrun"))
    try:
        program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    except FileNotFoundError:
        return None
    try:
        said, _ = program.communicate(timeout=PATIENCE + GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(program.pid, 9)
        program.communicate()
        return Search(0, 1, PATIENCE)
    lines = [line for line in said.decode().splitlines() if line.startswith("{")]
    return Search(**json.loads(lines[-1])) if lines else None


def _is_for_threads(path: Path) -> bool:
    return INDEX["buggy"][path.stem]["class"] != "asyncio"


def _peer(tool: str, path: str, seed: str) -> None:
    found = FINDERS[tool](Path(path), seed=int(seed), limit=LIMIT, seconds=PATIENCE)
    search = Search(found.at, max(1, found.executions), found.cpu, 0, found.passed)
    print(json.dumps(search._asdict()), flush=True)
    os._exit(0)  # threads that the tool has left behind would keep it


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        _peer(*sys.argv[2:5])
    else:
        main()
