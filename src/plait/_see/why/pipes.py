"""Findings of pipes of which others than this process and its child have an end: pipelines, children of children."""

from __future__ import annotations

from plait._core.command_of import command_of
from plait._see.why.dump import Dump
from plait._see.why.known import Diagnosis, Known, Step, step
from plait._see.why.proc import kernel_wait

_READS = ("pipe", "polled pipe")


def pipelined(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """A child waits for room in a pipe that is the standard input of another one."""
    known = next((one for one in everybody if one.wait.kind == "child"), None)
    for child, where in dump.children:
        end = dump.ends.get(child)
        readers = [one for one in end.inputs if one != child] if end is not None and "pipe_write" in where else []
        if known is None or end is None or not readers:
            continue
        rows = [(one, _does(dump, one)) for one in readers]
        ours = dump.pid in end.processes
        return Diagnosis(
            f"Process {child} waits for room in a pipe that process {readers[0]} does not read",
            (
                step(known),
                Step(f"child {child}", "waits for room in a pipe", "", ""),
                *(Step(f"child {one}", does, "", "") for one, does in rows),
            ),
            f"The pipe is the standard input of process {readers[0]} ({command_of(readers[0])}), which does something "
            "else now."
            + " This process has that end of it open, too: while it has, the one that writes is not told when the one "
            "that reads has ended." * ours,
            f"See what process {readers[0]} does."
            + " After starting it, close the end that is its input here: first.stdout.close()." * ours,
            certain=False,
            processes=tuple(readers),
        )
    return None


def _does(dump: Dump, pid: int) -> str:
    return next((kernel_wait(where) for child, where in dump.children if child == pid), "") or "runs"


def kept_open(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    """It reads until the end of a pipe to which no child of its own can write, but one of theirs can."""
    for known in everybody:
        end = known.thread.other_end
        if end is None or end.kind not in _READS or end.name == "0" or not end.strangers:
            continue
        by_child = known.wait.kind == "child" and any(one.file.endswith("subprocess.py") for one in known.thread.frames)
        if "pipe_write" in known.thread.where or known.wait.limited or not (by_child or known.wait.kind == "system"):
            continue
        first = end.processes[0]
        who = f"process {first} ({command_of(first)})"
        return Diagnosis(
            f"A pipe is kept open by process {first}",
            (step(known), *(Step(f"process {one}", "has the end to write to", "", "") for one in end.processes)),
            f"It reads until the end of a pipe, which comes when all who can write to it have closed it. No child of "
            f"this process can any more, but {who} can: a child that has ended started it, and it goes on.",
            "Give what goes on in the background an output of its own (`command > /dev/null 2>&1 &`), or the child a "
            "file in place of a pipe; after a timeout, end all that it started: start_new_session=True, then "
            "os.killpg(child.pid, signal.SIGKILL).",
            certain=False,
        )
    return None
