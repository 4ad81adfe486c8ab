"""Where the results of ``plait map`` go: JSON lines, or what commands wrote; failures to a file on request."""

from __future__ import annotations

import contextlib
import os
import select
import sys
from _collections_abc import Callable, Iterator
from types import TracebackType
from typing import Any, Protocol, TextIO

import click

from plait._cli.records import record_line
from plait._core.outcome import Outcome
from plait._run.command import CommandFailed, CommandResult

Write = Callable[[bytes], object]

_ENOUGH = 1 << 16


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
    sys.stdout.flush()
    real = sys.stdout.fileno()
    if not keep_prints_apart:
        with Descriptor(real) as out:
            yield Streams(out.write, _write_error, out.flush)
        return
    with prints_at_stderr() as kept, Descriptor(kept) as out:
        yield Streams(out.write, _write_error, out.flush)


@contextlib.contextmanager
def prints_at_stderr() -> Iterator[int]:
    """Meanwhile, what is printed in whatever way and process goes to standard error; gives what was standard output."""
    sys.stdout.flush()
    real = sys.stdout.fileno()
    kept = os.dup(real)
    _point_at_stderr(real)
    try:
        yield kept
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()  # what functions have printed; whoever does not read that may still want the results
        os.dup2(kept, real)
        os.close(kept)


class Descriptor:
    """Buffers what is written to a file descriptor. What could not be written is not tried again by anybody."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._buffer: list[bytes] = []
        self._size = 0

    def __enter__(self) -> Descriptor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if error is None:
            self.flush()
            return
        with contextlib.suppress(OSError):  # the error that ended the map is the one to be told
            self.flush()

    def write(self, data: bytes) -> None:
        """Take the bytes, and write when there are enough."""
        self._buffer.append(data)
        self._size += len(data)
        if self._size >= _ENOUGH:
            self.flush()

    def flush(self) -> None:
        """Write everything."""
        data, self._buffer, self._size = b"".join(self._buffer), [], 0
        write_all(self._number, data)


@contextlib.contextmanager
def open_errors(path: str | None) -> Iterator[Write | None]:
    """The file for failures, created when the map begins; each line is in it as soon as its turn has come.

    Raises:
        click.ClickException: it cannot be written.
    """
    if path is None:
        yield None
        return
    try:
        file = open(path, "wb", buffering=0)  # noqa: SIM115  # closed below; only opening it is in the try
    except OSError as error:
        raise _no_errors_file(path, error) from error

    def write(data: bytes) -> None:
        try:
            write_all(file.fileno(), data)
        except OSError as error:
            raise _no_errors_file(path, error) from error

    with file:
        yield write


def _no_errors_file(path: str, error: OSError) -> click.ClickException:
    return click.ClickException(f"--errors: cannot write {path!r}: {error.strerror}")


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
    sys.stdout.write(_in_letters_of(sys.stdout, data))
    sys.stdout.flush()


def _nothing() -> None:
    """A terminal is flushed at each write."""


def _write_error(data: bytes) -> None:
    if sys.stderr is None:
        return
    if sys.stderr.isatty():
        sys.stderr.write(_in_letters_of(sys.stderr, data))
        return
    sys.stderr.flush()
    sys.stderr.buffer.write(data)
    sys.stderr.buffer.flush()


def _in_letters_of(terminal: TextIO, data: bytes) -> str:
    """The text, with escapes for what the terminal cannot show."""
    encoding = terminal.encoding or "utf-8"
    return data.decode("utf-8", "replace").encode(encoding, "backslashreplace").decode(encoding)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it, also to a pipe that somebody has made non-blocking."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            select.select([], [descriptor], [])
