"""``plait doctor``: this machine and this Python in words, and what stands in the way of concurrency."""

from __future__ import annotations

import json
from typing import Any

import click

from plait._cli.findings import Finding, findings
from plait._cli.machine import Facts, examine
from plait._cli.saying import say
from plait._core.how_many import in_units

_WIDTH = 12


@click.command("doctor")
@click.argument("modules", nargs=-1, metavar="[MODULE]...")
@click.option("--json", "as_json", is_flag=True, help="The same as one JSON object, for programs.")
def doctor_command(modules: tuple[str, ...], as_json: bool) -> int:
    """Say what this machine and this Python can do concurrently, and what stands in the way.

    Cores, quota and memory with the limit that binds, the state of the GIL, how processes start and how fast, BLAS
    threads, limits of the system and of the container. Exit status 1 when something cannot work.

    Name the MODULEs that your program imports, and it says which of them turn the GIL on in a free-threaded Python, do
    not load in subinterpreters, or start threads, after which a fork is a hazard. They are imported in processes of
    their own.
    """
    facts = examine(modules)
    found = findings(facts)
    if as_json:
        say(json.dumps({**facts, "findings": [finding._asdict() for finding in found]}, indent=2))
    else:
        say("\n".join([*describe(facts), "", *advice(found)]), hang=_WIDTH)
    return int(any(finding.level == "problem" for finding in found))


def describe(facts: Facts) -> list[str]:
    """The facts, one subject a line."""
    python, packages = facts["python"], facts["packages"]
    where = f" in {facts['container']}" if facts["container"] else ""
    lines = [
        ("plait", f"{facts['plait']} with {', '.join(f'{name} {version}' for name, version in packages.items())}"),
        ("Python", f"{python['version']} ({python['implementation']}), {python['executable']}"),
        ("system", f"{facts['system']}{where}"),
        ("cores", _cores(facts["cores"])),
        ("GIL", _gil(python)),
        ("memory", _memory(facts["memory"])),
        ("processes", _processes(facts["processes"])),
        ("BLAS", _blas(facts)),
        ("limits", _limits(facts["limits"])),
        ("container", _group(facts["cores"]["quota"], facts["group"])),
        ("modules", _modules(facts["modules"])),
        ("temporary", _temporary(facts["temporary"])),
    ]
    return [f"{name:<{_WIDTH}}{text}" for name, text in lines]


def advice(found: list[Finding]) -> list[str]:
    """What was found, each with what to do."""
    if not found:
        return ["Nothing stands in the way."]
    lines = [f"{finding.level}: {finding.text}\n{'':<{_WIDTH}}{finding.advice}" for finding in found]
    if all(finding.level == "note" for finding in found):
        lines.append("Nothing stands in the way.")
    return lines


def _cores(cores: Facts) -> str:
    quota = "no CPU quota" if cores["quota"] is None else f"CPU quota {cores['quota'] * 100:.0f} %"
    return f"{cores['count']} usable ({cores['reason']}); {cores['installed']} installed, {quota}"


def _gil(python: Facts) -> str:
    if not python["gil"]:
        return "off: threads compute at the same time"
    build = "on, in a free-threaded build" if python["free_threaded"] else "on"
    return (
        f"{build}: threads wait at the same time and compute in turn, every {python['switch_interval'] * 1000:g} ms; "
        "C code may release it"
    )


def _memory(memory: Facts) -> str:
    shared = memory["shared"]
    folder = "no /dev/shm" if shared is None else f"{in_units(shared['total'])} in {shared['path']}"
    return f"{_bytes(memory['available'])} available of {_bytes(memory['limit'])}, {folder}"


def _processes(processes: Facts) -> str:
    if processes["error"] is not None:
        return f"do not work: {processes['error']}"
    start = processes["interpreter_seconds"]
    interpreter = "" if start is None else f", an interpreter starts in {start * 1000:.0f} ms"
    return (
        f"forked from a slim process of their own, first result after {processes['seconds'] * 1000:.0f} ms"
        f"{interpreter}; multiprocessing would use {processes['start_method']}"
    )


def _blas(facts: Facts) -> str:
    blas = facts["blas"]
    if blas["set"]:
        return ", ".join(f"{name}={value}" for name, value in blas["set"].items())
    libraries = f" ({', '.join(blas['installed'])})" if blas["installed"] else ""
    visible = facts["cores"]["affinity"] or facts["cores"]["installed"]
    return f"threads not limited{libraries}: {visible} in each process; plait's workers get their share"


def _limits(limits: dict[str, Any]) -> str:
    hard = _number(limits["open_files_hard"])
    parts = [f"{_number(limits['processes'])} processes", f"{_number(limits['open_files'])} open files ({hard} hard)"]
    if limits.get("group_processes") is not None:
        parts.append(f"{limits['group_processes']:,} processes in this control group")
    parts.append(f"address space {_bytes(limits['address_space'], 'unlimited')}")
    return ", ".join(parts)


def _group(quota: float | None, group: Facts) -> str:
    parts = []
    if quota is not None:
        parts.append(f"{quota:g} cores of CPU time")
        if group["throttled"] is not None:
            parts.append(f"used up in {group['throttled']:.0%} of its periods")
    if group["memory"] is not None:
        parts.append(f"{in_units(group['memory'])} of memory")
    if group["killed"]:
        parts.append(f"{group['killed']} killed for want of memory")
    return ", ".join(parts) or "no limit of CPU time or memory"


def _modules(modules: dict[str, Facts]) -> str:
    if not modules:
        return "none tried: plait doctor NAME says what importing it does to threads and the GIL"
    return "; ".join(f"{name} {_module(found)}" for name, found in modules.items())


def _module(found: Facts) -> str:
    if found["error"] is not None:
        return "cannot be imported"
    parts = []
    if found["gil"]:
        parts.append("turns the GIL on")
    if found["refuses"]:
        parts.append("not in subinterpreters")
    if count := len(found["threads"]) + found["native_threads"]:
        parts.append(f"starts {count} {'thread' if count == 1 else 'threads'}")
    return ", ".join(parts) or "stands in no way"


def _temporary(temporary: Facts) -> str:
    return f"{temporary['path']}, {_bytes(temporary['free'])} free" if temporary["writable"] else temporary["error"]


def _number(count: int | None) -> str:
    return "unlimited" if count is None else f"{count:,}"


def _bytes(count: int | None, unknown: str = "unknown") -> str:
    return unknown if count is None else in_units(count)
