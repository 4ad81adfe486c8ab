"""What the sampler looks at: a process with its GIL, and its threads, through descriptors that stay open."""

from __future__ import annotations

import os
import struct
import time

from plait._see.sampler.looks import Looks

PYTHON, NATIVE = 1, 2  # states of plait._core.trace
_NOTE = struct.Struct("<Qi")  # of the GIL: who had it last, and whether it is taken
_GIL_BYTES = range(-48, 140)  # around the word: the conditions and mutexes by which the GIL is handed over


class Process:
    """One process that is looked at: its threads, and where its GIL is."""

    def __init__(self, pid: int, gil: dict[str, object] | None) -> None:
        self.pid = pid
        self.task = f"/proc/{pid}/task"
        self.threads: dict[int, Thread] = {}
        self.links = 0  # of the directory of its threads: one more for each
        self.looked = 0
        self.gil_word = 0
        self.known: dict[bytes, bool] = {}
        self.memory = -1
        self.holder_at = 0
        self.native_at = 0
        self.holders: dict[int, int] = {}
        self.words = ""
        self.python = False
        self.know(gil)

    def know(self, gil: dict[str, object] | None) -> None:
        """What it runs; a child is at first what its parent is, until it has been given a program of its own."""
        try:
            with open(f"/proc/{self.pid}/cmdline", "rb") as line:
                words = line.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        except OSError:
            return
        if not words or words == self.words:  # one that has ended, and is waited for, has none
            return
        self.close()
        self.words, self.gil_word = words, 0
        self.holders.clear()
        self.known.clear()
        self.python = os.path.basename(words.split(" ", 1)[0]).startswith("python")
        if gil is not None:
            self._find_gil(gil)

    def _find_gil(self, gil: dict[str, object]) -> None:
        """Where the calibrated address lies in this process: the same binary may be loaded elsewhere."""
        try:
            with open(f"/proc/{self.pid}/maps") as maps:
                base = next(int(line.split("-", 1)[0], 16) for line in maps if line.rstrip().endswith(str(gil["file"])))
        except (OSError, StopIteration):
            return
        self.python = True
        self.gil_word = base + int(str(gil["offset"]))
        if gil["holder"] is None:
            return
        try:
            self.memory = os.open(f"/proc/{self.pid}/mem", os.O_RDONLY)
            self.holder_at = base + int(str(gil["holder"]))
            self.native_at = int(str(gil["native"]))
        except OSError:
            self.memory = -1

    def is_gil(self, address: bytes) -> bool:
        """Whether who sleeps on this word waits for the GIL."""
        known = self.known.get(address)
        if known is None:
            known = self.known[address] = bool(self.gil_word) and int(address, 16) - self.gil_word in _GIL_BYTES
        return known

    def holder(self) -> int:
        """The thread that has the GIL, 0 for nobody and where that cannot be read."""
        try:
            note = os.pread(self.memory, 12, self.holder_at)
        except OSError:
            self.close()
            return 0
        if len(note) < 12:  # the process is ending
            return 0
        state, locked = _NOTE.unpack(note)
        if not locked or not state:
            return 0
        known = self.holders.get(state)
        if known is None or known not in self.threads:
            try:
                known = int.from_bytes(os.pread(self.memory, 8, state + self.native_at), "little")
            except OSError:
                known = 0
            self.holders[state] = known
        return known

    def descriptor_at(self, address: int) -> int:
        """The descriptor that an entry of `poll` at an address has; -1 where that cannot be read."""
        try:
            return int.from_bytes(os.pread(self.memory, 4, address), "little") if self.memory >= 0 else -1
        except OSError:
            return -1

    def close(self) -> None:
        if self.memory >= 0:
            os.close(self.memory)
            self.memory = -1


class Thread:
    """One thread that is looked at, with what the system counted since the first look, or since it began."""

    __slots__ = (
        "asked", "base", "blocked", "calls", "cpu", "first", "line", "looks", "name", "owed",
        "queued", "runs", "seen", "state", "stats", "text", "tid", "until", "waits",
    )  # fmt: skip

    def __init__(self, pid: int, tid: int, since: int) -> None:
        """`since` is the moment, in nanoseconds, before which it cannot have begun if it is new; 0 if it is not."""
        path = f"/proc/{pid}/task/{tid}/"
        with open(path + "comm") as comm:
            self.name = comm.read().strip()
        self.tid = tid
        self.stats = os.open(path + "schedstat", os.O_RDONLY)
        try:
            self.calls = os.open(path + "syscall", os.O_RDONLY)
            self.seen = os.pread(self.stats, 64, 0)
        except OSError:
            os.close(self.stats)
            raise
        self.state = self.waits = self.text = -1
        self.runs = PYTHON  # as what it was seen last when it ran
        self.line = b""
        self.blocked = False
        self.owed = self.until = 0
        self.asked = [0, 0]  # looks at which it was ready, with the GIL and without, since its counts changed
        self.looks = Looks()
        self.first = time.perf_counter_ns()
        words = self.seen.split()
        self.cpu, self.queued = int(words[0]), int(words[1])
        age = self.cpu + self.queued
        if since and age <= self.first - since:
            self.base = (0, 0)
            self.first -= age
        else:
            self.base = (self.cpu, self.queued)

    def count(self, stats: bytes) -> tuple[int, int]:
        """Nanoseconds that it had a core, and was ready and had none, since this was asked last."""
        self.seen = stats
        words = stats.split()
        cpu, queued = int(words[0]), int(words[1])
        ran, lacked = cpu - self.cpu, queued - self.queued
        self.cpu, self.queued = cpu, queued
        return ran, lacked

    def sees(self, holder: int, punctual: bool) -> int:
        """It is ready, and somebody, or nobody, has the GIL. Whether it has a core, too, `settle` knows later.

        Who looks late has waited for a core that somebody has just left, and sees what is not usual.
        """
        holds = holder == self.tid
        if punctual:
            self.asked[not holds] += 1
        self.runs = PYTHON if holds else NATIVE
        return self.runs

    def settle(self, ran: int, lacked: int) -> None:
        """It was on a core for so long, and ready without one, between the looks that are asked about and this one."""
        self.looks.add(self.asked[0], self.asked[1], ran, lacked)
        self.asked[:] = 0, 0

    def without_gil(self) -> int:
        """Nanoseconds on a core without the GIL."""
        return int((self.cpu - self.base[0]) * self.looks.native())

    def close(self) -> None:
        os.close(self.calls)
        os.close(self.stats)
