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
    """One level of a stack; `function` is the qualified name where the interpreter knows it."""

    file: str
    line: int
    function: str
    variables: Mapping[str, Thing] = {}

    @property
    def place(self) -> str:
        """``app.py:12``.

        >>> Frame("/home/me/app.py", 12, "main").place
        'app.py:12'
        """
        return f"{self.file.replace(chr(92), '/').rpartition('/')[2]}:{self.line}"


class Thread(NamedTuple):
    """A thread, or a task of an event loop, innermost frame first.

    Attributes:
        name: what the program calls it.
        ident: as `threading.get_ident` gives it; for a task 0.
        native: what the system calls it.
        frames: its stack.
        busy: whether it was seen to run; None when nobody can tell.
        has_gil: whether it had the GIL.
        task: whether it is a task of an event loop.
        where: the function of the kernel that it is in, such as ``futex_wait``; "" when it runs, or is not known.
    """

    name: str
    ident: int
    native: int
    frames: tuple[Frame, ...]
    busy: bool | None = None
    has_gil: bool = False
    task: bool = False
    where: str = ""


class Dump(NamedTuple):
    """The threads of one process.

    Attributes:
        pid: the process.
        threads: what it runs, the main thread first.
        missing: what could not be seen, and how to see it; "" when nothing is known to be missing.
        children: the processes that it has started, each with what the system says it waits for.
        forked: whether it is a fork of a Python program that has not started another one.
    """

    pid: int
    threads: tuple[Thread, ...]
    missing: str = ""
    children: tuple[tuple[int, str], ...] = ()
    forked: bool = False
