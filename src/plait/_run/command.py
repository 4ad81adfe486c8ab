"""Runs shell commands as the items of a map: each in a process group of its own, which is ended as a whole.

Output goes to files without a name, not through pipes: nothing has to be read while the command runs, a child that
lives on in the background and holds the output open keeps nobody waiting, and large output takes no memory.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from _collections_abc import Callable
from contextlib import ExitStack
from typing import IO

from plait._core.current import Task, current
from plait._core.daemons import daemons_allowed
from plait._core.errors import StopTask
from plait._run.command_guard import CommandGuard

_LOOK = 0.02  # seconds between two looks at whether the command is still wanted; well within a thread's grace
_TERM_GRACE = 0.1  # seconds from SIGTERM to SIGKILL
_KEPT_IN_MEMORY = 1 << 16
_NEW_GROUP = 0x200  # subprocess.CREATE_NEW_PROCESS_GROUP, which only Windows has


class Output:
    """What a command wrote to one of its streams: in memory when it is short, else in a file."""

    __slots__ = ("_data", "_file", "size")

    def __init__(self, file: IO[bytes]) -> None:
        self.size = file.seek(0, os.SEEK_END)
        file.seek(0)
        self._file: IO[bytes] | None = None
        self._data = b""
        if self.size <= _KEPT_IN_MEMORY:
            self._data = file.read()
            file.close()
        else:
            self._file = file

    def __reduce__(self) -> tuple[object, ...]:
        return _output, (self.read(),)

    def copy_to(self, write: Callable[[bytes], object]) -> None:
        """Hand it over, in pieces."""
        if self._file is None:
            if self._data:
                write(self._data)
            return
        self._file.seek(0)
        while block := self._file.read(1 << 20):
            write(block)

    def close(self) -> None:
        """Free the file, if there is one."""
        if self._file is not None:
            self._file.close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self.close()

    def read(self) -> bytes:
        """All of it."""
        pieces: list[bytes] = []
        self.copy_to(pieces.append)
        return b"".join(pieces)


def _output(data: bytes) -> Output:
    file = tempfile.TemporaryFile()  # noqa: SIM115  Output's now
    file.write(data)
    return Output(file)


class CommandResult:
    """What became of one command.

    Attributes:
        command: as the shell got it.
        code: its exit status, or minus the number of the signal that ended it.
        stdout, stderr: what it wrote.
    """

    __slots__ = ("code", "command", "stderr", "stdout")

    def __init__(self, command: str, code: int, stdout: Output, stderr: Output) -> None:
        self.command = command
        self.code = code
        self.stdout = stdout
        self.stderr = stderr

    def for_people(self) -> dict[str, object]:
        """What a record of it says."""
        return {
            "command": self.command,
            "exit": self.code,
            "stdout": self.stdout.read().decode(errors="replace"),
            "stderr": self.stderr.read().decode(errors="replace"),
        }


class CommandFailed(Exception):  # as WorkerDied and its kin: what happened
    """A command ended with an exit status other than 0, or by a signal; `result` has what it wrote."""

    def __init__(self, result: CommandResult) -> None:
        super().__init__(result)
        self.result = result

    def __str__(self) -> str:
        code = self.result.code
        if code >= 0:
            return f"exit status {code}: {self.result.command}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"ended by {name}: {self.result.command}"


class CommandRunner:
    """Called with an item by a thread of a map: runs the item's command and waits for it.

    When the item is cancelled or its time is up, the process group gets SIGTERM and soon SIGKILL, from a thread of its
    own: the worker may be interrupted itself at that moment. `close` ends whatever is left, from any thread.

    Args:
        command_of: the shell command for an item and its index.
        name: what the map is called in its progress line.
        key: what stands for all of its commands in a journal.
        numbered: whether a command depends on the index of its item.
    """

    def __init__(
        self, command_of: Callable[[object, int], str], name: str, key: str = "", *, numbered: bool = False
    ) -> None:
        self.__name__ = name
        self._command_of = command_of
        self._key = key
        self._numbered = numbered
        self._lock = threading.Lock()
        self._running: set[Process] = set()
        self._closed = False
        self._guard: CommandGuard | None = None  # from the first command on

    def __call__(self, item: object) -> CommandResult:
        task = current()
        command = self._command_of(item, task.index)
        with ExitStack() as files:
            stdout = files.enter_context(tempfile.TemporaryFile())
            stderr = files.enter_context(tempfile.TemporaryFile())
            code = self._run(task, command, stdout, stderr)
            files.pop_all()  # they are the Outputs' now
        result = CommandResult(command, code, Output(stdout), Output(stderr))
        if code != 0:
            raise CommandFailed(result)
        return result

    def _run(self, task: Task, command: str, stdout: IO[bytes], stderr: IO[bytes]) -> int:
        process = self._start(command, stdout, stderr)
        try:
            while not process.ended(_LOOK):
                if task.cancelled:
                    raise StopTask  # the same end as an injected one
            code = process.reap()
        except BaseException:
            threading.Thread(
                target=self._dismiss, args=(process,), name="plait-command-end", daemon=daemons_allowed()
            ).start()
            raise
        self._forget(process)
        return code

    def __plait_key__(self) -> object:
        return "shell command", self._key

    def __plait_item_key__(self, item: object, index: int) -> object:
        return (item, index) if self._numbered else item

    def close(self) -> None:
        """Kill what still runs, and start nothing more. Returns when all of it is gone."""
        with self._lock:
            self._closed = True
            left = list(self._running)
        for process in left:
            self._dismiss(process, grace=0.0)
        if self._guard is not None:
            self._guard.close()

    def _start(self, command: str, stdout: IO[bytes], stderr: IO[bytes]) -> Process:
        with self._lock:
            if self._closed:
                raise StopTask
            if self._guard is None and sys.platform != "win32":
                self._guard = CommandGuard()
            process = Process(command, stdout, stderr, self._guard)
            self._running.add(process)
            return process

    def _dismiss(self, process: Process, grace: float = _TERM_GRACE) -> None:
        process.end(grace)
        self._forget(process)

    def _forget(self, process: Process) -> None:
        with self._lock:
            self._running.discard(process)


class Process:
    """A shell command in a session of its own, which does not outlive us where there is a guard."""

    def __init__(self, command: str, stdout: IO[bytes], stderr: IO[bytes], guard: CommandGuard | None) -> None:
        self._guard = guard
        self._popen = _start_alone(command, stdout, stderr) if guard is None else guard.start(command, stdout, stderr)
        self._lock = threading.RLock()
        self._watch = os.pidfd_open(self._popen.pid) if hasattr(os, "pidfd_open") else None

    def ended(self, seconds: float) -> bool:
        """Whether it ends within that time. Leaves it unreaped, so that its number stays its own."""
        if self._watch is not None:
            poll = select.poll()  # not select: it knows no descriptors above 1023
            poll.register(self._watch, select.POLLIN)
            return bool(poll.poll(seconds * 1000))
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def reap(self) -> int:
        """Its exit status, or minus the number of the signal that ended it; for one that has ended."""
        with self._lock:
            guard, self._guard = self._guard, None
            if guard is not None:
                guard.remove(self._popen.pid)  # before its number is free, and once only
            return self._popen.wait()

    def end(self, grace: float) -> None:
        """End it and all it has started: SIGTERM, and SIGKILL after `grace` seconds. Returns when it is gone."""
        with self._lock:
            if self._popen.returncode is not None:
                return
            if sys.platform == "win32":
                kill = ["taskkill", "/F", "/T", "/PID", str(self._popen.pid)]
                subprocess.run(kill, capture_output=True, check=False)  # our own process's number
            else:
                self._end_group(grace)
            self.reap()

    def __del__(self) -> None:
        """Close the descriptor only now: another thread may still be waiting on it when the process is reaped."""
        watch = getattr(self, "_watch", None)
        if watch is not None:
            os.close(watch)

    def _end_group(self, grace: float) -> None:
        if grace > 0:
            self._signal(signal.SIGTERM)
            self.ended(grace)
        self._signal(signal.SIGKILL)  # also when the shell has ended: what it started may not have

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self._popen.pid, number)
        except (ProcessLookupError, PermissionError):
            return  # nobody is left, or only processes of other users, which are not ours to end


def _start_alone(command: str, stdout: IO[bytes], stderr: IO[bytes]) -> subprocess.Popen[bytes]:
    """A shell with the command, where there is no guard, that is on Windows."""
    return subprocess.Popen(  # noqa: S602  # a shell command is what was asked for
        command,
        shell=True,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        creationflags=_NEW_GROUP,
    )
