"""What the process engine needs of the operating system, and the one place that chooses who provides it.

On Linux a zygote forks workers, which talk through pipes, share memory files and are killed by the kernel when their
lifeline closes. Everywhere else, and on Linux on request, each worker is an interpreter of its own, which talks through
sockets, shares unlinked temporary files (on Windows, mappings) and watches its lifeline itself.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a launcher makes handles of workers, which are written in terms of what stands here
    import mmap

    from plait._engines.ends import Ends
    from plait._engines.remote_worker import RemoteWorker
    from plait._engines.segments import Address

READABLE, WRITABLE = 1, 4  # POLLIN and POLLOUT, which Windows does not name


class Segment(Protocol):
    """Memory that two processes share; what is `on_disk` is written through the file, which says when there is no room.

    Attributes:
        size: bytes.
    """

    size: int

    @property
    def on_disk(self) -> bool: ...

    @property
    def address(self) -> Address: ...

    def map(self) -> mmap.mmap: ...

    def write(self, data: memoryview, offset: int) -> int: ...

    def close(self) -> None: ...


class Link(Protocol):
    """The driver's connection with one worker, and its power to end it.

    Attributes:
        commands: the descriptor to poll for room.
        results: the descriptor to poll for frames.
    """

    commands: int
    results: int

    @property
    def ends(self) -> Ends: ...

    @property
    def killable(self) -> bool:
        """Whether `kill` ends the worker at once, whatever it does."""
        ...

    @property
    def fate(self) -> str:
        """What became of a worker that was ended, in words."""
        ...

    @property
    def left_behind(self) -> bool:
        """Whether the worker could not be ended and still runs."""
        ...

    def is_open(self) -> bool:
        """Whether the worker still holds its end."""
        ...

    def kill(self) -> None:
        """End the worker, and what it has started, now, or begin to."""
        ...

    def close(self, *, kill: bool) -> None:
        """Close the descriptors; a worker that is not killed belongs to somebody else."""
        ...


class Bell(Protocol):
    """Wakes a thread that waits in a Poll, from anywhere."""

    def fileno(self) -> int: ...

    def ring(self) -> None: ...

    def silence(self) -> None: ...

    def close(self) -> None: ...


class Launcher(Protocol):
    """Starts workers and learns how they end. Thread-safe.

    Attributes:
        dead: whether it can start no more; make a new one then. Its workers live on.
        bells: of the runs that want to know when a worker has ended.
        patience: milliseconds after which to ask `has_ended` although nothing was heard; None when it says so itself.
        refusal: why workers could not be started of which it says NOT_STARTED.
    """

    @property
    def dead(self) -> bool: ...

    @property
    def bells(self) -> set[Bell]: ...

    @property
    def patience(self) -> float | None: ...

    @property
    def refusal(self) -> str: ...

    def launch(self, token: int, inputs: Segment | None) -> RemoteWorker:
        """A new worker, which may take its first batch at once; `inputs` is the driver's arena."""
        ...

    def preload(self) -> None:
        """Workers to come will need cloudpickle."""
        ...

    def fileno(self) -> int:
        """To poll for news; -1 if there never are any."""
        ...

    def collect(self) -> None:
        """Read the news."""
        ...

    def has_ended(self, token: int) -> bool:
        """Whether a worker is known to have ended, or was given up."""
        ...

    def status_of(self, token: int, wait: float) -> int | None:
        """The wait status of a worker that ends about now, or None when nobody knows it."""
        ...

    def reap(self) -> None:
        """Clear away a dead launcher, while runs may still listen to it."""
        ...

    def close(self) -> None:
        """Start no more workers; those that live are killed with their links."""
        ...


class Poll(Protocol):
    """``select.poll``, as far as it is used."""

    def register(self, fd: int, eventmask: int, /) -> None: ...

    def unregister(self, fd: int, /) -> None: ...

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]: ...


class Host(Protocol):
    """The means of one operating system to have workers of one kind.

    Attributes:
        kind: ``"process"`` or ``"interpreter"``.
    """

    @property
    def kind(self) -> str: ...

    def poll(self) -> Poll: ...

    def bell(self) -> Bell: ...

    def arena(self) -> Segment | None:
        """Memory for large buffers; None when there is none to be had."""
        ...

    def segment(self, size: int) -> Segment:
        """Memory for a board."""
        ...

    def launcher(self, environment: dict[str, str]) -> Launcher:
        """Starts workers that find these variables in their environment."""
        ...

    def private_bytes(self, pid: int) -> int:
        """The memory that only this process uses; 0 when it is gone."""
        ...


def choose(*, portable: bool) -> Host:
    """The fastest means that this system has, or those that every system has."""
    if sys.platform == "linux" and hasattr(os, "memfd_create") and not portable:
        from plait._engines.linux_host import LinuxHost

        return LinuxHost()
    from plait._engines.portable_host import PortableHost

    if sys.platform == "win32":
        from plait._engines.portable_windows import WindowsSystem

        return PortableHost(WindowsSystem())
    from plait._engines.portable_posix import PosixSystem

    return PortableHost(PosixSystem())
