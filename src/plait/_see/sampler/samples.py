"""Samples: starts the process that looks at our threads, ends it, and reads what it saw."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from plait._core.frozen import is_frozen
from plait._core.gil import has_gil
from plait._core.trace import State
from plait._see.gil_address import GilAddress, find_gil
from plait._see.sampler.calls import FUTEX, SCHED_SETATTR, Calls, calls_of
from plait._see.sampler.life import Aside
from plait._see.sampler.ring import RECORD, UNIT

_RING = 4_000_000  # records: the last 64 MB of changes, of which only what was written takes memory
_RATE = 1000.0
_TURN = 100_000  # nanoseconds
_PR_SET_PTRACER = 0x59616D61


class Counted(NamedTuple):
    """What the system counted of one thread; moments in microseconds of ``time.perf_counter``."""

    pid: int
    tid: int
    name: str
    first: int
    cpu: float
    queued: float
    native: float = 0.0


@dataclass(slots=True)
class Samples:
    """What was seen of the threads of a process and its children.

    Attributes:
        changes: of each thread, ``(moment, state, text)``.
        without_core: of each thread, ``(began, ended)`` of stretches in which it was ready and had no core.
        processes: command lines, by pid.
        forks: the processes that run what their parent runs.
        threads: what was counted, in the order in which threads ended.
        texts: files and sockets, and who sleeps if it is not time.sleep.
        rate, cost: rounds a second, and the sampler's share of a core.
        missing: what it could not see, one sentence each.
    """

    changes: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict)
    without_core: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    processes: dict[int, str] = field(default_factory=dict)
    forks: set[int] = field(default_factory=set)
    threads: list[Counted] = field(default_factory=list)
    texts: list[str] = field(default_factory=lambda: [""])
    rate: float = 0.0
    cost: float = 0.0
    missing: list[str] = field(default_factory=list)


class Sampler:
    """Looks at the threads of this process from `start` to `stop`; where that cannot be, `stop` says why."""

    def __init__(self) -> None:
        self._process: Aside | None = None
        self._ring = -1
        self._missing: list[str] = []

    def start(self) -> None:
        """Return when it looks."""
        machine = platform.machine()
        calls = calls_of(machine)
        if sys.platform != "linux" or calls is None or not os.path.exists("/proc/self/task"):
            self._missing.append(
                f"what threads do between the waits that plait records: {sys.platform} on {machine} does not tell; "
                "such time counts as running"
            )
            return
        if not _shows_us():
            self._missing.append("what threads do between their waits: /proc is not that of this process's namespace")
            return
        if not sys.executable or is_frozen():
            self._missing.append("what threads do between their waits: this Python does not know its own executable")
            return
        gil = find_gil(FUTEX[machine])
        self._note(gil)
        self._ring = _memory("plait-trace")
        try:
            process = self._process = self._launch(gil, calls)
        except OSError as error:
            self._missing.append(f"what threads do between their waits: the sampler could not start: {error}")
            return
        if sys.platform == "linux":  # where only ancestors may look (Yama), this one may, too
            ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(process.pid), 0, 0, 0)
            _prompt(process.pid, SCHED_SETATTR[machine])
        if not _let_begin(process):
            self._missing.append("what threads do between their waits: the sampler could not start")
            process.end()
            self._process = None

    def stop(self) -> Samples:
        """What it has seen."""
        found = Samples(missing=self._missing)
        process, self._process = self._process, None
        if process is not None:
            with suppress(OSError):
                process.stdin.write(b".")
                process.stdin.flush()
            report = process.stdout.read()
            process.end()
            if report:
                self._read(json.loads(report), found)
            else:
                found.missing.append("what threads did between their waits: the sampler was ended by somebody else")
        self._close()
        return found

    def look_for_children(self) -> None:
        """Have it look soon for processes that have been started; any thread."""
        process = self._process
        if process is not None:
            with suppress(OSError, ValueError):  # it, or its pipe, is gone
                process.stdin.write(b"+")
                process.stdin.flush()

    def leave(self) -> None:
        """Let go of a sampler that looks at the process this one was forked from."""
        process, self._process = self._process, None
        if process is not None:
            process.let_go()
        self._close()

    def _close(self) -> None:
        if self._ring >= 0:
            os.close(self._ring)
            self._ring = -1

    def _launch(self, gil: GilAddress | None, calls: Calls) -> Aside:
        home = str(Path(__file__).parents[3])
        program = f"import sys; sys.path.append({home!r}); from plait._see.sampler.process import main; main()"
        where = json.dumps(gil._asdict() if gil is not None else None)
        words = [str(os.getpid()), str(self._ring), str(_RING), str(_RATE), where, json.dumps(calls)]
        return Aside(program, words, [self._ring])

    def _note(self, gil: GilAddress | None) -> None:
        if gil is None and not has_gil():
            return  # there is nothing to wait for
        if gil is None:
            self._missing.append("waiting for the GIL: where it is was not found; such waits count as locks")
        elif gil.holder is None:
            self._missing.append("who has the GIL: C code that runs without it counts as Python")

    def _read(self, report: dict[str, Any], found: Samples) -> None:
        if "failed" in report:
            found.missing.append(f"what threads did between their waits: the sampler failed: {report['failed']}")
            return
        found.threads = [Counted(**thread) for thread in report["threads"]]
        found.processes = {int(pid): words for pid, words in report["processes"].items()}
        found.forks = set(report["forks"])
        found.texts = report["texts"]
        found.rate, found.cost = report["rate"], report["cost"]
        if report["refused"]:
            found.missing.append("threads of child processes: the system does not let us look at them (Yama)")
        size = _RING * RECORD.size
        written = report["written"]
        data = os.pread(self._ring, min(written, size), 0) if written else b""
        if written > size:  # the oldest is where the next would have been written
            cut = written % size
            data = data[cut:] + data[:cut]
            found.missing.append("the beginning: only the last changes are kept")
        for moment, tid, state, text in RECORD.iter_unpack(data):
            if state == State.CORE:
                found.without_core.setdefault(tid, []).append((moment, moment + text * UNIT))
            else:
                found.changes.setdefault(tid, []).append((moment, state, text))


def _shows_us() -> bool:
    """Whether processes have the numbers in /proc that they have for themselves."""
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return False


def _memory(name: str) -> int:
    """A file in memory to be inherited, which is none of 0, 1 and 2 even if those are closed here."""
    low = []
    while (made := os.memfd_create(name)) < 3:
        low.append(made)
    for number in low:
        os.close(number)
    return made


def _let_begin(process: Aside) -> bool:
    """Whether it looks, now that it may."""
    with suppress(BrokenPipeError):
        process.stdin.write(b"!")
        process.stdin.flush()
    return process.stdout.readline() == b"ready\n"


def _prompt(pid: int, number: int) -> None:
    """Ask for short turns on a core, which come soon (Linux 6.12); elsewhere nothing changes."""
    attributes = struct.pack("<IIQiIQQQ", 48, 0, 0, 0, 0, _TURN, 0, 0)
    ctypes.CDLL(None).syscall(ctypes.c_long(number), ctypes.c_int(pid), attributes, ctypes.c_uint(0))


def now() -> int:
    """Microseconds on the clock of samples and records."""
    return time.perf_counter_ns() // 1000
