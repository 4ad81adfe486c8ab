"""Progress in a terminal: one line at the bottom, drawn with rich, that what the program prints passes above.

The bar is redrawn by the display thread. While it stands, ``sys.stdout`` and ``sys.stderr`` (as far as they are
terminals) are wrapped, also in the handlers of ``logging`` that have them: a write first erases the bar, and a
finished line brings it back below. Between a write and the end of its line the bar stays away. What worker processes
print comes that way, too: `BarStream.draws` asks for it. A second map that wants a bar meanwhile sees the wrapper and
writes plain lines.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
from typing import Any, TextIO

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from plait._core.streams import is_terminal
from plait._draw.columns import cells
from plait._engines.line_output import LineOutput
from plait._run.progress import Progress, counted, details, last_line
from plait._run.progress_display import write_whole
from plait._run.report import Report

_PAUSE = 0.1
_CALM_PAUSE = 0.25  # once it has run for a while: drawing costs a millisecond of everybody's GIL
_CALM_AFTER = 2.0
_ERASE = "\r\x1b[K"
_LEAST_BAR = 8
_MOST_BAR = 40


class BarDisplay:
    """Draws the bar on a terminal and keeps it apart from what the program prints."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._lock = threading.RLock()
        self._line = ""
        self._visible = False
        self._midline = False
        self._open = True
        self._wrapped: dict[str, BarStream] = {}
        self._logs: list[tuple[logging.StreamHandler[Any], TextIO, BarStream]] = []

    @property
    def is_open(self) -> bool:
        """Whether the bar may be drawn."""
        return self._open

    def open(self) -> None:
        """Wrap the standard streams. Others may wrap them further during the run, and have to take that off again."""
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is not None and not isinstance(stream, BarStream) and is_terminal(stream):
                self._wrapped[name] = BarStream(stream, self)
                setattr(sys, name, self._wrapped[name])
        for handler in _log_handlers():
            for wrapper in self._wrapped.values():
                if _below(handler.stream) is _below(wrapper.wrapped):
                    self._logs.append((handler, handler.stream, wrapper))
                    handler.setStream(wrapper)

    def show(self, progress: Progress) -> float:
        """Draw the bar."""
        line = render_bar(progress, _width(self._terminal), self._terminal.encoding)
        with self._lock:
            self._line = line
            if not self._midline:
                self._put(f"{_ERASE}{line}")
                self._visible = True
        return _PAUSE if progress.seconds < _CALM_AFTER else _CALM_PAUSE

    def close(self, progress: Progress, report: Report | None) -> None:
        """Put the closing line in the place of the bar."""
        text = last_line(progress, report)
        with self._lock:
            self._open = False
            before = "\n" if self._midline else _ERASE
            self._unwrap()
            self._put(f"{before}{text}\n")
        for handler, stream, wrapper in self._logs:  # without the lock, which a record may wait for with the handler's
            if handler.stream is wrapper:
                handler.setStream(stream)

    def write(self, stream: TextIO, text: str) -> int:
        """What the program writes to one of the wrapped streams."""
        if not self._open or not text:
            return stream.write(text)
        with self._lock:
            if self._visible:
                self._put(_ERASE)
                self._visible = False
            written = stream.write(text)
            self._midline = not text.endswith("\n")
            if not self._midline and self._open and self._line:
                stream.flush()
                self._put(self._line)
                self._visible = True
        return written

    def _put(self, text: str) -> None:
        write_whole(self._terminal, text)

    def _unwrap(self) -> None:
        for name, wrapper in self._wrapped.items():
            if (
                getattr(sys, name) is wrapper
            ):  # else somebody replaced it meanwhile; the wrapper only passes on from now
                setattr(sys, name, wrapper.wrapped)


class BarStream:
    """Stands for ``sys.stdout`` or ``sys.stderr`` while a bar is shown; everything but writing goes to the real one."""

    def __init__(self, wrapped: TextIO, display: BarDisplay) -> None:
        self.wrapped = wrapped
        self._display = display

    @property
    def draws(self) -> bool:
        """Whether what goes to the terminal past this object would get into the bar."""
        return self._display.is_open

    def write(self, text: str) -> int:
        return self._display.write(self.wrapped, text)

    def writelines(self, lines: list[str]) -> None:
        self._display.write(self.wrapped, "".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)


def _log_handlers() -> list[logging.StreamHandler[Any]]:
    """All that write to a stream, which they got when they were made."""
    loggers = [logging.root, *logging.root.manager.loggerDict.copy().values()]
    every = [handler for logger in loggers for handler in getattr(logger, "handlers", ())]
    return [handler for handler in every if isinstance(handler, logging.StreamHandler)]


def bar_is_shown(stream: object) -> bool:
    """Whether another map draws its bar on the stream now."""
    stream = _below(stream)
    return isinstance(stream, BarStream) and stream.draws


def _below(stream: object) -> object:
    """What is written to in the end: maps on threads that run already have put stand-ins over the standard streams."""
    while isinstance(stream, LineOutput):
        stream = stream.target
    return stream


def render_bar(progress: Progress, width: int, encoding: str | None = None) -> str:
    """The bar as one line of at most `width` - 1 columns, with the escape sequences for its colours."""
    head = f"{progress.name} "
    tail = f" {counted(progress)} · {' · '.join(details(progress))}"
    room = width - 1
    file = _Encoded(encoding or "utf-8")
    console = Console(file=file, force_terminal=True, width=room, highlight=False, legacy_windows=False)
    length = min(_MOST_BAR, room - cells(head) - cells(tail))
    if length < _LEAST_BAR:
        console.print(Text(head + tail.lstrip()), end="", no_wrap=True, overflow="ellipsis")
        return file.getvalue()
    bar = ProgressBar(
        total=progress.total,
        completed=progress.done,
        width=length,
        pulse=progress.total is None,
        animation_time=progress.seconds,
    )
    row = Table.grid()
    row.add_row(Text(head, no_wrap=True), bar, Text(tail, no_wrap=True, style="red" if progress.failed else ""))
    console.print(row, end="")
    return file.getvalue().rstrip("\n")


class _Encoded(io.StringIO):
    """A text buffer that says what the terminal can show, so that rich draws with letters where it must."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._shown = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]  # StringIO says None
        return self._shown


def _width(terminal: TextIO) -> int:
    try:
        return os.get_terminal_size(terminal.fileno()).columns or 80
    except (OSError, ValueError, AttributeError):
        return 80
