"""The sampler's own process: reads in /proc what every thread of a program does, and keeps each change in a ring.

Run as a program, with nothing of plait imported. It needs neither the program's GIL nor any privilege over it.

1. `/proc/PID/task/TID/syscall` says ``running``, or the number of a system call and its arguments. A thread in `futex`
   on the condition variable of the GIL waits for the GIL; in any other, for a lock.
2. `/proc/PID/mem` at the GIL says who has it: of the threads that run, that one runs Python, the others do not need it.
3. `/proc/PID/task/TID/schedstat` has the exact time on a core and the time without one; they are totals, never clipped
   to a sample.

The ring holds the last changes, 16 bytes each: microseconds (64 bits), thread (32), state (16), text (16). The rate
falls with the cost of a round, so that the sampler takes no more than its share of one core.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import time

RECORD = struct.Struct("<QIHH")

# Numbers of system calls, and the states of plait._core.trace that they mean.
_FUTEX, _SLEEP, _FILE, _SOCKET, _CHILD, _IDLE, _OTHER = 5, 11, 12, 13, 14, 15, 16
_PYTHON, _NATIVE, _GIL = 1, 2, 3
CALLS = {
    "x86_64": {
        202: _FUTEX, 449: _FUTEX, 35: _SLEEP, 230: _SLEEP, 61: _CHILD, 247: _CHILD, 232: _IDLE, 281: _IDLE, 441: _IDLE,
        0: _FILE, 1: _FILE, 2: _FILE, 17: _FILE, 18: _FILE, 19: _FILE, 20: _FILE, 40: _FILE, 73: _FILE, 74: _FILE,
        75: _FILE, 257: _FILE, 295: _FILE, 296: _FILE, 4: _FILE, 5: _FILE, 6: _FILE, 262: _FILE, 217: _FILE, 82: _FILE,
        7: _SOCKET, 23: _SOCKET, 42: _SOCKET, 43: _SOCKET, 44: _SOCKET, 45: _SOCKET, 46: _SOCKET, 47: _SOCKET,
        270: _SOCKET, 271: _SOCKET, 288: _SOCKET, 299: _SOCKET, 307: _SOCKET,
    },
    "aarch64": {
        98: _FUTEX, 449: _FUTEX, 101: _SLEEP, 115: _SLEEP, 260: _CHILD, 95: _CHILD, 22: _IDLE, 441: _IDLE,
        63: _FILE, 64: _FILE, 65: _FILE, 66: _FILE, 67: _FILE, 68: _FILE, 71: _FILE, 82: _FILE, 83: _FILE, 32: _FILE,
        56: _FILE, 69: _FILE, 70: _FILE, 79: _FILE, 80: _FILE, 61: _FILE,
        73: _SOCKET, 72: _SOCKET, 202: _SOCKET, 203: _SOCKET, 206: _SOCKET, 207: _SOCKET, 211: _SOCKET, 212: _SOCKET,
        242: _SOCKET, 243: _SOCKET, 269: _SOCKET,
    },
}  # fmt: skip
_WITH_FD = {_FILE, _SOCKET}
_NO_FD = {7, 23, 270, 271, 2, 257, 4, 6, 262} | {73, 72, 56, 79}  # their first argument is something else
_SHARE = 0.025  # of one core, at most
_LOOK_EVERY = 0.005  # seconds between looks for new threads
_CHILDREN_EVERY = 0.1
_TOTALS_EVERY = 0.05
_FLUSH = 1 << 15


class Process:
    """One process that is looked at: its threads, and where its GIL is."""

    def __init__(self, pid: int, gil: dict[str, object] | None) -> None:
        self.pid = pid
        self.threads: dict[int, Thread] = {}
        self.gil_words: frozenset[bytes] = frozenset()
        self.memory = -1
        self.holder_at = 0
        self.native_at = 0
        self.holders: dict[int, int] = {}
        if gil is not None:
            self._find_gil(gil)

    def _find_gil(self, gil: dict[str, object]) -> None:
        """Where the calibrated address lies in this process: the same binary may be loaded elsewhere."""
        try:
            with open(f"/proc/{self.pid}/maps") as maps:
                base = next(int(line.split("-", 1)[0], 16) for line in maps if line.rstrip().endswith(str(gil["file"])))
        except (OSError, StopIteration):
            return
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
        state, locked = struct.unpack("<Qi", note)
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
    """One thread that is looked at, with what the system counted since the first look."""

    __slots__ = ("base", "calls", "cpu", "first", "last", "name", "queued", "state", "stats", "text", "tid")

    def __init__(self, pid: int, tid: int) -> None:
        path = f"/proc/{pid}/task/{tid}/"
        with open(path + "comm") as comm:
            self.name = comm.read().strip()
        self.tid = tid
        self.stats = os.open(path + "schedstat", os.O_RDONLY)
        try:
            self.calls = os.open(path + "syscall", os.O_RDONLY)
        except OSError:
            os.close(self.stats)
            raise
        self.state = self.text = -1
        self.cpu = self.queued = 0
        self.first = self.last = time.perf_counter_ns()
        self.base = (0, 0)
        self.count()
        self.base = (self.cpu, self.queued)
        self.cpu = self.queued = 0

    def count(self) -> None:
        """Note the time it has had a core, and has been without one."""
        try:
            words = os.pread(self.stats, 64, 0).split()
        except OSError:
            return
        if words:
            self.last = time.perf_counter_ns()
            self.cpu, self.queued = int(words[0]) - self.base[0], int(words[1]) - self.base[1]

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

    def __init__(self, pid: int, ring: Ring, gil: dict[str, object] | None, calls: dict[bytes, int]) -> None:
        self._pid = pid
        self._ring = ring
        self._gil = gil
        self._calls = calls
        self._fd_less = frozenset(str(number).encode() for number in _NO_FD)
        self._processes: dict[int, Process] = {}
        self._gone: list[dict[str, object]] = []
        self._texts: dict[str, int] = {"": 0}
        self._refused = False

    def run(self, rate: float) -> dict[str, object]:
        """Sample; what was counted, when it is over."""
        os.set_blocking(0, False)
        began = time.perf_counter()
        busy = time.thread_time()
        period, rounds = 1 / rate, 0
        look = children = totals = cost = 0.0
        due = began
        self._look_for_children()
        self._look_for_threads()
        print("ready", flush=True)
        while True:
            now = time.perf_counter()
            if now >= look:
                look = now + _LOOK_EVERY
                if _asked_to_end() or not self._look_for_threads():
                    break
            if now >= children:
                children = now + _CHILDREN_EVERY
                self._look_for_children()
            if now >= totals:
                totals = now + _TOTALS_EVERY
                self._count()
                if rounds:
                    cost = (time.thread_time() - busy) / rounds
                    period = max(1 / rate, cost / _SHARE)
            self._round()
            rounds += 1
            due = max(due + period, time.perf_counter())
            time.sleep(max(0.0, due - time.perf_counter()) or 1e-5)
        self._count()
        seconds = time.perf_counter() - began
        self._ring.flush()
        for process in self._processes.values():
            self._gone += [_figures(thread, process.pid) for thread in process.threads.values()]
        return {
            "written": self._ring.written,
            "threads": self._gone,
            "texts": list(self._texts),
            "rate": rounds / seconds,
            "cost": (time.thread_time() - busy) / seconds,
            "holders": self._processes[self._pid].memory >= 0 if self._pid in self._processes else False,
            "refused": self._refused,
        }

    def _round(self) -> None:
        """Look at every thread once."""
        for process in list(self._processes.values()):
            moment = time.perf_counter_ns() // 1000
            holder = -1
            for thread in list(process.threads.values()):
                try:
                    line = os.pread(thread.calls, 48, 0)
                except OSError:
                    line = b""
                if not line:
                    self._drop(process, thread, moment)
                    continue
                if line[0] in b"r-":
                    if holder == -1 and process.memory >= 0:
                        try:
                            holder = process.holder()
                        except OSError:
                            process.memory, holder = -1, 0
                    state = _NATIVE if process.memory >= 0 and holder != thread.tid else _PYTHON
                    text = 0
                else:
                    state, text = self._waiting(process, thread, line)
                if state != thread.state or text != thread.text:
                    thread.state, thread.text = state, text
                    self._ring.add(moment, thread.tid, state, text)

    def _waiting(self, process: Process, thread: Thread, line: bytes) -> tuple[int, int]:
        call, first, *_ = line.split(b" ", 2)
        state = self._calls.get(call, _OTHER)
        if state == _FUTEX:
            return (_GIL if first in process.gil_words else _FUTEX), 0
        if state in _WITH_FD and call not in self._fd_less:
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

    def _count(self) -> None:
        for process in self._processes.values():
            for thread in process.threads.values():
                thread.count()

    def _look_for_threads(self) -> bool:
        """Find new threads; whether the program is still there."""
        for process in list(self._processes.values()):
            try:
                found = os.listdir(f"/proc/{process.pid}/task")
            except OSError:
                found = []
            if not found:
                for thread in list(process.threads.values()):
                    self._drop(process, thread, time.perf_counter_ns() // 1000)
                process.close()
                del self._processes[process.pid]
                continue
            for name in found:
                tid = int(name)
                if tid not in process.threads:
                    try:
                        process.threads[tid] = Thread(process.pid, tid)
                    except PermissionError:
                        self._refused = True
                    except OSError:
                        continue
        return self._pid in self._processes

    def _look_for_children(self) -> None:
        known, waiting = {self._pid}, [self._pid]
        while waiting:
            pid = waiting.pop()
            if pid not in self._processes:
                self._processes[pid] = Process(pid, self._gil)
            try:
                threads = os.listdir(f"/proc/{pid}/task")
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
        "cpu": thread.cpu / 1e9,
        "queued": thread.queued / 1e9,
    }


def _asked_to_end() -> bool:
    try:
        os.read(0, 1)
    except BlockingIOError:
        return False
    return True


def main() -> None:
    """Arguments: the process, the descriptor of the ring, its records, the rate, the machine, where the GIL is."""
    pid, fd, records, rate, machine, gil = sys.argv[1:]
    calls = {str(number).encode(): state for number, state in CALLS[machine].items()}
    sampler = Sampler(int(pid), Ring(int(fd), int(records)), json.loads(gil), calls)
    print(json.dumps(sampler.run(float(rate))), flush=True)


if __name__ == "__main__":
    main()
