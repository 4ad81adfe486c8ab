"""Finds everything that a marked program has started or left: processes, anonymous memory, files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import uuid
from pathlib import Path

MARK = "PLAIT_TEST_MARK"
_OURS = ("plait-", "psm_", "pym-", "sem.mp-")  # ours, and what the standard library would make on our behalf
ROOT = Path(__file__).resolve().parent.parent


class Marked:
    """A program that runs in its own process group with a mark in its environment, which its descendants inherit.

    What others on this machine do in /dev/shm is told from what the program left there by the name, and by who has it.
    """

    def __init__(self, script: str, *arguments: str, folder: Path, **environment: str) -> None:
        self.mark = uuid.uuid4().hex
        self.shared = _shared()
        self.folder = folder
        temporary = folder / "tmp"
        temporary.mkdir(exist_ok=True)
        self.temporary = temporary
        path = folder / "program.py"
        path.write_text(script)
        self.process = subprocess.Popen(
            [sys.executable, str(path), *arguments],
            env={
                **os.environ,
                "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}",
                "TMPDIR": str(temporary),
                MARK: self.mark,
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )

    def processes(self) -> dict[int, str]:
        """The pids that carry the mark, with their command lines."""
        return marked_processes(self.mark)

    def zygote(self) -> int | None:
        """The pid of the program's zygote, once it runs."""
        for pid, command in self.processes().items():
            if "zygote" in command and _parent(pid) == self.process.pid:
                return pid
        return None

    def workers(self) -> list[int]:
        """The pids of its workers."""
        found = self.processes()
        return [pid for pid, command in found.items() if "zygote" in command and _parent(pid) != self.process.pid]

    def left(self, patience: float = 1.0) -> str:
        """What is still there so many seconds after the program's end; empty when there is nothing."""
        deadline = time.monotonic() + patience
        while True:
            found = []
            if processes := self.processes():
                found.append(f"processes {processes}")
            if (shared := _shared() - self.shared) and (shared := shared - _of_others(self.mark)):
                found.append(f"/dev/shm {shared}")
            if files := list(self.temporary.iterdir()):
                found.append(f"temporary files {files}")
            if not found or time.monotonic() > deadline:
                return "; ".join(found)
            time.sleep(0.005)  # nobody tells when the kernel has removed a process that is not our child


def marked_processes(mark: str) -> dict[int, str]:
    """The pids that carry the mark, with their command lines; zombies carry nothing and are the reaper's affair."""
    found = {}
    wanted = f"{MARK}={mark}".encode()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            if wanted in Path(f"/proc/{entry}/environ").read_bytes():
                found[int(entry)] = Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


def _shared() -> set[str]:
    return {name for name in os.listdir("/dev/shm") if name.startswith(_OURS)}


def _of_others(mark: str) -> set[str]:
    """What of it processes without the mark have mapped, such as the semaphores of a test that runs beside this one.

    By the number of the file: the C library makes a semaphore under one name, and then gives it another.
    """
    mapped: set[int] = set()
    for pid in {int(entry) for entry in os.listdir("/proc") if entry.isdigit()} - marked_processes(mark).keys():
        try:
            mapped.update(
                int(number) for number in re.findall(r" (\d+) +/dev/shm/", Path(f"/proc/{pid}/maps").read_text())
            )
        except OSError:
            continue  # it has ended, or is somebody else's
    with os.scandir("/dev/shm") as files:
        return {file.name for file in files if file.inode() in mapped}


def _parent(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(text.rsplit(")", 1)[1].split()[1])
