"""What a thread of control does that others can notice: the word that CHECK explores, analyses and draws."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Kind(IntEnum):
    """What sort of step it is."""

    ENTER = 0  # a function begins: a place to switch at, nothing is shared
    READ = 1
    WRITE = 2
    ACQUIRE = 3  # of a lock, enabled when the lock is free; or of what somebody has put into a SimpleQueue
    TRY = 4  # to acquire without waiting, pending; executed, it did not get the lock (else it is an ACQUIRE)
    RELEASE = 5
    START = 6  # of another thread or task; `place` is its number
    JOIN = 7  # enabled when the thread or task `place` has ended
    SLEEP = 8  # until a moment of virtual time
    PAUSE = 9  # before a yield or an await
    OUTSIDE = 10  # a call that the checker lets go and waits for: a socket, a subprocess, a file lock
    WAIT = 11  # of an asyncio task, until its future or the loop wakes it
    END = 12  # the thread or task is over


FORK = "os.fork"
"""The name of the step by which the program forks: what others have at that moment the child has for ever."""


class Site(NamedTuple):
    """A place in the user's source; the rewriter makes it a constant of the code that runs there.

    Lines count from 1, columns (in bytes of UTF-8, as `ast` does) from 0. `function` is the qualified name of the
    function around it, ``<module>`` at the top. `text` is what stands there: an attribute, a name, ``[]``.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    function: str
    text: str

    def at_line(self, line: int) -> Site:
        """Another line of the same function, as a whole."""
        return self._replace(line=line, end_line=line, column=0, end_column=0)


class Event(NamedTuple):
    """One step of one thread of control.

    A pending event is what a thread is about to do; the scheduler sees it before it happens.

    Attributes:
        thread: number of the thread or asyncio task, in the order of creation; the main one is 0.
        kind: see `Kind`.
        place: number of the object it touches (a lock, an instance, a container, a scope of variables, a thread), in
            the order of first touch, so that the same schedule gives the same numbers in any process; -1 if none.
        name: which part of it: an attribute, a variable, ``[3]`` or ``['key']`` for one element of a container, ``[]``
            for all of it; "" for threads. For locks "", "try" if it was acquired without waiting, "timeout" if a wait
            was in vain, "locked" if somebody only looked.
        site: where in the user's source; None when nothing of the user's is on the stack.
    """

    thread: int
    kind: Kind
    place: int
    name: str
    site: Site | None


def label(event: Event | None) -> str:
    """What tells this step from others of its thread in words that survive an edit elsewhere in the file.

    The kind, the function around it and what stands there; of a ``with`` only what is entered, since Pythons differ in
    how much they take for the place of an entry. The end of a thread is ``end``.

    >>> label(Event(1, Kind.WRITE, 3, "value", Site("app.py", 12, 8, 12, 18, "Counter.bump", "value")))
    'write Counter.bump:value'
    """
    if event is None:
        return "end"
    if event.site is None:
        return event.kind.name.lower()
    text = event.site.text.removeprefix("async ")
    if text.startswith("with "):
        text = text[5:].rstrip(":").partition(" as ")[0].partition(",")[0]
    return f"{event.kind.name.lower()} {event.site.function}:{text}"


def conflict(one: Event, other: Event) -> bool:
    """Whether the order of the two can matter: the same part of the same object and at least one changes it.

    ``[]`` is every element of a container. Operations of one lock conflict with each other.

    >>> read, write = Event(0, Kind.READ, 3, "n", None), Event(1, Kind.WRITE, 3, "n", None)
    >>> conflict(read, write), conflict(read, read), conflict(write, write)
    (True, False, True)
    """
    if one.place != other.place or one.place < 0:
        return False
    if one.kind in _ACCESSES and other.kind in _ACCESSES:
        if one.kind == other.kind == Kind.READ:
            return False
        return one.name == other.name or (one.name[:1] == other.name[:1] == "[" and "[]" in (one.name, other.name))
    return one.kind in _LOCKING and other.kind in _LOCKING


_ACCESSES = frozenset({Kind.READ, Kind.WRITE})
_LOCKING = frozenset({Kind.ACQUIRE, Kind.TRY, Kind.RELEASE})
