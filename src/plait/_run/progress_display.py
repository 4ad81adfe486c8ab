"""Shows progress from a thread of its own: which display fits, when it draws, and plain lines for logs and pipes."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
from _collections_abc import Callable
from typing import Any, Protocol, TextIO

from plait._core.daemons import daemons_allowed
from plait._core.streams import flush, is_terminal
from plait._draw.columns import printable
from plait._run.progress import Progress, RecentRate, last_line, progress_line
from plait._run.report import Report

_PATIENCE = 1.0  # seconds that the end of a map waits for the last line
_FIRST_LINE = 5.0
_LONGEST_PAUSE = 60.0
_CHOOSING = threading.Lock()  # of maps that begin at once in several threads, one has the bar


class Display(Protocol):
    """Draws. An OSError or ValueError from `show` or `close` means that nobody can see it."""

    def open(self) -> None:
        """Make room; called by the thread that drives the run, before the run begins."""
        ...

    def show(self, progress: Progress) -> float:
        """Draw, and say in how many seconds to draw again; called by the display thread, as is `close`."""
        ...

    def close(self, progress: Progress, report: Report | None) -> None:
        """Draw the end; without a report the interpreter exits while the map is open."""
        ...


def choose_display(stream: TextIO | None) -> Display:
    """What fits the place: a notebook, a terminal that can move its cursor, or plain lines."""
    handle = _notebook()
    if handle is not None:
        from plait._run.progress_notebook import NotebookDisplay  # only where there is a notebook

        return NotebookDisplay(handle)
    if stream is not None and is_terminal(stream) and os.environ.get("TERM") != "dumb":
        from plait._run.progress_bar import BarDisplay, bar_is_shown  # rich: only where there is a terminal

        if not bar_is_shown(stream):
            return BarDisplay(stream)
    return LineDisplay(stream)


class DisplayMeter:
    """Keeps two numbers for the work, and a daemon thread that draws them."""

    def __init__(self, choose: Callable[[], Display], total: int | None, name: str) -> None:
        self._choose = choose  # when the run begins, since of two maps that were made before that one has the bar
        self._total = total
        self._name = name
        self._done = 0
        self._failed = 0
        self._began = 0.0
        self._rate = RecentRate()
        self._report: Report | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to draw."""
        self._began = time.perf_counter()
        with _CHOOSING:
            display = self._choose()
            self._thread = threading.Thread(
                target=self._draw, args=[display], name="plait-progress", daemon=daemons_allowed()
            )
            try:
                self._thread.start()
            except RuntimeError as error:  # no more threads: the work needs them more
                self._thread = None
                logging.getLogger("plait").warning("no progress is shown: %s", error)
                return
            display.open()
        atexit.register(self._stop)  # a daemon thread must not write while the interpreter is taken down

    def advance(self, done: int, failed: int) -> None:
        """Note the numbers."""
        self._done = done
        self._failed = failed

    def finish(self, report: Report) -> None:
        """Draw the end, and wait for it a moment."""
        self._done, self._failed, self._report = report.items, report.failed, report
        self._stop()
        atexit.unregister(self._stop)

    def _stop(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def _draw(self, display: Display) -> None:
        try:
            pause = display.show(self._now())
            while not self._over.wait(pause):
                pause = display.show(self._now())
            display.close(self._now(), self._report)
        except (OSError, ValueError):
            return  # the terminal is gone or the stream is closed: nobody watches

    def _now(self) -> Progress:
        seconds = time.perf_counter() - self._began
        done = self._done
        return Progress(done, self._failed, self._total, seconds, self._name, self._rate.record(seconds, done))


class LineDisplay:
    """Lines for logs and pipes, at growing distances: the first after five seconds, later one a minute."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._pause = _FIRST_LINE
        self._silent_until = _FIRST_LINE

    def open(self) -> None:
        """Lines need no room."""

    def show(self, progress: Progress) -> float:
        """Write a line, unless the map has just begun."""
        if progress.seconds >= self._silent_until:
            self._write(progress_line(progress))
            self._pause = min(_LONGEST_PAUSE, self._pause * 1.5)
            self._silent_until = progress.seconds + self._pause
        return max(0.01, self._silent_until - progress.seconds)

    def close(self, progress: Progress, report: Report | None) -> None:
        """Write the closing line."""
        self._write(last_line(progress, report))

    def _write(self, line: str) -> None:
        if self._stream is not None:
            write_whole(self._stream, f"{line}\n")


def write_whole(stream: TextIO, text: str) -> None:
    """Write to a stream in one piece.

    Standard error goes straight to its file: a thread that is stuck in a write (someone stopped the terminal with
    Ctrl-S) then holds no lock of the stream, which the rest of the program and the interpreter's exit need.
    """
    text = printable(text, stream.encoding)
    if stream is not sys.__stderr__:
        stream.write(text)
        flush(stream)
        return
    data = text.encode(stream.encoding or "utf-8")
    file = stream.fileno()
    while data:
        data = data[os.write(file, data) :]


def _notebook() -> Any:
    """IPython's display module inside of a notebook's kernel, or None. Never imports IPython: its kernel did."""
    if "IPython" not in sys.modules:
        return None
    shell = getattr(sys.modules["IPython"], "get_ipython", lambda: None)()
    return sys.modules.get("IPython.display") if getattr(shell, "kernel", None) is not None else None
