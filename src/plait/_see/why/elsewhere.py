"""Findings whose cause is not in this process: another process, a locked file, a connection."""

from __future__ import annotations

import re

from plait._see.why import source
from plait._see.why.cures import NOBODY
from plait._see.why.data import on_the_way
from plait._see.why.dump import Dump
from plait._see.why.graph import is_member
from plait._see.why.known import Diagnosis, Known, Step, step
from plait._see.why.pipes import kept_open
from plait._see.why.proc import FIFO, kernel_wait
from plait._see.why.sockets import ALIVE, asks_itself, other_side
from plait._see.why.teams import drives_processes

_STREAMS = {"0": "standard input", "1": "standard output", "2": "standard error"}
_QUERIES = ("execute", "executemany", "executescript", "commit", "backup", "__enter__")


def stopped(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """A signal has stopped it, or a process that it waits for, and nobody lets that go on."""
    mine = [known for known in everybody if known.thread.where.startswith(_STOPPED)]
    if mine:
        return Diagnosis(
            "The process is stopped",
            tuple(map(step, mine)),
            _BY_SIGNAL,
            f"Let it go on: kill -CONT {dump.pid}; then ask again.",
            certain=False,
        )
    theirs = [(pid, where) for pid, where in (*dump.children, *dump.workers) if where.startswith(_STOPPED)]
    pool = any(known.wait.kind == "service" for known in everybody)
    waits = next((known for known in everybody if _for_others(known, pool, [pid for pid, _ in theirs])), None)
    if not theirs or waits is None:
        return None
    return Diagnosis(
        f"{waits.thread.name} waits for a process that is stopped",
        (step(waits), *(_row(pid, where) for pid, where in theirs)),
        _BY_SIGNAL,
        f"Let it go on: kill -CONT {' '.join(str(pid) for pid, _ in theirs)}; then ask again.",
        certain=False,
    )


def _for_others(known: Known, pool: bool, stopped: list[int]) -> bool:
    """Whether a thread waits for what one of these processes may do."""
    end = known.thread.other_end
    reads = end is not None and end.kind == "pipe" and any(pid in end.processes for pid in stopped)
    return reads or known.wait.kind in ("child", "work") or _from_processes(known, pool)


_STOPPED = "do_signal_stop"
_BY_SIGNAL = (
    "A signal has stopped it: SIGSTOP, Ctrl-Z, or reading from the terminal in the background. It goes on when it is "
    "sent SIGCONT."
)


def _crossed(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """It reads one pipe of a child, which waits for room in another."""
    for known in everybody:
        end = known.thread.other_end
        if end is None or end.kind != "pipe" or "pipe_read" not in known.thread.where:
            continue
        for child, where in dump.children:
            full = dump.ends.get(child)
            if child in end.processes and "pipe_write" in where and full is not None and dump.pid in full.processes:
                stream = _STREAMS.get(full.name, f"descriptor {full.name}")
                return Diagnosis(
                    "A pipe is full that nobody reads",
                    (step(known), Step(f"child {child}", f"waits for room in its {stream}", "", "")),
                    f"This process reads from one pipe of process {child} until that ends, and that one waits until "
                    f"somebody reads its {stream}, which is another pipe of 64 KiB.",
                    "communicate(), or subprocess.run(..., capture_output=True), reads both; stderr=subprocess.STDOUT "
                    "makes them one, stderr=subprocess.DEVNULL throws it away.",
                    certain=False,
                )
    return None


def _input(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """It waits for a child, which waits for the end of its input."""
    for child, where in dump.children:
        end = dump.ends.get(child)
        if end is None or end.name != "0" or "pipe_read" not in where or dump.pid not in end.processes:
            continue
        for known in everybody:
            mine = known.thread.other_end
            reads = mine is not None and child in mine.processes and "pipe_read" in known.thread.where
            if reads or known.wait.kind == "child":
                return Diagnosis(
                    "A child waits for the rest of its input",
                    (step(known), Step(f"child {child}", "waits for something on its standard input", "", "")),
                    f"This process waits for process {child}, and that one reads its standard input, which this "
                    "process has not closed: it cannot know that nothing more will come.",
                    "Close it when all is written: p.stdin.close(); or use communicate(input), which does. Where "
                    "the child is to answer first: p.stdin.flush() sends what is still in a buffer.",
                    certain=False,
                )
    return None


def _named_pipe(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    """It opens a named pipe of which nobody has the other end."""
    known = next((one for one in everybody if one.wait.what == FIFO), None)
    if known is None:
        return None
    return Diagnosis(
        f"{known.thread.name} opens a named pipe alone",
        (step(known),),
        "To open a named pipe (os.mkfifo) for reading waits until another process opens it for writing, and the other "
        "way round. Nobody has.",
        "Start who is to have the other end first, and see whether it has failed; os.open(path, os.O_RDWR) does not "
        "wait, nor does os.O_NONBLOCK.",
        certain=False,
    )


def locked_file(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """It waits for the lock of a file, or of a database that is one."""
    for known in everybody:
        end, frame = known.thread.other_end, known.wait.frame
        if end is None or end.kind != "file" or frame is None or known.wait.kind != "system":
            continue
        places = (frame, *known.thread.frames[:1])  # of the program, and of a library that asks the database for it
        calls = [call for one in places for call in source.calls(one.file, one.line)]
        database = known.thread.where.startswith("hrtimer")
        if database and not any(one.method in _QUERIES for one in calls):
            continue
        name = end.name.rpartition("/")[2]
        here = dump.pid in end.processes
        others = tuple(one for one in end.processes if one != dump.pid)
        owner = (
            "this process itself has locked it, by another connection or open file"
            if here
            else "process " + " and ".join(map(str, others)) + " has locked it"
            if others
            else "somebody has locked it"
        )
        return Diagnosis(
            f"The database {name} is locked" if database else f"The file {name} is locked",
            (step(known)._replace(does=f"waits for the lock of {end.name}"),),
            f"{owner[0].upper()}{owner[1:]}.",
            "Commit or roll back before another connection writes; keep transactions short, and close connections."
            if database
            else "Do not lock a file twice by two open files; let the lock go in a `finally`, and take it with "
            "LOCK_NB and a limit of tries.",
            certain=False,
            processes=others,
        )
    return None


def from_processes(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """It waits for a result, an item or a lock that another process can give."""
    pool = any(known.wait.kind == "service" for known in everybody)
    known = next((one for one in everybody if _from_processes(one, pool)), None)
    if known is None:
        return None
    if _kind(known) == "result" and _has_lost_its_results(everybody):
        return Diagnosis(
            f"{known.thread.name} waits for a pool that takes no results any more",
            (step(known),),
            "The thread that takes the results of the pool has ended, by an exception that was written to standard "
            "error: as by a result, or an exception of a worker, that can be pickled and not unpickled. Nobody gets a "
            "result of that pool any more.",
            "Give an exception class all arguments that its __init__ needs: super().__init__(a, b), or a __reduce__. "
            "concurrent.futures.ProcessPoolExecutor and plait.map raise such an error where the result is asked for.",
        )
    rows = tuple(_row(child, where) for child, where in dump.children)
    carried = on_the_way(known, rows, everybody)
    if carried is not None:
        return carried
    killed = _kind(known) == "result" and bool(rows) and all(where.startswith(_IDLE) for _, where in dump.children)
    alone = "" if rows else _OF_MEMBER if is_member(dump) else _CHILDLESS
    return Diagnosis(
        f"{known.thread.name} waits for another process",
        (step(known), *rows),
        f"What it waits for comes from another process.{alone}{_LOST * killed}",
        _CURES.get(_kind(known)) or NOBODY[known.wait.kind][2],
        certain=False,
        processes=_first(dump.children),
    )


def _plaits_workers(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """It waits for what plait's worker processes do."""
    kinds = ("work", "future", "futures")
    known = next((one for one in everybody if one.wait.kind in kinds and not one.crews and not one.wait.limited), None)
    if known is None or not dump.workers or not any(drives_processes(one.thread) for one in everybody):
        return None
    rows = [_row(pid, where, "worker") for pid, where in dump.workers]
    return Diagnosis(
        f"{known.thread.name} waits for worker processes",
        (step(known), *rows),
        "What it waits for is done by plait's worker processes.",
        "See what they wait for, each at its line; plait.map(..., timeout=30) ends an item that takes longer than so "
        "many seconds, and goes on with a new worker.",
        certain=False,
        processes=_first(dump.workers),
    )


def _first(processes: tuple[tuple[int, str], ...]) -> tuple[int, ...]:
    """The few of them that are worth asking."""
    return tuple(pid for pid, _ in processes)[:4]


def _from_processes(known: Known, pool: bool) -> bool:
    wait = known.wait
    if wait.limited or wait.frame is None or wait.kind in ("service", "idle"):
        return False
    return wait.shared or (pool and wait.kind in ("future", "futures"))


def _has_lost_its_results(everybody: list[Known]) -> bool:
    """Whether there is a `multiprocessing.Pool` whose thread for results is not there; they all have three threads."""
    names = [frame.name for one in everybody for frame in one.thread.frames if frame.file.endswith(_POOL)]
    return names.count("_handle_workers") > names.count("_handle_results")


def _kind(known: Known) -> str:
    """Which of the cures it is."""
    if any(frame.file.endswith("multiprocessing/managers.py") for frame in known.thread.frames):
        return "manager"
    if known.wait.kind in ("future", "futures"):
        return "result" if any(frame.file.endswith(_POOL) for frame in known.thread.frames) else "future"
    return known.wait.kind if known.wait.kind in _CURES or known.wait.kind in NOBODY else "other"


_LOST = (
    " None of its children computes: when a worker that had an item is killed (out of memory, os._exit, a crash), "
    "multiprocessing.Pool waits for that item for ever."
)
_POOL = "multiprocessing/pool.py"
_CHILDLESS = " This one has no child that runs: if a child was to do it, that has ended."
_OF_MEMBER = " This one was started by another process, which may be the one that should do it, or may have failed."
_CURES = {
    "result": "See what that process waits for. concurrent.futures.ProcessPoolExecutor and plait.map fail at once when "
    "a worker dies.",
    "future": "See what that process waits for, at its line; plait.map(..., timeout=30) ends an item that takes longer "
    "than so many seconds, and goes on with a new worker.",
    "queue get": "Put one sentinel for each process that takes items, or have it take with a timeout; and see whether "
    "who puts items has failed.",
    "lock": "See which process has it; who is killed while it has a lock of multiprocessing never lets it go.",
    "system": "Let each process close the end of the Pipe that it does not use: then recv() raises EOFError once the "
    "other side is gone; or ask poll(timeout) first.",
    "manager": "What is asked of a proxy is done by the process of its manager, which waits for it: see who has taken "
    "the lock, or was to put the item or set the event. Who ends while it has a lock of a manager never lets it go.",
    "other": "See what that process waits for, or whether it has failed; and wait with a timeout.",
}


def child_awaited(everybody: list[Known]) -> Known | None:
    """Who waits for the end of a child; one at a line of the program, rather than a thread that does it for a task."""
    found = [known for known in everybody if known.wait.kind == "child"]
    return min(found, key=lambda known: known.wait.frame is None, default=None)


def _child(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """It waits for the end of a child."""
    known = child_awaited([one for one in everybody if not (one.wait.limited or _is_of_library(one))])
    others = any(one.wait.kind == "await" for one in everybody)
    if known is None or not dump.children or (known.thread.task and others):
        return None
    locked = [(child, end) for child, end in dump.ends.items() if end.kind == "file" and dump.pid in end.processes]
    if locked:
        child, end = locked[0]
        return Diagnosis(
            f"{known.thread.name} waits for a child that waits for a file which this process has locked",
            (step(known), Step(f"child {child}", f"waits for the lock of {end.name}", "", "")),
            f"Process {child} cannot go on until this one lets {end.name} go, and this one waits for its end.",
            "Let the lock of the file go before you wait for the child.",
            certain=False,
            processes=(child,),
        )
    return Diagnosis(
        f"{known.thread.name} waits for the end of a child process",
        (step(known), *(_row(child, where) for child, where in dump.children)),
        "The child does not end, and this process waits until it does.",
        "See what the child waits for.",
        certain=False,
        processes=_first(dump.children),
    )


def _is_of_library(known: Known) -> bool:
    """Whether a thread watches its child for an installed library, as that starts again what it has started."""
    installed = any(_INSTALLED.search(frame.file) for frame in known.thread.frames)
    return known.wait.frame is None and not known.thread.task and installed


_INSTALLED = re.compile(r"[/\\](site|dist)-packages[/\\]")


def _typed(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """It waits for its standard input, and nobody runs."""
    if any(known.wait.kind in ALIVE for known in everybody):
        return None
    for known in everybody:
        end = known.thread.other_end
        reads = known.thread.where.startswith(_READS)
        if end is None or known.wait.kind != "system" or end.kind not in ("pipe", "terminal") or not reads:
            continue
        if end.name == "0":
            return Diagnosis(
                f"{known.thread.name} waits for its standard input",
                (step(known)._replace(does="waits for something on its standard input"),),
                "It goes on when something is typed."
                if end.kind == "terminal"
                else "Nothing has come through the pipe.",
                "Type it and press Enter, or Ctrl-D for its end; where nobody can type, start the program with "
                "`< /dev/null` or `< FILE`."
                if end.kind == "terminal"
                else "See what is to write to that pipe; where nothing is to come, start it with `< /dev/null`.",
                certain=False,
                processes=tuple(one for one in end.processes if one != dump.pid),
            )
    return None


_READS = ("pipe_read", "anon_pipe_read", "wait_woken", "n_tty_read")
_IDLE = ("futex", "pipe_read", "anon_pipe_read", "do_futex")


def _row(pid: int, where: str, kind: str = "child") -> Step:
    return Step(f"{kind} {pid}", kernel_wait(where) or "runs", "", "")


ELSEWHERE = (
    _crossed,
    _input,
    kept_open,
    _named_pipe,
    locked_file,
    asks_itself,
    _plaits_workers,
    from_processes,
    _child,
    _typed,
    other_side,
)  # the gravest first
