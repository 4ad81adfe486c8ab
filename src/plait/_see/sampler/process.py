"""The sampler's own process: reads in /proc what every thread of a program does, and keeps each change in a ring.

Run as a program, with next to nothing of plait imported. It needs neither the program's GIL nor any privilege over it.

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

import gc
import json
import os
import sys
import time
from contextlib import suppress

from plait._see.sampler.ring import UNIT, Ring
from plait._see.sampler.target import Process, Thread

# States of plait._core.trace; what a thread waits for in which system call the program says.
_GIL, _CORE, _FUTEX, _SLEEP, _SOCKET, _IDLE, _OTHER = 3, 4, 5, 11, 13, 15, 16
_SLEEPS_UNTIL = b"0x1 0x1 "  # as time.sleep does: on the clock that never goes back, until a moment of it
_IN_C = "C code, not time.sleep"
_TERMINALS = ("/dev/pts/", "/dev/tty", "/dev/console")
_SHARE = 0.025  # of one core, at most
_SAVING = 1.5  # times as long as else between two looks, at most
_LOOK_EVERY = 0.002  # seconds between looks for new threads
_CHILDREN_EVERY = 0.1
_CHILDREN_SHARE = 500  # times as long as it takes to find them, at least
_ASK_EVERY = 0.01
_BORN, _END = b"+", b"."
_UNCOUNTED = b"0 0 0\n"  # what a system says that does not count
_OWED = 100_000  # nanoseconds without a core that are worth a record
_LATE = 0.0005  # seconds; a look that is late, or takes longer, was interrupted itself


class Sampler:
    """Looks again and again, until its standard input is closed or says so."""

    def __init__(
        self, pid: int, ring: Ring, gil: dict[str, object] | None, calls: dict[str, int], *numbers: list[int]
    ) -> None:
        """`calls` and `numbers` are the parts of `Calls`."""
        self._pid = pid
        self._ring = ring
        self._gil = gil
        self._calls = {number.encode(): state for number, state in calls.items()}
        self._with_fd, self._reads, self._polls, self._selects = (
            frozenset(str(number).encode() for number in kind) for kind in numbers
        )
        self._processes: dict[int, Process] = {}
        self._words: dict[int, str] = {}
        self._forks: set[int] = set()
        self._gone: list[dict[str, object]] = []
        self._texts: dict[str, int] = {"": 0}
        self._refused = False

    def run(self, rate: float) -> dict[str, object]:
        """Sample; what was counted, when it is over."""
        os.read(0, 1)  # until it may look
        os.set_blocking(0, False)
        gc.disable()  # nothing here refers to itself
        self._look_for_children()
        self._look_for_threads()
        busy = time.thread_time()
        self._round(True)  # however soon it is over, every thread was looked at
        print("ready", flush=True)
        began = time.perf_counter()
        period, rounds = 1 / rate, 1
        ask, look, children, due = 0.0, began + _LOOK_EVERY, began + _CHILDREN_EVERY, began
        while True:
            now = time.perf_counter()
            if now >= ask:
                ask = now + _ASK_EVERY
                if asked := _asked():
                    if asked != _BORN:
                        break
                    children = now
            if now >= look:
                look = now + max(_LOOK_EVERY, 2 * period)
                if not self._look_for_threads():
                    break
                spent = time.thread_time() - busy
                over = spent / (_SHARE * (now - began))  # what the start has cost is saved afterwards
                period = max(1 / rate, spent / rounds / _SHARE * min(_SAVING, max(1.0, over)))
            if now >= children:
                before = time.thread_time()
                self._look_for_children()
                children = now + max(_CHILDREN_EVERY, _CHILDREN_SHARE * (time.thread_time() - before))
            self._round(time.perf_counter() - due < _LATE)
            rounds += 1
            due = max(due + period, time.perf_counter())
            time.sleep(max(0.0, due - time.perf_counter()) or 1e-5)
        self._round(False)
        seconds = time.perf_counter() - began
        return self._counted(rounds / seconds, (time.thread_time() - busy) / seconds)

    def _counted(self, rate: float, cost: float) -> dict[str, object]:
        self._ring.flush()
        for process in self._processes.values():
            self._gone += [_figures(thread, process.pid) for thread in process.threads.values()]
        return {
            "written": self._ring.written,
            "threads": self._gone,
            "processes": self._words,
            "forks": sorted(self._forks),
            "texts": list(self._texts),
            "rate": rate,
            "cost": cost,
            "refused": self._refused,
        }

    def _round(self, punctual: bool) -> None:
        """Look at every thread once; who looks late has waited for a core that somebody has just left."""
        pread, clock = os.pread, time.perf_counter_ns
        for process in list(self._processes.values()):
            for thread in list(process.threads.values()):
                moment = clock()
                try:
                    stats = pread(thread.stats, 64, 0)
                    if stats == thread.seen and thread.blocked and stats != _UNCOUNTED:
                        continue
                    line = pread(thread.calls, 48, 0)
                except OSError:
                    line = b""
                if not line or not stats:
                    self._drop(process, thread, moment)
                    continue
                ran = lacked = 0
                if stats != thread.seen:
                    ran, lacked = thread.count(stats)
                    thread.settle(ran, lacked)
                self._without_core(thread, moment - ran, lacked)
                if line[0] in b"r-":
                    self._running(process, thread, moment, punctual)
                else:
                    self._blocked(process, thread, moment, line)

    def _running(self, process: Process, thread: Thread, moment: int, punctual: bool) -> None:
        """It is ready, with a core or without; what it runs, if it has one, is what it needs for that."""
        holder = process.holder() if process.memory >= 0 else thread.tid
        thread.blocked = False
        late = time.perf_counter_ns() - moment > _LATE * 1e9  # then what was read is not of one moment, and not counted
        runs = thread.runs if late else thread.sees(holder, punctual)
        if runs != thread.state:
            self._note(thread, moment, runs, 0)

    def _blocked(self, process: Process, thread: Thread, moment: int, line: bytes) -> None:
        """It waits; noted again when it has run since the last look, so that it is known to be another wait.

        A look stands for the time since the one before: moments in between that could be told from what it ran would
        favour long waits over short ones, which begin and end between two looks.
        """
        if line != thread.line or not thread.blocked:
            thread.blocked, thread.line = True, line
            thread.waits, thread.text = self._waiting(process, line)
        self._note(thread, moment, thread.waits, thread.text)

    def _note(self, thread: Thread, moment: int, state: int, text: int) -> None:
        thread.state = state
        self._ring.add(moment // 1000, thread.tid, state, text)

    def _without_core(self, thread: Thread, ended: int, lacked: int) -> None:
        """It was ready and had no core, for so long until then; what is too short to be told is told later."""
        thread.owed += lacked
        if thread.owed < _OWED:
            return
        ended = max(ended, thread.until + thread.owed)
        at, left = max(0, ended - thread.owed) // 1000, thread.owed // 1000 // UNIT
        thread.until, thread.owed = ended, 0
        while left:
            self._ring.add(at, thread.tid, _CORE, min(left, 0xFFFF))
            at, left = at + min(left, 0xFFFF) * UNIT, left - min(left, 0xFFFF)

    def _waiting(self, process: Process, line: bytes) -> tuple[int, int]:
        call, first, *_ = line.split(b" ", 2)
        state = self._calls.get(call, _OTHER)
        if state == _FUTEX:
            return (_GIL if process.is_gil(first) else _FUTEX), 0
        if state == _SLEEP and not line.partition(b" ")[2].startswith(_SLEEPS_UNTIL):
            return state, self._texts.setdefault(_IN_C, len(self._texts))
        if call in self._selects and int(first, 16) == 0:
            return _SLEEP, 0  # select([], [], [], seconds)
        number = self._descriptor(process, call, line)
        if number < 0:
            return state, 0
        try:
            target = os.readlink(f"/proc/{process.pid}/fd/{number}")
        except OSError:
            return state, 0
        if target.startswith(("socket:", "pipe:", "anon_inode:")):
            state = _SOCKET
        elif target.startswith(_TERMINALS) and (call in self._reads or call not in self._with_fd):
            state = _IDLE  # somebody has to type
        if target not in self._texts and len(self._texts) > 60_000:
            return state, 0
        return state, self._texts.setdefault(target, len(self._texts))

    def _descriptor(self, process: Process, call: bytes, line: bytes) -> int:
        """The only descriptor that a call waits for; -1 where there are several, or that cannot be told."""
        first, second = (int(word, 16) for word in line.split(b" ", 3)[1:3])
        if call in self._with_fd:
            return first
        if call in self._selects:
            return 0 if first == 1 else -1
        return process.descriptor_at(first) if call in self._polls and second == 1 else -1

    def _drop(self, process: Process, thread: Thread, moment: int) -> None:
        self._note(thread, moment, 0, 0)
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
            self._drop(process, thread, time.perf_counter_ns())
        process.close()
        del self._processes[process.pid]

    def _look_for_children(self) -> None:
        known, waiting = {self._pid}, [(self._pid, "")]
        while waiting:
            pid, parent = waiting.pop()
            process = self._processes.get(pid)
            if process is None:
                process = self._processes[pid] = Process(pid, self._gil)
            elif pid != self._pid:
                process.know(self._gil)
            self._words[pid] = process.words
            (self._forks.add if process.words == parent else self._forks.discard)(pid)
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
                waiting += [(one, process.words) for one in new]


def _figures(thread: Thread, pid: int) -> dict[str, object]:
    """What the program is told about a thread."""
    return {
        "pid": pid,
        "tid": thread.tid,
        "name": thread.name,
        "first": thread.first // 1000,
        "cpu": (thread.cpu - thread.base[0]) / 1e9,
        "queued": (thread.queued - thread.base[1]) / 1e9,
        "native": thread.without_gil() / 1e9,
    }


def _asked() -> bytes | None:
    """What it is told: to end, as the end of the pipe says, too, or of new children; None for nothing."""
    try:
        words = os.read(0, 4096)
    except BlockingIOError:
        return None
    return _BORN if words and not words.strip(_BORN) else _END


def main() -> None:
    """Arguments: the process, the descriptor of the ring, its records, the rate, where the GIL is, system calls."""
    pid, fd, records, rate, gil, calls = sys.argv[1:]
    sampler = Sampler(int(pid), Ring(int(fd), int(records)), json.loads(gil), *json.loads(calls))
    try:
        seen = sampler.run(float(rate))
    except OSError as error:  # such as a limit on the size of files
        seen = {"failed": str(error)}
    report = json.dumps(seen).encode()
    with suppress(BrokenPipeError):  # the program has been killed
        while report:
            report = report[os.write(1, report) :]


if __name__ == "__main__":
    main()
