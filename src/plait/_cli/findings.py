"""What ``plait doctor`` makes of the facts: what stands in the way, and what to do about it. Pure."""

from __future__ import annotations

from _collections_abc import Iterator
from typing import Any, NamedTuple

from plait._core.how_many import in_units
from plait._engines.interpreters.refusals import ADVICE, in_words

_MIB = 1 << 20
_SLOW_START = 0.15  # seconds; a plain interpreter takes a tenth of that
_FILES_PER_WORKER = 8
_FEW_FILES = 256
_OFTEN = 0.05  # share of periods without a rest of the quota by which a program is slowed down


class Finding(NamedTuple):
    """One thing worth knowing.

    Attributes:
        level: ``problem`` (something cannot work), ``warning`` (slow, or fails under load) or ``note``.
        text: what is the case.
        advice: what to do.
    """

    level: str
    text: str
    advice: str


def findings(facts: dict[str, Any]) -> list[Finding]:
    """Everything that is worth knowing, the worst first."""
    found = [finding for rule in _RULES for finding in rule(facts)]
    return sorted(found, key=lambda finding: ("problem", "warning", "note").index(finding.level))


def _python(facts: dict[str, Any]) -> Iterator[Finding]:
    python = facts["python"]
    if python["free_threaded"] and python["gil"]:
        if python["gil_asked_for"]:
            yield Finding("warning", "the GIL is on because it was asked for", "unset PYTHON_GIL, leave out -X gil=1")
        else:
            who = python["gil_turned_on_by"] or "an extension module"
            yield Finding(
                "warning",
                f"the GIL has been turned on again by {who}, which a .pth file or sitecustomize imports at start",
                "upgrade it or keep it from being imported there, or force the GIL off with PYTHON_GIL=0",
            )
    if python["debug"] or python["development_mode"] or python["traced"]:
        why = "debug build" if python["debug"] else "development mode" if python["development_mode"] else "traced"
        yield Finding("note", f"this Python is slower than usual ({why})", "measure with another one")
    if python["threads_at_start"]:
        names = ", ".join(python["threads_at_start"])
        yield Finding(
            "warning",
            f"threads run in every interpreter from its start ({names}): a plain fork may deadlock",
            "plait never forks such a process; for multiprocessing choose forkserver or spawn",
        )


def _cores(facts: dict[str, Any]) -> Iterator[Finding]:
    cores, blas = facts["cores"], facts["blas"]
    visible = cores["affinity"] or cores["installed"] or 1
    if cores["quota"] is not None and cores["quota"] < visible and blas["installed"] and not blas["set"]:
        yield Finding(
            "warning",
            f"numeric libraries ({', '.join(blas['installed'])}) will start {visible} threads each for "
            f"{cores['quota']:g} cores' worth of CPU quota",
            f"set OMP_NUM_THREADS={cores['count']}; plait sets it in its process workers",
        )
    for name, value in blas["set"].items():
        if value.isdecimal() and int(value) > cores["count"]:
            yield Finding(
                "warning",
                f"{name}={value} is more than the {cores['count']} cores there are, in every process",
                f"set it to {cores['count']} or less, or unset it and let plait share the cores out",
            )
    if cores["count"] == 1:
        yield Finding("note", "with one core only waiting can overlap, computing cannot", "more workers help I/O only")


def _memory(facts: dict[str, Any]) -> Iterator[Finding]:
    memory, cores = facts["memory"], facts["cores"]["count"]
    available = memory["available"]
    if available is not None and available < cores * 128 * _MIB:
        yield Finding(
            "warning",
            f"{in_units(available)} of memory for {cores} workers",
            "use fewer workers, or a memory limit per worker",
        )
    if memory["overcommit"] == 2:
        yield Finding(
            "warning",
            "memory is never overcommitted here (vm.overcommit_memory=2): large buffers and forks may be refused",
            "use fewer workers, or vm.overcommit_memory=0",
        )
    shared = memory["shared"]
    if shared is not None and shared["total"] <= 64 * _MIB:
        yield Finding(
            "note",
            f"{shared['path']} has {in_units(shared['total'])}: too small for libraries that share memory through it",
            "docker run --shm-size=1g; plait itself does not need it",
        )


def _processes(facts: dict[str, Any]) -> Iterator[Finding]:
    processes = facts["processes"]
    if processes["error"] is not None:
        yield Finding("problem", f"no process worker could be started: {processes['error']}", "use engine='thread'")
    start, bare = processes["interpreter_seconds"], processes["bare_interpreter_seconds"]
    if start is not None and bare is not None and start > _SLOW_START and start > 3 * bare:
        yield Finding(
            "warning",
            f"an interpreter takes {start:.2f} s to start, {bare:.2f} s without site-packages: .pth files or "
            "sitecustomize import a lot",
            "python -X importtime -c pass shows what",
        )
    if processes["start_method"] == "fork":
        yield Finding(
            "note",
            "multiprocessing forks by default here, which can deadlock once there are threads",
            "plait's workers come from a process of their own that has none",
        )


