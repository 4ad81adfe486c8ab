"""Keeps lines that several threads print whole: ``print`` writes a text and its newline apart, others get in between.

While a run is active, ``sys.stdout`` and ``sys.stderr`` are `LineOutput` objects. What a worker's thread writes is held
back until its line ends; what any other thread writes passes straight through, and so does everything but writing. A
worker's thread is one that has `Lines`: a `LineThread`, or one of somebody else's for as long as it runs our items.
"""

from __future__ import annotations

import sys
import threading
from _collections_abc import Iterable, Iterator
from collections import deque
from copy import copy

from plait._core.daemons import daemons_allowed
from plait._core.streams import flush

_SWAP = threading.Lock()  # runs start and end in several threads
# A ``print`` that is under way may hold ``sys.stdout`` without a reference of its own (gh-130163), so the stand-in of a
# map that ends meanwhile must stay. It is used again for the same stream: only who replaces that again and again makes
# more of them.
_KEPT: deque[LineOutput] = deque(maxlen=8)


class Lines(dict["LineOutput", str]):
    """What a thread has printed that has no newline yet."""

    def end(self) -> None:
        """Write it out."""
        while self:
            output, text = self.popitem()
            output.write_through(text)


class LineThread(threading.Thread):
    """A thread whose output comes in whole lines; `end_lines` writes what its last print left without a newline."""

    unfinished: Lines

    def __init__(self, *, target: object, name: str) -> None:
        super().__init__(target=target, name=name, daemon=daemons_allowed())  # type: ignore[arg-type]  # any callable
        self.unfinished = Lines()

    def end_lines(self) -> None:
        """Write out what has no newline yet."""
        self.unfinished.end()


class LineOutput:
    """Stands for a text stream. `users` counts the runs that need it; without any it only passes on.

    Others may have replaced ``sys.stdout`` meanwhile (``redirect_stdout``, pytest's ``capsys``) and may put this object
    back after its last run has ended, so it goes on working for ever.
    """

    __slots__ = ("__weakref__", "target", "users")

    def __init__(self, target: object) -> None:
        self.target = target
        self.users = 0

    @classmethod
    def over(cls, target: object) -> LineOutput:
        """The one that stands for this stream. With the lock held."""
        for kept in _KEPT:
            if kept.target is target:
                return kept
        made = cls(target)
        _KEPT.append(made)
        return made

    def write(self, text: str) -> int:
        """Write whole lines; hold back the rest when a worker's thread calls."""
        unfinished = _unfinished()
        if unfinished is None or not self.users:
            return self.write_through(text)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        head, newline, tail = (unfinished.pop(self, "") + text).rpartition("\n")
        if tail:
            unfinished[self] = tail
        if newline:
            self.write_through(head + newline)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of them."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Write out what is held back for the calling thread, and flush the stream itself."""
        if (unfinished := _unfinished()) is not None and (text := unfinished.pop(self, "")):
            self.write_through(text)
        flush(self.target)

    def write_through(self, text: str) -> int:
        """Write to the stream itself."""
        written: int = self.target.write(text)  # type: ignore[attr-defined]  # whatever sys.stdout was
        return written

    def __getattr__(self, name: str) -> object:
        if name in LineOutput.__slots__:  # of a copy that is being made: there is nothing behind it yet
            raise AttributeError(name)
        return getattr(self.target, name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in LineOutput.__slots__:
            object.__setattr__(self, name, value)
        else:
            setattr(self.target, name, value)

    def __copy__(self) -> object:
        return copy(self.target)

    def __enter__(self) -> LineOutput:
        self.target.__enter__()  # type: ignore[attr-defined]  # whatever sys.stdout was
        return self

    def __exit__(self, *error: object) -> object:
        self.flush()
        return self.target.__exit__(*error)  # type: ignore[attr-defined]  # whatever sys.stdout was

    def __iter__(self) -> Iterator[object]:
        return iter(self.target)  # type: ignore[call-overload, no-any-return]  # whatever sys.stdout was

    def __repr__(self) -> str:
        return f"<plait line output over {self.target!r}>"


def _unfinished() -> Lines | None:
    """Those of the calling thread, if it is a worker's."""
    found = getattr(threading.current_thread(), "unfinished", None)
    return found if isinstance(found, Lines) else None


class WholeLines:
    """Makes prints of a run's threads whole from its creation until `end`."""

    __slots__ = ("_outputs",)

    def __init__(self) -> None:
        self._outputs: list[tuple[str, LineOutput]] = []
        with _SWAP:
            for name in ("stdout", "stderr"):
                stream = getattr(sys, name, None)
                if stream is None:  # a program without a console
                    continue
                if not isinstance(stream, LineOutput):
                    stream = LineOutput.over(stream)
                    setattr(sys, name, stream)
                stream.users += 1
                self._outputs.append((name, stream))

    def end(self) -> None:
        """This run needs it no longer; the last one puts the streams back."""
        with _SWAP:
            while self._outputs:
                name, output = self._outputs.pop()
                output.users -= 1
                if not output.users and getattr(sys, name, None) is output:
                    setattr(sys, name, output.target)
