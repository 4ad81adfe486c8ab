"""The sampler's own process: reads in /proc what every thread of a program does, and keeps each change in a ring.

Run as a program, with nothing of plait imported. It needs neither the program's GIL nor any privilege over it.

1. `/proc/PID/task/TID/schedstat` has the exact time on a core, the time ready without one, and how often it got one. A
   thread that waited and for which nothing of it has changed still waits: it is not looked at further.
2. `/proc/PID/task/TID/syscall` says ``running``, or the number of a system call and its arguments. A thread in `futex`
   on the condition variable of the GIL waits for the GIL; in any other, for a lock. ``running`` means ready: whether it
   had a core is known when it gets one, and then how long it had none, which is written down as a stretch of its own.
3. `/proc/PID/mem` at the GIL says who has it: of the threads that run, that one runs Python, the others do not need it.

The ring holds the last changes, 16 bytes each: microseconds (64 bits), thread (32), state (16), text (16); of a stretch
without a core, its beginning and, as text, its length in units of `UNIT`. The rate falls with the cost of a round, so
that the sampler takes no more than its share of one core.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import time

RECORD = struct.Struct("<QIHH")
_NOTE = struct.Struct("<Qi")  # of the GIL: who had it last, and whether it is taken

# States of plait._core.trace; what a thread waits for in which system call the program says.
_PYTHON, _NATIVE, _GIL, _CORE, _FUTEX, _SOCKET, _OTHER = 1, 2, 3, 4, 5, 13, 16
_SHARE = 0.025  # of one core, at most
_LOOK_EVERY = 0.002  # seconds between looks for new threads
_CHILDREN_EVERY = 0.1
_FLUSH = 1 << 15
UNIT = 10  # microseconds
_OWED = 100_000  # nanoseconds without a core that are worth a record


class Process:
    """One process that is looked at: its threads, and where its GIL is."""

    def __init__(self, pid: int, gil: dict[str, object] | None) -> None:
        self.pid = pid
        self.task = f"/proc/{pid}/task"
        self.threads: dict[int, Thread] = {}
        self.links = 0  # of the directory of its threads: one more for each
        self.looked = 0
        self.gil_words: frozenset[bytes] = frozenset()
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
        if words == self.words:
            return
        self.close()
        self.words, self.memory, self.gil_words = words, -1, frozenset()
        self.holders.clear()
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
        word = base + int(str(gil["offset"]))
        self.gil_words = frozenset(hex(address).encode() for address in (word - 4, word, word + 4))
        if gil["holder"] is None:
            return
        try:
            self.memory = os.open(f"/proc/{self.pid}/mem", os.O_RDONLY)
            self.holder_at = base + int(str(gil["holder"]))
            self.native_at = int(str(gil["native"]))
            self.holder()
        except OSError:
            self.memory = -1

    def holder(self) -> int:
        """The thread that has the GIL, 0 for nobody."""
        note = os.pread(self.memory, 12, self.holder_at)
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

    def close(self) -> None:
        if self.memory >= 0:
            os.close(self.memory)


class Thread:
    """One thread that is looked at, with what the system counted since the first look, or since it began."""

    __slots__ = (
        "base", "blocked", "calls", "cpu", "first", "last", "line", "name", "owed", "queued", "seen", "state", "stats",
        "text", "tid",
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
        self.state = self.text = -1
        self.line = b""
        self.blocked = False
        self.owed = 0
        self.first = self.last = time.perf_counter_ns()
        words = self.seen.split()
        self.cpu, self.queued = int(words[0]), int(words[1])
        age = self.cpu + self.queued
        if since and age <= self.first - since:
            self.base = (0, 0)
            self.first -= age
        else:
            self.base = (self.cpu, self.queued)

    def count(self, stats: bytes, moment: int) -> int:
        """Note the time it has had a core; the nanoseconds without one that are to be told, if they are enough."""
        self.seen = stats
        words = stats.split()
        cpu, queued = int(words[0]), int(words[1])
        self.owed += queued - self.queued
        self.cpu, self.queued, self.last = cpu, queued, moment
        if self.owed < _OWED:
            return 0
        owed, self.owed = self.owed, 0
        return owed

    def close(self) -> None:
        os.close(self.calls)
        os.close(self.stats)


class Ring:
    """The last changes of state, in a file that the program has open, too."""

    def __init__(self, fd: int, records: int) -> None:
        self._fd = fd
        self._size = records * RECORD.size
        self._pending = bytearray()
        self.written = 0  # bytes in all

    def add(self, moment: int, tid: int, state: int, text: int) -> None:
        self._pending += RECORD.pack(moment, tid, state, text)
        if len(self._pending) >= _FLUSH:
            self.flush()

    def flush(self) -> None:
        data = bytes(self._pending)
        self._pending.clear()
        at = self.written % self._size
        fits = min(len(data), self._size - at)
        os.pwrite(self._fd, data[:fits], at)
        if fits < len(data):
            os.pwrite(self._fd, data[fits:], 0)
        self.written += len(data)


class Sampler:
    """Looks again and again, until its standard input is closed or says so."""

    def __init__(
        self, pid: int, ring: Ring, gil: dict[str, object] | None, calls: dict[str, int], with_fd: list[int]
    ) -> None:
        self._pid = pid
        self._ring = ring
        self._gil = gil
        self._calls = {number.encode(): state for number, state in calls.items()}
        self._with_fd = frozenset(str(number).encode() for number in with_fd)
        self._processes: dict[int, Process] = {}
        self._words: dict[int, str] = {}
        self._gone: list[dict[str, object]] = []
        self._texts: dict[str, int] = {"": 0}
        self._refused = False

    def run(self, rate: float) -> dict[str, object]:
        """Sample; what was counted, when it is over."""
        os.set_blocking(0, False)
        self._look_for_children()
        self._look_for_threads()
        print("ready", flush=True)
        began = time.perf_counter()
        busy = time.thread_time()
        period, rounds = 1 / rate, 0
        look = cost = 0.0
        children = began + _CHILDREN_EVERY
        due = began
        while True:
            now = time.perf_counter()
            if now >= look:
                look = now + max(_LOOK_EVERY, 2 * period)
                if _asked_to_end() or not self._look_for_threads():
                    break
                if rounds:
                    cost = (time.thread_time() - busy) / rounds
                    period = max(1 / rate, cost / _SHARE)
            if now >= children:
                before = time.thread_time()
                self._look_for_children()
                children = now + max(_CHILDREN_EVERY, 200 * (time.thread_time() - before))
            self._round()
            rounds += 1
            due = max(due + period, time.perf_counter())
            time.sleep(max(0.0, due - time.perf_counter()) or 1e-5)
        self._round()
        seconds = time.perf_counter() - began
        self._ring.flush()
        for process in self._processes.values():
            self._gone += [_figures(thread, process.pid) for thread in process.threads.values()]
        return {
            "written": self._ring.written,
            "threads": self._gone,
            "processes": self._words,
            "texts": list(self._texts),
            "rate": rounds / seconds,
            "cost": (time.thread_time() - busy) / seconds,
            "refused": self._refused,
        }

    def _round(self) -> None:
        """Look at every thread once."""
        pread, clock = os.pread, time.perf_counter_ns
        for process in list(self._processes.values()):
            holder = -1
            for thread in list(process.threads.values()):
                moment = clock()
                try:
                    stats = pread(thread.stats, 64, 0)
                    if stats == thread.seen:
                        if thread.blocked:
                            continue
                    elif stats:
                        before = thread.cpu
                        owed = thread.count(stats, moment)
                        if owed:
                            self._without_core(thread, moment - (thread.cpu - before), owed)
                    line = pread(thread.calls, 48, 0)
                except OSError:
                    line = b""
                if not line:
                    self._drop(process, thread, moment // 1000)
                elif line[0] in b"r-":
                    thread.blocked = False
                    if holder == -1 and process.memory >= 0:
                        holder = self._holder(process)
                    self._note(thread, moment, _PYTHON if process.memory < 0 or holder == thread.tid else _NATIVE, 0)
                elif not thread.blocked or line != thread.line:
                    thread.blocked, thread.line = True, line
                    self._note(thread, moment, *self._waiting(process, line))

    def _note(self, thread: Thread, moment: int, state: int, text: int) -> None:
        if state != thread.state or text != thread.text:
            thread.state, thread.text = state, text
            self._ring.add(moment // 1000, thread.tid, state, text)

    def _without_core(self, thread: Thread, ended: int, owed: int) -> None:
        """It was ready and had no core, for so long until then; in nanoseconds."""
        at, left = max(0, ended - owed) // 1000, owed // 1000 // UNIT
        while left:
            self._ring.add(at, thread.tid, _CORE, min(left, 0xFFFF))
            at, left = at + min(left, 0xFFFF) * UNIT, left - min(left, 0xFFFF)

    def _holder(self, process: Process) -> int:
        try:
            return process.holder()
        except OSError:
            process.memory = -1
            return 0

    def _waiting(self, process: Process, line: bytes) -> tuple[int, int]:
        call, first, *_ = line.split(b" ", 2)
        state = self._calls.get(call, _OTHER)
        if state == _FUTEX:
            return (_GIL if first in process.gil_words else _FUTEX), 0
        if call in self._with_fd:
            try:
                target = os.readlink(f"/proc/{process.pid}/fd/{int(first, 16)}")
            except (OSError, ValueError):
                return state, 0
            if target.startswith(("socket:", "pipe:", "anon_inode:")):
                state = _SOCKET
            if target not in self._texts and len(self._texts) > 60_000:
                return state, 0
            return state, self._texts.setdefault(target, len(self._texts))
        return state, 0

    def _drop(self, process: Process, thread: Thread, moment: int) -> None:
        self._ring.add(moment, thread.tid, 0, 0)
        self._gone.append(_figures(thread, process.pid))
        thread.close()
        del process.threads[thread.tid]
        process.links = 0

    def _look_for_threads(self) -> bool:
        """Find new threads; whether the program is still there."""
        for process in list(self._processes.values()):
            try:
                links = os.stat(process.task).st_nlink
                if links == process.links:
                    process.looked = time.perf_counter_ns()
                    continue
                process.links = links
                found = os.listdir(process.task)
            except OSError:
                found = []
            if not found:
                self._forget(process)
                continue
            since, process.looked = process.looked, time.perf_counter_ns()
            for name in found if process.python else ():
                tid = int(name)
                if tid not in process.threads:
                    try:
                        process.threads[tid] = Thread(process.pid, tid, since)
                    except PermissionError:
                        self._refused = True
                    except (OSError, IndexError):
                        continue
        return self._pid in self._processes

    def _forget(self, process: Process) -> None:
        for thread in list(process.threads.values()):
            self._drop(process, thread, time.perf_counter_ns() // 1000)
        process.close()
        del self._processes[process.pid]

    def _look_for_children(self) -> None:
        known, waiting = {self._pid}, [self._pid]
        while waiting:
            pid = waiting.pop()
            process = self._processes.get(pid)
            if process is None:
                process = self._processes[pid] = Process(pid, self._gil)
            elif pid != self._pid:
                process.know(self._gil)
            self._words[pid] = process.words
            try:
                threads = os.listdir(process.task)
            except OSError:
                continue
            for thread in threads:
                try:
                    with open(f"/proc/{pid}/task/{thread}/children") as file:
                        born = {int(word) for word in file.read().split()}
                except OSError:
                    continue
                new = born - known - {os.getpid()}
                known |= new
                waiting += new


def _figures(thread: Thread, pid: int) -> dict[str, object]:
    """What the program is told about a thread."""
    return {
        "pid": pid,
        "tid": thread.tid,
        "name": thread.name,
        "first": thread.first // 1000,
        "last": thread.last // 1000,
        "cpu": (thread.cpu - thread.base[0]) / 1e9,
        "queued": (thread.queued - thread.base[1]) / 1e9,
    }


def _asked_to_end() -> bool:
    try:
        os.read(0, 1)
    except BlockingIOError:
        return False
    return True


def main() -> None:
    """Arguments: the process, the descriptor of the ring, its records, the rate, where the GIL is, system calls."""
    pid, fd, records, rate, gil, calls = sys.argv[1:]
    sampler = Sampler(int(pid), Ring(int(fd), int(records)), json.loads(gil), *json.loads(calls))
    print(json.dumps(sampler.run(float(rate))), flush=True)


if __name__ == "__main__":
    main()
