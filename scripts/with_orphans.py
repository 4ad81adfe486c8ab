"""Runs a command, adopts what it starts and leaves, and fails if some of that is still there when it has ended.

On Linux an orphan comes to the nearest ancestor that asks for orphans, whatever session, group and environment it has
made for itself: no worker, browser or daemon gets away. Elsewhere nobody is adopted, and nothing found.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
import time
from pathlib import Path

LEFT = 77  # the exit status where the command succeeded and left a process
_PATIENCE = 5.0  # seconds for what ends because the command has ended, as the workers of a program that was killed
_PR_SET_CHILD_SUBREAPER = 36


def main(command: list[str]) -> int:
    """The exit status of the command, or `LEFT`. SIGTERM ends it and all that it has started."""
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        sys.exit(f"the system does not give us orphans: {os.strerror(ctypes.get_errno())}")
    signal.signal(signal.SIGTERM, _stop)
    status = _status_of(os.posix_spawnp(command[0], command, os.environ))
    deadline = time.monotonic() + _PATIENCE
    while not _all_gone() and time.monotonic() < deadline:
        time.sleep(0.01)  # nobody can be asked to tell when the last of them has gone
    left = end_all()
    if left:
        print("left processes behind:", *left, sep="\n  ", flush=True)
    return status or (LEFT if left else 0)


def end_all() -> list[str]:
    """Kill everything that descends from this process; what each of them was."""
    ended: dict[int, str] = {}
    while not _all_gone():
        for pid in _descendants():
            ended.setdefault(pid, _told(pid))
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it has just ended
        time.sleep(0.001)
    return list(ended.values())


def _stop(*_: object) -> None:
    end_all()
    os._exit(1)


def _status_of(pid: int) -> int:
    """Wait for it, and meanwhile for the orphans that end, which would be zombies otherwise."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            return abs(os.waitstatus_to_exitcode(status))


def _all_gone() -> bool:
    """Whether there is no descendant any more: those of a child that has ended are children themselves."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return True
    return False


def _descendants() -> list[int]:
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        children.setdefault(parent, []).append(int(folder.name))
    found = [os.getpid()]
    for pid in found:
        found += children.get(pid, [])
    return found[1:]


def _told(pid: int) -> str:
    """Its command line, and the test in which it was started."""
    folder = Path("/proc") / str(pid)
    try:
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        variables = (folder / "environ").read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return f"{pid}, which has just ended"
    test = re.search(r"PYTEST_CURRENT_TEST=([^\0]*)", variables)
    return f"{pid} ({command[:80]}){', of ' + test[1] if test else ''}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
