"""Where the results of ``plait map`` go: JSON lines, or what commands wrote; failures to a file on request."""

from __future__ import annotations

import contextlib
import os
import sys
from _collections_abc import Callable, Iterator
from typing import IO, Any, Protocol

from plait._cli.records import record_line
from plait._core.outcome import Outcome
from plait._run.command import CommandFailed, CommandResult

Write = Callable[[bytes], object]


class Sink(Protocol):
    """Takes outcomes in the order of delivery."""

    def write(self, outcome: Outcome[Any]) -> None:
        """One outcome; may be buffered."""
        ...


class JsonSink:
    """Every outcome as a JSON line on standard output; failures in `errors` instead, when there is such a file."""

    def __init__(self, out: Write, errors: Write | None) -> None:
        self._out = out
        self._errors = errors

    def write(self, outcome: Outcome[Any]) -> None:
        """One line."""
        to = self._errors if self._errors is not None and outcome.error is not None else self._out
        to(record_line(outcome))


class CommandSink:
    """What each command wrote, whole: its output to standard output, then its errors to standard error."""

    def __init__(self, out: Write, err: Write, errors: Write | None) -> None:
        self._out = out
        self._err = err
        self._errors = errors

    def write(self, outcome: Outcome[Any]) -> None:
        """Everything one command wrote, also one that failed."""
        result = outcome.error.result if isinstance(outcome.error, CommandFailed) else outcome.value
        if isinstance(result, CommandResult):
            result.stdout.copy_to(self._out)
            result.stderr.copy_to(self._err)
        if self._errors is not None and outcome.error is not None:
            self._errors(record_line(outcome))


class Streams:
    """Standard output and error for bytes; `flush` makes what was written visible."""

    def __init__(self, out: Write, err: Write, flush: Callable[[], object]) -> None:
        self.out = out
        self.err = err
        self.flush = flush


@contextlib.contextmanager
def open_streams(*, keep_prints_apart: bool) -> Iterator[Streams]:
    """The streams for results.

    With `keep_prints_apart`, what functions print, in whatever way and process, goes to standard error meanwhile, so
    that standard output has nothing but results. On a terminal both are in the same place anyway.
    """
    if sys.stdout.isatty():
        yield Streams(_write_to_terminal, _write_error, _nothing)
        return
    if not keep_prints_apart:
        out = sys.stdout.buffer
        yield Streams(out.write, _write_error, out.flush)
        out.flush()
        return
    sys.stdout.flush()
    real = sys.stdout.fileno()
    with os.fdopen(os.dup(real), "wb") as results:
        _point_at_stderr(real)
        try:
            yield Streams(results.write, _write_error, results.flush)
            results.flush()
        finally:
            with contextlib.suppress(BrokenPipeError):
                sys.stdout.flush()
            os.dup2(results.fileno(), real)


@contextlib.contextmanager
def open_errors(path: str | None) -> Iterator[Write | None]:
    """The file for failures, created when the map begins; each line is in it as soon as the item has failed."""
    if path is None:
        yield None
        return
    with open(path, "wb", buffering=0) as file:
        yield lambda data: _write_all(file, data)


def _point_at_stderr(descriptor: int) -> None:
    try:
        os.dup2(sys.stderr.fileno(), descriptor)
    except (OSError, ValueError, AttributeError):  # there is no standard error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(line_buffering=True)


def _write_to_terminal(data: bytes) -> None:
    """Finds the stream at each write: a progress bar puts itself in its place."""
    sys.stdout.write(data.decode("utf-8", "replace"))
    sys.stdout.flush()


def _nothing() -> None:
    """A terminal is flushed at each write."""


def _write_error(data: bytes) -> None:
    if sys.stderr is None:
        return
    if sys.stderr.isatty():
        sys.stderr.write(data.decode("utf-8", "replace"))
        return
    sys.stderr.flush()
    sys.stderr.buffer.write(data)
    sys.stderr.buffer.flush()


def _write_all(file: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