def _limits(facts: dict[str, Any]) -> Iterator[Finding]:
    limits, cores = facts["limits"], facts["cores"]["count"]
    limit, used = limits["processes"], limits.get("used_processes")
    if limit is not None and used is not None and not limits.get("root") and limit - used < cores + 8:
        yield Finding(
            "problem" if limit - used < 3 else "warning",
            f"you may have {limit} processes and threads and have {used}",
            "raise it with ulimit -u, or use fewer workers",
        )
    limit, used = limits.get("group_processes"), limits.get("group_processes_used")
    if limit is not None and used is not None and limit - used < cores + 8:
        yield Finding(
            "problem" if limit - used < 3 else "warning",
            f"this container may have {limit} processes and threads and has {used}",
            "raise its pids limit, or use fewer workers",
        )
    files = limits["open_files"]
    if files is not None and files < max(_FEW_FILES, _FILES_PER_WORKER * cores + 64):
        yield Finding(
            "warning",
            f"a process may have {files} open files, which may be too few for {cores} workers",
            "raise it with ulimit -n",
        )
    if limits["address_space"] is not None:
        yield Finding(
            "warning",
            f"the address space is limited to {in_units(limits['address_space'])}: shared buffers and threads use it "
            "up long before memory",
            "ulimit -v unlimited; limit memory with a control group instead",
        )


def _group(facts: dict[str, Any]) -> Iterator[Finding]:
    group, cores = facts["group"], facts["cores"]
    if group["throttled"] is not None and group["throttled"] > _OFTEN:
        yield Finding(
            "warning",
            f"the CPU quota of this container was used up in {group['throttled']:.0%} of its periods, and everything "
            f"in it stood still for {group['throttled_seconds']:.0f} s so far",
            f"no more than {cores['count']} threads that compute, over all processes; or a higher quota",
        )
    if cores["quota"] is not None and (cores["installed"] or 1) >= 2 * cores["quota"] + 2:
        yield Finding(
            "note",
            f"os.cpu_count() says {cores['installed']}, and the quota is that of {cores['quota']:g}: libraries that "
            "ask it start too many threads or processes",
            f"PYTHON_CPU_COUNT={cores['count']} (Python 3.13 and later), or tell each of them; plait knows the quota",
        )
    if group["killed"]:
        yield Finding(
            "warning",
            f"in this container {group['killed']} processes were killed because memory ran out",
            "use fewer workers, or raise its memory limit; plait advise says what a worker takes",
        )


def _modules(facts: dict[str, Any]) -> Iterator[Finding]:
    for name, found in facts["modules"].items():
        if found["error"] is not None:
            advice = f"python -c 'import {name}' shows where"
            yield Finding("problem", f"{name} cannot be imported: {found['error']}", advice)
        if found["gil"]:
            yield Finding(
                "warning",
                f"importing {name} turns the GIL on again: {found['gil']} has not declared that it runs without",
                "upgrade it, or import it in processes only; PYTHON_GIL=0 keeps the GIL off, at your own risk",
            )
        if found["refuses"]:
            yield Finding("note", f"{name}: {in_words(found['refuses'])}", ADVICE)
        if found["threads"] or found["native_threads"]:
            names = ", ".join(found["threads"]) or f"{found['native_threads']} of its own, outside of Python"
            yield Finding(
                "warning" if found["threads"] else "note",
                f"importing {name} starts threads ({names}): a plain fork after that may deadlock",
                "fork before the import, or choose spawn or forkserver; plait's workers come from a process without",
            )


def _rest(facts: dict[str, Any]) -> Iterator[Finding]:
    temporary = facts["temporary"]
    if not temporary["writable"]:
        yield Finding(
            "problem",
            f"no temporary file can be made: {temporary['error']}",
            "set TMPDIR to a folder that can be written to; the output of shell commands is kept there",
        )
    elif temporary["free"] is not None and temporary["free"] < 256 * _MIB:
        yield Finding(
            "warning", f"{in_units(temporary['free'])} free in {temporary['path']}", "set TMPDIR to a roomier folder"
        )
    missing = [name for name, version in facts["packages"].items() if version is None]
    if missing:
        yield Finding("problem", f"not installed: {', '.join(missing)}", f"pip install {' '.join(missing)}")


_RULES = (_python, _cores, _memory, _processes, _limits, _group, _modules, _rest)
