"""Where in the user's source something happens: from a frame to a `Site`, and from a stack to `Frame`s."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterable
from itertools import islice
from types import CodeType, FrameType, TracebackType

from plait._check.record import Frame
from plait._core.event import Site

_TEXT = 60  # characters of the source that a site quotes at most


class Sites:
    """Knows which files are the user's, and remembers the sites it has made.

    A site is made once for each instruction, so it costs next to nothing afterwards.
    """

    def __init__(self) -> None:
        self.files: set[str] = set()
        self._made: dict[int, tuple[CodeType, dict[int, Site]]] = {}  # by id: the hash of a code takes a microsecond

    def here(self, depth: int = 1) -> Site | None:
        """The innermost place in the user's source on the stack of the caller; None if nothing of theirs is on it."""
        frame: FrameType | None = sys._getframe(depth + 1)
        files = self.files
        while frame is not None:
            code = frame.f_code
            if code.co_filename in files:
                return self._at(code, frame)
            frame = frame.f_back
        return None

    def at(self, frame: FrameType) -> Site:
        """Where in the user's source the frame is."""
        return self._at(frame.f_code, frame)

    def _at(self, code: CodeType, frame: FrameType) -> Site:
        instruction = frame.f_lasti
        made = self._made.get(id(code))
        if made is None:
            made = self._made[id(code)] = (code, {})
        found = made[1].get(instruction)
        if found is None:
            found = made[1][instruction] = _site(code, instruction, frame.f_lineno)
        return found

    def stack(self, frame: FrameType | None) -> tuple[Frame, ...]:
        """The frames of a stack, outermost first, without our own."""
        frames: list[Frame] = []
        while frame is not None:
            frames.append(self._frame(frame.f_code, frame.f_lineno))
            frame = frame.f_back
        frames.reverse()
        return tuple(found for found in frames if not _ours(found.file))

    def frames(self, frames: Iterable[FrameType]) -> tuple[Frame, ...]:
        """The same for frames that are given, outermost first, such as those of a suspended task."""
        return tuple(self._frame(frame.f_code, frame.f_lineno) for frame in frames)

    def trace(self, traceback: TracebackType | None) -> tuple[Frame, ...]:
        """The frames that an exception came through, outermost first, without our own."""
        frames: list[Frame] = []
        while traceback is not None:
            frames.append(self._frame(traceback.tb_frame.f_code, traceback.tb_lineno))
            traceback = traceback.tb_next
        return tuple(found for found in frames if not _ours(found.file))

    def _frame(self, code: CodeType, line: int | None) -> Frame:
        return Frame(code.co_filename, line or 0, code.co_qualname, code.co_filename in self.files)


def _site(code: CodeType, instruction: int, line: int) -> Site:
    position = next(islice(code.co_positions(), instruction // 2, None), None) or (line, line, 0, 0)
    first, last, column, end = (position[0] or line, position[1] or line, position[2] or 0, position[3] or 0)
    text = linecache.getline(code.co_filename, first).encode()
    if text.lstrip().startswith((b"with ", b"async with ")):  # Pythons differ in what of it they point at
        column, last, end = len(text) - len(text.lstrip()), first, len(text.rstrip())
    quoted = text[column : end if last == first else None].decode(errors="replace").strip()
    return Site(code.co_filename, first, column, last, end, code.co_qualname, quoted[:_TEXT])


_HERE = __file__.rpartition("/")[0].rpartition("\\")[0] or __file__.rpartition("/")[0]


def _ours(file: str) -> bool:
    return file.startswith(_HERE)
