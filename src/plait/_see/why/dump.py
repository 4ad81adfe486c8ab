"""What the threads of a process are doing at one moment: the types that every way of looking fills in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Thing(NamedTuple):
    """An object that a variable refers to: its class, where it is, and how it is written if it is a plain value."""

    type: str
    address: int
    text: str = ""


class Frame(NamedTuple):
    """One level of a stack.

    Attributes:
        function: the qualified name where the interpreter knows it.
        variables: those of the function, and what is reached from them.
        column: where in the line it stands, in bytes as the syntax tree counts; -1 where that is not known.
    """

    file: str
    line: int
    function: str
    variables: Mapping[str, Thing] = {}
    column: int = -1

    @property
    def name(self) -> str:
        """Of the function, without what it is in."""
        return self.function.rpartition(".")[2]

    def is_of(self, file: str, name: str) -> bool:
        """Whether it is a call of the function of that name, in a file whose path ends so."""
        return self.file.endswith(file) and self.name == name

    def is_in(self, file: str, names: tuple[str, ...]) -> bool:
        """Whether it is a call of one of the functions of these names, in such a file."""
        return self.file.endswith(file) and self.name in names

    @property
    def runs_loop(self) -> bool:
        """Whether it runs an event loop; of a loop in C, such as that of uvloop, only who has started it is seen."""
        return any(self.is_of(*each) for each in _LOOPS)

    @property
    def calls_back(self) -> bool:
        """Whether it runs an event loop that knows no coroutines, but calls what it was given: Twisted's reactor."""
        return any(self.is_of(*each) for each in _REACTORS)

    @property
    def place(self) -> str:
        """``app.py:12``.

        >>> Frame("/home/me/app.py", 12, "main").place, Frame("/usr/lib/logging/__init__.py", 7, "handle").place
        ('app.py:12', 'logging/__init__.py:7')
        """
        *_, folder, name = ["", *self.file.replace(chr(92), "/").split("/")]
        return f"{folder}/{name}:{self.line}" if name == "__init__.py" and folder else f"{name}:{self.line}"


def since_fork(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """A stack without those who had called for the fork that made this process: they are where they were, for ever."""
    at = next((at for at, frame in enumerate(frames) if frame.is_of("multiprocessing/process.py", "_bootstrap")), None)
    return frames if at is None else frames[: at + 1]


_LOOPS = (
    ("asyncio/base_events.py", "_run_once"),
    ("asyncio/runners.py", "run"),
    ("trio/_core/_run.py", "run"),
)


_REACTORS = (("twisted/internet/base.py", "run"),)


class OtherEnd(NamedTuple):
    """Who has the other end of what a thread waits for in the kernel.

    Attributes:
        kind: ``pipe``, ``socket``, ``terminal`` or ``file``; ``polled pipe`` for one of several that it waits for.
        name: what it is: the descriptor of a pipe or terminal, the address of a peer, the path of a file.
        processes: who writes to the pipe, reads from it, has the lock of the file, or has the other socket; the process
            itself, too.
        accepted: of a socket: whether anybody has accepted the connection; those who could are the processes otherwise.
        inputs: of a pipe: those of the processes whose standard input it is.
        strangers: of a pipe: whether the processes are neither this one's family nor started by its children.
    """

    kind: str
    name: str
    processes: tuple[int, ...] = ()
    accepted: bool = True
    inputs: tuple[int, ...] = ()
    strangers: bool = False


class Thread(NamedTuple):
    """A thread, or a task of an event loop, innermost frame first.

    Attributes:
        name: what the program calls it.
        ident: as `threading.get_ident` gives it; for a task its address.
        native: what the system calls it.
        frames: its stack.
        busy: whether it was seen to run; None when nobody can tell.
        has_gil: whether it had the GIL.
        task: whether it is a task of an event loop.
        turn: of a task that awaits nothing: ``current`` while its loop runs it, ``ready`` when it waits for its turn.
        where: the function of the kernel that it is in, such as ``futex_wait``; "" when it runs, or is not known.
        other_end: of the pipe, socket or file that it waits for; None when that is not known.
        cancelled: of a task that awaits something: whether it was cancelled, and has not ended.
        moved: the function of the kernel that it was in at two looks, though it has gone on in between; "" for none.
        awaits: of a task that awaits other tasks: their addresses.
        first: whether it goes on with the first of these that ends.
    """

    name: str
    ident: int
    native: int
    frames: tuple[Frame, ...]
    busy: bool | None = None
    has_gil: bool = False
    task: bool = False
    where: str = ""
    other_end: OtherEnd | None = None
    turn: str = ""
    cancelled: bool = False
    moved: str = ""
    awaits: tuple[int, ...] = ()
    first: bool = False


GREEN = (
    "Its green threads (gevent, eventlet) are not seen, only which one of them runs in each thread. A watchdog sees "
    "them: start it with PLAIT_WATCHDOG=30, and ask again."
)


OTHERS = (
    "Its main thread is not seen, since the process has several interpreters: only what the newest of them runs is."
)


class Dump(NamedTuple):
    """The threads of one process.

    Attributes:
        pid: the process.
        threads: what it runs, the main thread first.
        missing: what could not be seen, and how to see it; "" when nothing is known to be missing.
        children: the processes that it has started, each with what the system says it waits for.
        forked: whether it is a fork of a Python program that has not started another one.
        ends: the other ends of the pipes, sockets and files that its children wait for, by their numbers.
        workers: the worker processes that plait has for it, each with what the system says it waits for.
        handled: the signals for which the program has handlers of its own.
        inside: whether it was looked at from inside, where all tasks are seen.
        listens: the addresses at which it takes connections.
        pythons: those of its children that are Python programs.
    """

    pid: int
    threads: tuple[Thread, ...]
    missing: str = ""
    children: tuple[tuple[int, str], ...] = ()
    forked: bool = False
    ends: Mapping[int, OtherEnd] = {}
    workers: tuple[tuple[int, str], ...] = ()
    handled: tuple[str, ...] = ()
    inside: bool = False
    listens: tuple[str, ...] = ()
    pythons: tuple[int, ...] = ()
