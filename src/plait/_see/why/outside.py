"""Looks at another process from outside: Python stacks by py-spy, tasks by `remote`, the rest from /proc."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Collection
from typing import Any

from plait._core.errors import PlaitError
from plait._core.processes import listed, text_of
from plait._see.why.dump import GREEN, OTHERS, Dump, Frame, Thing, Thread, since_fork
from plait._see.why.other_end import ends_of_children, listens_at, other_end
from plait._see.why.proc import (
    caught,
    children,
    executable,
    forked,
    has_ended,
    in_turn,
    pythons,
    run_time,
    still,
    turns_of,
    waits_in,
    whereabouts,
    workers,
)  # fmt: skip
from plait._see.why.remote import tasks_of

_PATIENCE = 30.0  # seconds for one look
_TRIES = 3  # without stopping the process
_BETWEEN = 0.2  # seconds between two of them
_HUNGRY = 10  # turns in that time by which one knows who waits for the GIL
_RUNS = 0.2  # the part of that time from which on it does, whatever it is seen in: a lock that it gets at once, say
_HARDLY = 0.05  # the part of it below which a thread does not run, though it has moved: it waits again and again


class CannotLook(PlaitError):
    """The process is there and cannot be looked into; the message says what is missing."""


def look(pid: int) -> Dump:
    """What the process does now.

    Raises:
        CannotLook: there is no such process, it is no Python, or looking is not permitted; then the message has what
            the system tells of it to everybody.
    """
    if not _exists(pid):
        raise CannotLook(f"{pid}: there is no process of that number")
    if has_ended(pid):
        raise CannotLook(f"{pid}: this process has ended; whoever has started it has not asked for its end yet")
    first = [_thread(pid, entry) for entry in _pyspy(pid)]
    turns, ran, began = _turns(pid, first), _ran(pid, first), time.monotonic_ns()
    time.sleep(_BETWEEN)
    second = {thread.native: thread for thread in (_thread(pid, entry) for entry in _pyspy(pid))}
    since = {native: turns_of(pid, native) - before for native, before in turns.items()}
    hungry = {native for native, more in since.items() if more >= _HUNGRY}
    stood = {native for native, more in since.items() if more == 0}
    enough = _HARDLY * (time.monotonic_ns() - began)
    idle = {native for native, before in ran.items() if 0 <= run_time(pid, native) - before < enough}
    enough = _RUNS * (time.monotonic_ns() - began)
    runs = {native for native, before in ran.items() if run_time(pid, native) - before >= enough}
    calm = () if hungry or runs else idle  # nobody keeps the GIL or a core from them: they do not want it
    pairs = [(one, second.get(one.native, one)) for one in first]
    threads = [_standing(*pair, stood) or _ticking(*pair, calm) or _over_time(*pair, hungry, idle) for pair in pairs]
    threads = [one._replace(busy=True, where="") if one.native in runs else one for one in threads]
    threads.sort(key=lambda one: (one.native != pid, in_turn(one.native, pid)))
    loops = any(frame.runs_loop for thread in threads for frame in thread.frames)
    tasks = tasks_of(pid, threads) if loops else ()
    if any(task.turn == "ready" for task in tasks):
        threads = [still(pid, thread, turns.get(thread.native, -1)) for thread in threads]
    ends = ends_of_children(pid)
    ours = ("SIGQUIT",) if any(thread.name == "plait-watchdog" for thread in threads) else ()
    handled = tuple(one for one in caught(pid) if one not in ours)
    missing = GREEN if _is_green(pid, threads) else _elsewhere(pid, {one.native for one in threads})
    found = Dump(pid, (*threads, *tasks), missing, children(pid), forked(pid), ends, workers(pid), handled)
    return found._replace(listens=listens_at(pid), pythons=pythons(child for child, _ in found.children))


def _is_green(pid: int, threads: list[Thread]) -> bool:
    """Whether it has green threads: gevent has libraries of its own, eventlet is seen where its loop waits."""
    within = any(f"{os.sep}eventlet{os.sep}" in frame.file for thread in threads for frame in thread.frames)
    return within or f"{os.sep}gevent{os.sep}" in text_of(f"/proc/{pid}/maps")


def _elsewhere(pid: int, seen: set[int]) -> str:
    """What the system tells of the threads of other interpreters than the newest, whose threads py-spy sees."""
    there = {int(name) for name in listed(f"/proc/{pid}/task")}
    if pid in seen or not seen <= there or "python" not in executable(pid):
        return ""
    rows = "\n".join(f"  {row}" for row in whereabouts(pid, seen))
    return f"{OTHERS} What the system tells of the other threads:\n{rows}"


def _standing(first: Thread, second: Thread, stood: Collection[int]) -> Thread | None:
    """One that has not been woken between two looks: where it was at both, whatever of its variables was seen."""
    asleep = first.native in stood and first.where == second.where != ""
    same = [(one.file, one.line) for one in first.frames] == [(one.file, one.line) for one in second.frames]
    return second._replace(busy=False, has_gil=False) if asleep and same and first.frames != second.frames else None


def _ticking(first: Thread, second: Thread, calm: Collection[int]) -> Thread | None:
    """One that has moved and hardly run, as it was seen to wait; None for another one.

    It waits again and again where that was so at both looks, and may have come to its wait in between otherwise. Of a
    lock it is not said that it waits for it for ever where it has moved.
    """
    place = [(one.file, one.function) for one in (*first.frames[:1], *second.frames[:1])]
    if first.native not in calm or not (second.busy or first.frames[:1] != second.frames[:1]):
        return None
    waits = next((one for one in (second, first) if one.where), None)
    if waits is None or (waits.other_end is not None and waits.other_end.kind == "file"):
        return None
    if waits is second and not waits.where.startswith("futex") and (place[:1] != place[1:] or not first.where):
        return waits._replace(busy=False, has_gil=False)
    return waits._replace(busy=False, has_gil=False, where="", other_end=None, moved=waits.where)


def _over_time(first: Thread, second: Thread, hungry: set[int], idle: set[int]) -> Thread:
    """A thread as both looks have it: it has the GIL if it kept it all the time, while others asked for it.

    One that has moved runs, unless it was waiting for the same both times and has hardly run in between. Who waits for
    the GIL hardly runs either. One that is refused a locked file is seen to sleep in one of them.
    """
    same = first.frames[:1] == second.frames[:1]
    refused = next((one for one in (second, first) if one.other_end is not None and one.other_end.kind == "file"), None)
    if same and refused is not None and first.native in idle:
        return refused._replace(busy=False, has_gil=False)
    kept = same and first.has_gil and second.has_gil and bool(hungry - {first.native})
    where = second.where if first.where == second.where else ""  # it is read a moment after the stack
    if not same and not second.busy and first.native in idle and where and not where.startswith("futex"):
        return second._replace(has_gil=False, where="", other_end=None, moved=where)
    return second._replace(busy=bool(second.busy or not same), has_gil=kept, where=where if same else "")


def _ran(pid: int, threads: list[Thread]) -> dict[int, int]:
    return {thread.native: time for thread in threads if (time := run_time(pid, thread.native))}


def _turns(pid: int, threads: list[Thread]) -> dict[int, int]:
    return {thread.native: turns_of(pid, thread.native) for thread in threads if not thread.has_gil}


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _pyspy(pid: int) -> list[dict[str, Any]]:
    program = shutil.which("py-spy") or shutil.which("py-spy", path=sysconfig.get_path("scripts"))
    if program is None:
        raise CannotLook(
            f"{pid}: it has no watchdog of plait, and py-spy is not installed, which can look into it from outside: "
            f"pip install py-spy. Next time, start it with PLAIT_WATCHDOG=30{_system(pid)}"
        )
    command = [program, "dump", "--json", "--locals", "--pid", str(pid)]
    # Not stopped at first: that would interrupt what it waits for, and cut a write to a full pipe short. Who hangs
    # stands still anyway; who runs may change under the look, so that it fails.
    for options in (*[["--nonblocking"]] * _TRIES, []):
        run = subprocess.run([*command, *options], capture_output=True, text=True, timeout=_PATIENCE, check=False)
        if not run.returncode:
            break
    if run.returncode:
        raise CannotLook(f"{pid}: {_reason(pid, run.stderr)}{_system(pid)}")
    threads: list[dict[str, Any]] = json.loads(run.stdout)
    return threads


def _system(pid: int) -> str:
    """What the system tells, where nobody can tell more."""
    rows = whereabouts(pid)
    return "\n\nAll that the system tells of it:\n" + "\n".join(f"  {row}" for row in rows) if rows else ""


def _reason(pid: int, errors: str) -> str:
    said = errors.strip().removeprefix("Error: ").partition("\n")[0] or "it says nothing"  # its own stack follows
    if "ermission" in errors or "EPERM" in errors or "ptrace" in errors:
        return (
            "this user may not look into it: run the command as the user who started it, as root (sudo), or with "
            "ptrace allowed (sysctl kernel.yama.ptrace_scope=0; docker run --cap-add SYS_PTRACE)"
        )
    if "python" in errors.lower():
        name = text_of(f"/proc/{pid}/comm").strip()
        return f"{name or 'it'} is not a Python that py-spy knows ({said})"
    return f"py-spy could not look into it: {said}"


def _thread(pid: int, entry: dict[str, Any]) -> Thread:
    native = entry.get("os_thread_id") or 0
    where = waits_in(pid, native)
    name = "MainThread" if native == pid else f"thread {entry['thread_id']}"  # without `threading` there are no names
    return Thread(
        entry.get("thread_name") or name,
        entry["thread_id"],
        native,
        since_fork(tuple(_frame(frame) for frame in entry["frames"] if frame["line"])),  # 0: a fork has left it
        entry["active"],
        entry["owns_gil"],
        where=where,
        other_end=other_end(pid, native, where),
    )


def _frame(entry: dict[str, Any]) -> Frame:
    variables = {}
    for local in entry["locals"] or ():
        text = local["repr"] or ""
        kind = text[1:].partition(" at 0x")[0] if text.startswith("<") and " at 0x" in text else ""
        variables[local["name"]] = Thing(kind, local["addr"], "" if kind else text)
    return Frame(entry["filename"], entry["line"], entry["name"], variables)
